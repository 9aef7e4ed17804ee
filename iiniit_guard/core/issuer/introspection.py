"""Token introspection, and how long a response is cached.

Spec: RFC 7662 §2.1 and §2.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import floor
from typing import Any, Final
from urllib.parse import urlencode

from iiniit_guard.core.cache.tokens import CacheEntry, TokenCache
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.issuer.client_authentication import SignedIn, sign_in
from iiniit_guard.core.issuer.metadata import retry_after
from iiniit_guard.core.issuer.shared_store import AHEAD_SECONDS
from iiniit_guard.core.jose.second_spelling import second_digest
from iiniit_guard.core.jose.strict_json import parse_object
from iiniit_guard.core.jose.unverified import names_confirmation
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.claims import is_time
from iiniit_guard.core.model.clock import Moment
from iiniit_guard.core.model.flow import Fetch, Flow, HttpRequest, HttpResponse, Unreachable
from iiniit_guard.core.model.problem import Problem

_YOUNG_SECONDS: Final = 30.0
_MEASURED_BYTES: Final = 1024
_CREDENTIALS_RETRY_SECONDS: Final = 30.0


def introspect(
    token: str,
    digest: bytes,
    server: AuthorizationServer,
    cache: TokenCache,
    *,
    issued_at: object = None,
    verified: CacheEntry | None = None,
    outdated: float | None = None,
) -> Flow[AccessToken | Problem | Unreachable]:
    """Introspect a token, unless a response is cached or a call is in flight.

    Args:
        token: The token as received.
        digest: The key of the token in the caches.
        server: The issuer of the token.
        cache: The cache of active tokens.
        issued_at: `iat` of a JWT, unverified. It only determines how soon a refused token is
            introspected again.
        verified: The result of the local check (`jwt="both"`). A response is then cached no longer
            than its key and its `exp` allow.
        outdated: A moment of the monotonic clock. A cache entry that expires at this moment or
            earlier is not used, nor is a response from the shared store; the server is called
            instead.
    """
    refused = server.inactive if server.tombstones.is_ended(digest) else server.refused.get(digest)
    if refused is not None:
        return refused

    def start() -> Flow[AccessToken | Problem | Unreachable]:
        return _introspect(token, digest, server, cache, issued_at, verified, outdated)

    outcome = yield from server.flights.share(
        ("introspect", digest), start, 4 * server.connection.timeout_seconds
    )
    return outcome.about(issuer=server.issuer) if isinstance(outcome, Unreachable) else outcome


def _introspect(
    token: str,
    digest: bytes,
    server: AuthorizationServer,
    cache: TokenCache,
    issued_at: object,
    verified: CacheEntry | None,
    outdated: float | None,
) -> Flow[AccessToken | Problem | Unreachable]:
    known_now = _get_cached(digest, server, cache, outdated)
    if known_now is not None:
        return known_now  # a concurrent call ended between the first lookup and this one
    shared = (
        None
        if outdated is not None
        else (yield from _get_shared(token, digest, server, cache, verified))
    )
    if shared is not None:
        return shared
    endpoint = yield from server.introspection_endpoint()
    if isinstance(endpoint, Unreachable):
        return endpoint
    known = cache.was_active(digest)
    breaker = server.breaker if known else server.breaker_of_unknown
    closed = breaker.refusal(server.connection.timeout_seconds)
    if closed is not None:
        return closed
    probes = breaker.is_open
    if not server.calls.enter(known=known):
        if probes:
            breaker.abandon()
        return Unreachable("busy", "introspection: too many calls are in flight")
    try:
        credentials = yield from sign_in(
            server.client_authentication, server.issuer, server.clock.wall(), server.unique()
        )
        if isinstance(credentials, Unreachable):
            server.failure = credentials.about(topic="client_secret")
            return server.failure
        sent = server.clock.now()
        reply = yield Fetch(_request(token, endpoint, credentials, server))
        breaker.record(reply, known=known)
        probes = False
    finally:
        server.calls.leave(known=known)
        if probes:
            breaker.abandon()
    answer = reply if isinstance(reply, Unreachable) else _located_answer(reply, endpoint)
    used = (endpoint, credentials.fingerprint)
    rejected = server.rejections.refuse(digest, reply, answer, used, sent, known=known)
    if isinstance(answer, Unreachable):
        server.failure = answer if rejected is None else server.failure
        return rejected or answer.not_before(breaker.seconds_left)
    server.failure = None
    claims = _claims(answer, token)
    length = len(reply.body) if isinstance(reply, HttpResponse) else 0
    outcome = _remember(
        claims, answer["active"], digest, server, cache, sent, issued_at, verified, length
    )
    other = _settle_second_spelling(token, digest, answer["active"], server, cache, sent, verified)
    if server.store is not None:
        if isinstance(outcome, AccessToken):
            yield from server.store.keep(digest, claims, sent)
        elif server.tombstones.supersedes(digest, sent.monotonic):
            yield from server.store.end(
                digest, server.clock.now(), server.connection.timeout_seconds
            )
        if other is not None:
            yield from server.store.end(
                other, server.clock.now(), server.connection.timeout_seconds
            )
    return outcome


def check_credentials(server: AuthorizationServer) -> Flow[Unreachable | None]:
    """Return why the guard cannot sign in at the introspection endpoint, or None if it can.

    No request is sent. The result is recorded as the failure of the issuer.
    """
    credentials = yield from sign_in(
        server.client_authentication, server.issuer, server.clock.wall(), server.unique()
    )
    if isinstance(credentials, Unreachable):
        server.failure = credentials.about(topic="client_secret")
        return server.failure
    if server.failure is not None and server.failure.diagnosis.topic == "client_secret":
        server.failure = None
    return None


def _get_cached(
    digest: bytes, server: AuthorizationServer, cache: TokenCache, outdated: float | None
) -> AccessToken | Problem | None:
    entry = cache.find(digest)
    return (
        server.refused.get(digest) if entry is None or not entry.outlasts(outdated) else entry.token
    )


def _settle_second_spelling(
    token: str,
    digest: bytes,
    active: bool,
    server: AuthorizationServer,
    cache: TokenCache,
    sent: Moment,
    verified: CacheEntry | None,
) -> bytes | None:
    """Apply an inactive response to the second spelling of an ECDSA signature too.

    A server may match its deny-list against the text of a token. So if a valid token became
    inactive, the other spelling is refused until the server reports the introspected spelling
    active again. A server may also look tokens up by their text and know only one spelling. So if
    only the other spelling was valid here, it is evicted, all older responses are invalid, and it
    may be introspected again. If neither spelling was valid, there are two cases. A token signed by
    a key of the issuer gets a tombstone for its other spelling. The other spelling of any other
    token is refused for as long as a refusal is cached.

    Returns:
        The cache key of the spelling whose end the shared store must record, or None.
    """
    if active and not server.tombstones.any_spelling:
        return None
    other = second_digest(token, digest, server.issuer)
    if other is None:
        return None
    if active:
        server.tombstones.lift(other)
        return None
    other_was_good = cache.drop(other)
    if server.tombstones.supersedes(digest, sent.monotonic) or (
        verified is not None and not other_was_good
    ):
        server.tombstones.end(other)
    elif other_was_good:
        server.tombstones.add(other)
    else:
        server.refused.keep(other, server.inactive, young=False)
        return None
    return other


def _get_shared(
    token: str,
    digest: bytes,
    server: AuthorizationServer,
    cache: TokenCache,
    verified: CacheEntry | None,
) -> Flow[AccessToken | None]:
    """Return a token from a response that another process stored, or None.

    The response is checked like a response to this process and keeps its deadline.
    """
    if server.store is None:
        return None
    shared = yield from server.store.get(digest, server.clock.now())
    # Another clock set this time. If in doubt, treat the response as older than any of this
    # process.
    if shared is None or server.tombstones.supersedes(
        digest, shared.sent.monotonic - AHEAD_SECONDS
    ):
        return None
    claims = _claims(shared.claims, token)
    outcome = server.checks.check(claims, server.clock.wall(), introspected=True)
    if not isinstance(outcome, AccessToken):
        return None
    server.confirmed = server.has_accepted = True
    _keep(outcome, server.begins(claims), digest, server, cache, shared.sent, verified)
    return cache.get(digest)


def _request(
    token: str, endpoint: str, credentials: SignedIn, server: AuthorizationServer
) -> HttpRequest:
    form = (("token", token), ("token_type_hint", "access_token"), *credentials.form)
    headers = (
        ("Accept", "application/json"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        *credentials.headers,
    )
    return HttpRequest(
        "POST", endpoint, headers, urlencode(form).encode("ascii"), server.connection
    )


def _located_answer(reply: HttpResponse, endpoint: str) -> Mapping[str, Any] | Unreachable:
    answer = _parse_answer(reply)
    if isinstance(answer, Unreachable):
        return answer.about(url=endpoint, status=reply.status)
    return answer


def _parse_answer(reply: HttpResponse) -> Mapping[str, Any] | Unreachable:
    """Parse an introspection response. Anything else is an outage, not a fault of the token."""
    # RFC 7662 §2.3: the credentials of the guard are wrong; a client cannot fix that.
    if reply.status in (401, 403):
        return Unreachable(
            "credentials", f"introspection: status {reply.status}", _CREDENTIALS_RETRY_SECONDS
        )
    if reply.status != 200:
        return Unreachable("answer", f"introspection: status {reply.status}", retry_after(reply))
    media_type = (
        (reply.header("content-type") or "application/json").partition(";")[0].strip().lower()
    )
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        return Unreachable("answer", "introspection: not application/json").about(topic="no_json")
    answer = parse_object(reply.body)
    if answer is None:
        return Unreachable("answer", "introspection: not a JSON object").about(topic="no_json")
    # "false", 1 and null are not booleans (RFC 7662 §2.2).
    if not isinstance(answer.get("active"), bool):
        return Unreachable("answer", "introspection: active is not a boolean")
    return answer


def _remember(
    claims: dict[str, Any],
    active: bool,
    digest: bytes,
    server: AuthorizationServer,
    cache: TokenCache,
    sent: Moment,
    issued_at: object,
    verified: CacheEntry | None,
    length: int,
) -> AccessToken | Problem:
    now = server.clock.wall()
    if active:
        outcome = server.checks.check(claims, now, introspected=True)
        issued_at = issued_at if claims.get("iat") is None else claims["iat"]
    else:
        outcome = server.inactive
    if isinstance(outcome, AccessToken) and (
        server.tombstones.supersedes(digest, sent.monotonic) or not server.is_trusted
    ):
        # A revocation of the token or of the issuer that arrived during the call overrides its
        # response.
        outcome = server.inactive
    if isinstance(outcome, Problem):
        outcome = outcome.about(issuer=server.issuer)
        # Renew an existing tombstone: an active response may have been requested in the meantime.
        if cache.drop(digest) or server.tombstones.supersedes(digest, float("-inf")):
            server.tombstones.add(digest)
        young = (
            is_time(issued_at)
            and -server.settings.clock_leeway_seconds <= now - issued_at < _YOUNG_SECONDS
        )
        server.refused.keep(digest, outcome, young=young)
        return outcome
    server.confirmed = server.has_accepted = True
    server.refused.forget(digest)
    _keep(outcome, server.begins(claims), digest, server, cache, sent, verified, length)
    return outcome


def _claims(answer: Mapping[str, Any], token: str) -> dict[str, Any]:
    """Return the claims of an introspection response.

    If the token has a `cnf` claim, the result has one too, even if the response omits it (RFC 7800
    §3.1).
    """
    claims = dict(answer)
    claims.pop("active", None)
    if "cnf" not in claims and names_confirmation(token):
        # Present but empty: its content is unverified, and the token is bound nevertheless.
        claims["cnf"] = {}
    return claims


def _keep(
    outcome: AccessToken,
    begins: float,
    digest: bytes,
    server: AuthorizationServer,
    cache: TokenCache,
    sent: Moment,
    verified: CacheEntry | None,
    length: int = 0,
) -> None:
    """Cache a valid response until its deadline.

    The deadline is the time of the request plus the revocation delay, or `exp` if that is earlier.
    """
    delay = server.settings.revocation_delay_seconds
    ends = floor(sent.wall) + delay
    if outcome.expires_at is not None:
        ends = min(ends, outcome.expires_at + server.checks.expiry_leeway_seconds)
    ends_monotonic, validity = floor(sent.monotonic) + delay, server.validity
    if verified is not None:
        begins, ends, validity = (
            max(begins, verified.valid_from),
            min(ends, verified.valid_until),
            verified.validity,
        )
        ends_monotonic = min(ends_monotonic, verified.valid_until_monotonic)
    # Measuring a large response would cost more than parsing it. A JWT with the same content is a
    # third longer.
    counted = length * 4 // 3 if length > _MEASURED_BYTES else None
    cache.keep(digest, CacheEntry(outcome, begins, ends, ends_monotonic, validity), counted)
