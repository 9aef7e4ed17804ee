"""Asking the authorization server about a token, and how long its answer counts.

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
    """Ask about a token, unless an answer is remembered or under way.

    Args:
        token: As it came.
        digest: Its key in the caches.
        server: Who issued it.
        cache: Where good answers are kept.
        issued_at: `iat` of a JWT, unverified, which only says how soon a refusal may be asked about again.
        verified: What a local check found (`jwt="both"`): an answer then counts no longer than the key and the `exp` behind it.
        outdated: An entry that ends at this moment or earlier, by the monotonic clock, is no answer, nor is what other processes were
            told: the server is asked.
    """
    refused = server.inactive if server.tombstones.is_ended(digest) else server.refused.recall(digest)
    if refused is not None:
        return refused

    def start() -> Flow[AccessToken | Problem | Unreachable]:
        return _introspect(token, digest, server, cache, issued_at, verified, outdated)

    return (yield from server.flights.share(("introspect", digest), start, 4 * server.connection.timeout_seconds))


def _introspect(
    token: str,
    digest: bytes,
    server: AuthorizationServer,
    cache: TokenCache,
    issued_at: object,
    verified: CacheEntry | None,
    outdated: float | None,
) -> Flow[AccessToken | Problem | Unreachable]:
    known_now = _recall(digest, server, cache, outdated)
    if known_now is not None:
        return known_now  # another's call ended between our look and our lead
    shared = None if outdated is not None else (yield from _recall_shared(token, digest, server, cache, verified))
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
        credentials = yield from sign_in(server.client_authentication, server.issuer, server.clock.wall(), server.unique())
        if isinstance(credentials, Unreachable):
            return credentials
        sent = server.clock.now()
        reply = yield Fetch(_request(token, endpoint, credentials, server))
        breaker.record(reply, known=known)
        probes = False
    finally:
        server.calls.leave(known=known)
        if probes:
            breaker.abandon()
    answer = reply if isinstance(reply, Unreachable) else _parse_answer(reply)
    server.failure = answer if isinstance(answer, Unreachable) else None
    if isinstance(answer, Unreachable):
        return answer.not_before(breaker.seconds_left)
    claims = _claims(answer, token)
    length = len(reply.body) if isinstance(reply, HttpResponse) else 0
    outcome = _remember(claims, answer["active"], digest, server, cache, sent, issued_at, verified, length)
    other = _settle_second_spelling(token, digest, answer["active"], server, cache, sent, verified)
    if server.store is not None:
        if isinstance(outcome, AccessToken):
            yield from server.store.keep(digest, claims, sent)
        elif server.tombstones.outdates(digest, sent.monotonic):
            yield from server.store.end(digest, server.clock.now(), server.connection.timeout_seconds)
        if other is not None:
            yield from server.store.end(other, server.clock.now(), server.connection.timeout_seconds)
    return outcome


def _recall(digest: bytes, server: AuthorizationServer, cache: TokenCache, outdated: float | None) -> AccessToken | Problem | None:
    entry = cache.find(digest)
    return server.refused.recall(digest) if entry is None or not entry.outlasts(outdated) else entry.token


def _settle_second_spelling(
    token: str,
    digest: bytes,
    active: bool,
    server: AuthorizationServer,
    cache: TokenCache,
    sent: Moment,
    verified: CacheEntry | None,
) -> bytes | None:
    """Let an inactive answer end the second spelling of an ECDSA signature too.

    A server may keep its deny-list by the token's text. So a token that was good and is no longer ends the other spelling until the
    server calls the asked one active again. A server may also look tokens up by their text, and know one spelling only. So where only
    the other spelling was good here, it is forgotten with all older answers and may be asked about anew. Where neither was, a token that
    the issuer's key signed ends the other; garbage ends it for as long as a refusal counts.

    Returns:
        The key in the caches of the spelling about which other processes must be told, or None.
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
    if server.tombstones.outdates(digest, sent.monotonic) or (verified is not None and not other_was_good):
        server.tombstones.end(other)
    elif other_was_good:
        server.tombstones.bury(other)
    else:
        server.refused.keep(other, server.inactive, young=False)
        return None
    return other


