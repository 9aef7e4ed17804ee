"""Token introspection (RFC 7662 §2.1, §2.2), and how long a response is cached."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor
from types import MappingProxyType
from typing import Final, cast

from iiniit_guard.core.cache.entry import CacheEntry
from iiniit_guard.core.cache.tokens import TokenCache, digest_of
from iiniit_guard.core.claims.confirmation import demand_both
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.issuer.client_authentication import sign_in
from iiniit_guard.core.issuer.introspection_call import call_issuer
from iiniit_guard.core.issuer.shared_store import AHEAD_SECONDS, SharedStore
from iiniit_guard.core.jose.jws import names_confirmation
from iiniit_guard.core.jose.second_spelling import second_spelling
from iiniit_guard.core.model.access_token import AccessToken, is_time
from iiniit_guard.core.model.clock import Moment
from iiniit_guard.core.model.flow import Flow, HttpResponse, Unreachable
from iiniit_guard.core.model.json_types import JsonMapping, JsonObject
from iiniit_guard.core.model.problem import Problem

_YOUNG_SECONDS: Final = 30.0
_NO_CLAIMS: Final[JsonMapping] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Answer:
    """A valid response: its members, when its request was sent, and its text if that is JSON."""

    members: JsonMapping = field(repr=False)
    sent: Moment
    text: bytes | None = field(repr=False)


def introspect(
    token: str,
    digest: bytes,
    server: AuthorizationServer,
    cache: TokenCache,
    *,
    unread: JsonMapping = _NO_CLAIMS,
    verified: CacheEntry | None = None,
    outdated: float | None = None,
) -> Flow[AccessToken | Problem | Unreachable]:
    """Introspect a token, unless a response is cached or a call is in flight.

    Args:
        token: The token as received.
        digest: The key of the token in the caches.
        server: The issuer of the token.
        cache: The cache of active tokens.
        unread: The claims of a JWT, unverified unless there is `verified`. `iat` determines how
            soon a refused token is introspected again, and `cnf` can only add a binding.
        verified: The result of the local check (`jwt="both"`). Its key and its `exp` limit how long
            a response is cached.
        outdated: A moment of the monotonic clock. No cache entry that expires at this moment or
            earlier is used, and no response from the shared store.
    """
    refused = server.inactive if server.tombstones.is_ended(digest) else server.refused.get(digest)
    if refused is not None:
        return refused
    asked = _Introspection(token, digest, server, cache, unread, verified, outdated)
    seconds = 4 * server.connection.timeout_seconds
    outcome = yield from server.flights.share(("introspect", digest), asked.run, seconds)
    if isinstance(outcome, Unreachable):
        return server.introspecting.described(outcome).about(issuer=server.issuer)
    return outcome


@dataclass(frozen=True, slots=True, repr=False)
class _Introspection:
    """The introspection of one token, with the arguments of `introspect`.

    It has no `repr` of its fields, because they hold the token and its claims.
    """

    token: str
    digest: bytes
    server: AuthorizationServer
    cache: TokenCache
    unread: JsonMapping
    verified: CacheEntry | None
    outdated: float | None

    def run(self) -> Flow[AccessToken | Problem | Unreachable]:
        """Return the result: from a cache, from the shared store, or from the server."""
        server, digest, store = self.server, self.digest, self.server.store
        # A concurrent call may have ended between the first lookup and this one.
        entry = self.cache.find(digest)
        if entry is not None and entry.outlasts(self.outdated):
            return entry.token
        refused = server.refused.get(digest)
        if refused is not None:
            return refused
        if store is not None and self.outdated is None:
            shared = yield from self._get_shared(store)
            if shared is not None:
                return shared
        endpoint = yield from server.introspection_endpoint()
        if isinstance(endpoint, Unreachable):
            return endpoint
        answer = yield from self._send(endpoint)
        if not isinstance(answer, _Answer):
            return answer
        claims, active = self._claims(answer.members), answer.members["active"] is True
        outcome, other = self._remember(claims, active, answer), None
        if not active or server.tombstones.any_spelling:
            other = self._settle_second_spelling(active, answer.sent)
        if store is not None:
            seconds = server.connection.timeout_seconds
            if isinstance(outcome, AccessToken):
                yield from store.keep(digest, claims, answer.sent)
            elif server.tombstones.supersedes(digest, answer.sent.monotonic):
                yield from store.end(digest, server.clock.now(), seconds)
            if other is not None:
                yield from store.end(other, server.clock.now(), seconds)
        return outcome

    def _claims(self, answer: JsonMapping) -> JsonObject:
        """Return the claims of a response, bound by its own `cnf` and by the `cnf` of the JWT.

        A JWT with `cnf` is bound, also if the response omits it (RFC 7800 §3.1).
        """
        claims = dict(answer)
        claims.pop("active", None)
        if "cnf" in claims:
            claims["cnf"] = demand_both(claims["cnf"], self.unread.get("cnf"))
        elif self.verified is not None and "cnf" in self.unread:
            claims["cnf"] = self.unread["cnf"]
        elif names_confirmation(self.token):
            # Present but empty: its content is unverified, and the token is bound nevertheless.
            claims["cnf"] = {}
        return claims

    def _get_shared(self, store: SharedStore) -> Flow[AccessToken | None]:
        """Return a token from a response that another process stored, or None.

        The response is checked like a response to this process and keeps its deadline.
        """
        server, digest = self.server, self.digest
        shared = yield from store.get(digest, server.clock.now())
        if shared is None:
            return None
        # Another clock set this time. If in doubt, the response is older than any of this process.
        if server.tombstones.supersedes(digest, shared.sent.monotonic - AHEAD_SECONDS):
            return None
        claims = self._claims(shared.claims)
        outcome = server.checks.check(claims, server.clock.wall(), introspected=True)
        if not isinstance(outcome, AccessToken):
            return None
        server.confirmed = server.has_accepted = True
        self._keep(outcome, claims, shared.sent)
        return self.cache.get(digest)

    def _send(self, endpoint: str) -> Flow[_Answer | Problem | Unreachable]:
        """Call the server, within the limits on calls."""
        server, known = self.server, self.cache.was_active(self.digest)
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
            called = yield from call_issuer(server, endpoint, self.token)
            if called is None:
                return cast("Unreachable", server.introspecting.failure)
            reply, answer, sent, used = called.reply, called.answer, called.sent, called.used
            breaker.record(reply, known=known)
            probes = False
        finally:
            server.calls.leave(known=known)
            if probes:
                breaker.abandon()
        rejected = server.rejections.refuse(self.digest, reply, answer, used, sent, known=known)
        if isinstance(answer, Unreachable):
            if rejected is None:
                server.introspecting.record(answer)
            return rejected or answer.not_before(breaker.seconds_left)
        server.introspecting.clear()
        if isinstance(reply, HttpResponse) and not server.settings.introspection_signed:
            return _Answer(answer, sent, reply.body)
        return _Answer(answer, sent, None)

    def _remember(self, claims: JsonObject, active: bool, answer: _Answer) -> AccessToken | Problem:
        """Cache the result of a response and return it."""
        server, digest, issued_at = self.server, self.digest, self.unread.get("iat")
        now, sent = server.clock.wall(), answer.sent
        outcome: AccessToken | Problem = server.inactive
        if active:
            outcome = server.checks.check(claims, now, introspected=True)
            issued_at = issued_at if claims.get("iat") is None else claims["iat"]
        if isinstance(outcome, AccessToken) and (
            server.tombstones.supersedes(digest, sent.monotonic) or not server.is_trusted
        ):
            # A revocation of the token or of the issuer that arrived during the call overrides its
            # response.
            outcome = server.inactive
        if isinstance(outcome, Problem):
            outcome = outcome.about(issuer=server.issuer)
            # Renew an existing tombstone: an active response may have been requested in the
            # meantime.
            if self.cache.drop(digest) or server.tombstones.supersedes(digest, float("-inf")):
                server.tombstones.add(digest)
            young = (
                is_time(issued_at)
                and -server.settings.clock_leeway_seconds <= now - issued_at < _YOUNG_SECONDS
            )
            server.refused.keep(digest, outcome, young=young)
            return outcome
        server.confirmed = server.has_accepted = True
        server.refused.forget(digest)
        # The `cnf` may come from the JWT, so the text of the response does not bound its size.
        text = None if "cnf" in claims else answer.text
        self._keep(outcome, claims, sent, text)
        return outcome

    def _settle_second_spelling(self, active: bool, sent: Moment) -> bytes | None:
        """Apply an inactive response to the second spelling of an ECDSA signature too.

        A server may match its deny-list against the text of a token. So if a valid token became
        inactive, the other spelling is refused until the server reports the introspected spelling
        active again. A server may also look tokens up by their text and know only one spelling. So
        if only the other spelling was valid here, it is evicted, all older responses are invalid,
        and it may be introspected again. If neither spelling was valid, there are two cases. A
        token signed by a key of the issuer gets a tombstone for its other spelling. The other
        spelling of any other token is refused for as long as a refusal is cached.

        Returns:
            The cache key of the spelling whose end the shared store must record, or None.
        """
        server, digest = self.server, self.digest
        spelled = second_spelling(self.token)
        if spelled is None:
            return None
        # If the request named the issuer, the cache keys of both spellings include the issuer.
        other = digest_of(spelled, None if digest == digest_of(self.token) else server.issuer)
        if active:
            server.tombstones.lift(other)
            return None
        other_was_good = self.cache.drop(other)
        if server.tombstones.supersedes(digest, sent.monotonic) or (
            self.verified is not None and not other_was_good
        ):
            server.tombstones.end(other)
        elif other_was_good:
            server.tombstones.add(other)
        else:
            server.refused.keep(other, server.inactive, young=False)
            return None
        return other

    def _keep(
        self, token: AccessToken, claims: JsonObject, sent: Moment, text: bytes | None = None
    ) -> None:
        """Cache a valid response until its deadline.

        The deadline is the time of the request plus the revocation delay, or `exp` if that is
        earlier.
        """
        server, verified = self.server, self.verified
        checks, delay = server.checks, server.settings.revocation_delay_seconds
        begins, ends = checks.valid_from(claims), floor(sent.wall) + delay
        if token.expires_at is not None:
            ends = min(ends, token.expires_at + checks.expiry_leeway_seconds)
        ends_monotonic, validity = floor(sent.monotonic) + delay, server.validity
        if verified is not None:
            begins, ends = max(begins, verified.valid_from), min(ends, verified.valid_until)
            ends_monotonic = min(ends_monotonic, verified.valid_until_monotonic)
            validity = verified.validity
        entry = CacheEntry(token, begins, ends, ends_monotonic, validity)
        self.cache.keep(self.digest, entry, text)


def check_credentials(server: AuthorizationServer) -> Flow[Unreachable | None]:
    """Return why the guard cannot sign in at the introspection endpoint, or None if it can.

    No request is sent. The result is recorded as the failure of the issuer. A function in place of
    the endpoint needs no credentials.
    """
    if server.function is not None:
        return None
    credentials = yield from sign_in(
        server.client_authentication, server.issuer, server.clock.wall(), server.unique
    )
    if isinstance(credentials, Unreachable):
        return server.introspecting.record(credentials.about(topic="client_secret"))
    failure = server.introspecting.failure
    if failure is not None and failure.diagnosis.topic == "client_secret":
        server.introspecting.clear()
    return None