def _recall_shared(
    token: str, digest: bytes, server: AuthorizationServer, cache: TokenCache, verified: CacheEntry | None
) -> Flow[AccessToken | None]:
    """Look for an answer that another process was given; it is judged here as if it were our own, and keeps its deadline."""
    if server.store is None:
        return None
    shared = yield from server.store.recall(digest, server.clock.now())
    # Its time was told by another clock: in doubt it is older than what we were told ourselves.
    if shared is None or server.tombstones.outdates(digest, shared.sent.monotonic - AHEAD_SECONDS):
        return None
    claims = _claims(shared.claims, token)
    outcome = server.checks.check(claims, server.clock.wall(), introspected=True)
    if not isinstance(outcome, AccessToken):
        return None
    server.proven = True
    _keep(outcome, server.begins(claims), digest, server, cache, shared.sent, verified)
    return cache.recall(digest)


def _request(token: str, endpoint: str, credentials: SignedIn, server: AuthorizationServer) -> HttpRequest:
    form = (("token", token), ("token_type_hint", "access_token"), *credentials.form)
    headers = (("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded"), *credentials.headers)
    return HttpRequest("POST", endpoint, headers, urlencode(form).encode("ascii"), server.connection)


def _parse_answer(reply: HttpResponse) -> Mapping[str, Any] | Unreachable:
    """Read an introspection response; whatever is not exactly one is our outage, not the token's fault."""
    if reply.status in (401, 403):  # RFC 7662 §2.3: our own credentials, which no client can mend
        return Unreachable("credentials", f"introspection: status {reply.status}", _CREDENTIALS_RETRY_SECONDS)
    if reply.status != 200:
        return Unreachable("answer", f"introspection: status {reply.status}", retry_after(reply))
    media_type = (reply.header("content-type") or "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not (media_type.startswith("application/") and media_type.endswith("+json")):
        return Unreachable("answer", "introspection: not application/json")
    answer = parse_object(reply.body)
    if answer is None:
        return Unreachable("answer", "introspection: not a JSON object")
    if not isinstance(answer.get("active"), bool):  # "false", 1 and null are no booleans (RFC 7662 §2.2)
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
        issued_at = claims.get("iat", issued_at)
    else:
        outcome = server.inactive
    if isinstance(outcome, AccessToken) and (server.tombstones.outdates(digest, sent.monotonic) or not server.is_trusted):
        outcome = server.inactive  # what we were told since, of the token or of the issuer, counts more than what was true when we asked
    if isinstance(outcome, Problem):
        # A tombstone that is there already is renewed: an active answer may have been asked for since.
        if cache.drop(digest) or server.tombstones.outdates(digest, float("-inf")):
            server.tombstones.bury(digest)
        young = is_time(issued_at) and -server.settings.clock_leeway_seconds <= now - issued_at < _YOUNG_SECONDS
        server.refused.keep(digest, outcome, young=young)
        return outcome
    server.proven = True
    server.refused.forget(digest)
    _keep(outcome, server.begins(claims), digest, server, cache, sent, verified, length)
    return outcome


def _claims(answer: Mapping[str, Any], token: str) -> dict[str, Any]:
    """Return what an answer says about a token; the token's own `cnf` counts, also where the answer omits it (RFC 7800 §3.1)."""
    claims = dict(answer)
    claims.pop("active", None)
    if "cnf" not in claims and names_confirmation(token):
        claims["cnf"] = {}  # present: what it holds is not verified here, and binds the token all the same
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
    """Remember a good answer until its one deadline: the moment its request was sent plus the delay, or `exp`."""
    delay = server.settings.revocation_delay_seconds
    ends = floor(sent.wall) + delay
    if outcome.expires_at is not None:
        ends = min(ends, outcome.expires_at + server.checks.expiry_leeway_seconds)
    ends_monotonic, validity = floor(sent.monotonic) + delay, server.validity
    if verified is not None:
        begins, ends, validity = max(begins, verified.valid_from), min(ends, verified.valid_until), verified.validity
        ends_monotonic = min(ends_monotonic, verified.valid_until_monotonic)
    # Measuring what a large answer takes would cost more than parsing it. A JWT with the same content has a third more characters.
    counted = length * 4 // 3 if length > _MEASURED_BYTES else None
    cache.keep(digest, CacheEntry(outcome, begins, ends, ends_monotonic, validity), counted)
