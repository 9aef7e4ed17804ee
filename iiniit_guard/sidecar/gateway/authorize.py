"""The endpoint `/auth`: decide on a client's request, and describe the caller to the upstream."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple

from iiniit_guard.adapting.admission import PASS
from iiniit_guard.adapting.preflight import is_preflight
from iiniit_guard.adapting.types import ReadState
from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.errors import IssuerUnavailable, TokenRefused
from iiniit_guard.core.http.bearer import ASSERTION_FIELD, TOKEN_SCHEMES
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Refusal
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.core.model.problem import Problem
from iiniit_guard.core.model.request import Request, request_from_scope
from iiniit_guard.sidecar.gateway.assertion import SHORTEST_SECONDS, Assertions
from iiniit_guard.sidecar.gateway.identity import Header, identity_headers
from iiniit_guard.sidecar.gateway.local_tokens import LocalTokens
from iiniit_guard.sidecar.gateway.refusal_header import VARY, fold
from iiniit_guard.sidecar.gateway.reply import Reply, cache_key, client_headers, reply_of
from iiniit_guard.sidecar.gateway.wrong_gateway import unknown_original, untrusted_peer
from iiniit_guard.sidecar.preflights import GatewayPreflights, PreflightNotice

if TYPE_CHECKING:
    from iiniit_guard.engine import Engine
    from iiniit_guard.rules import Rules
    from iiniit_guard.rules.rule import Requirement
    from iiniit_guard.sidecar.settings.dialects import Dialect, Original
    from iiniit_guard.sidecar.settings.peers import Peers
    from iiniit_guard.sidecar.status.history import History

HOST: Final = "sidecar"
CACHE_KEY: Final = b"x-iiniit-cache-key"
_ANSWER: Final = b"x-iiniit-answer"
_NO_STORE: Final = (b"cache-control", b"no-store")
_EMPTY: Final = (b"content-length", b"0")
GRANT: Final[tuple[Header, ...]] = (_NO_STORE, VARY, _EMPTY)
"""Headers of every grant, in addition to the identity headers."""

_REMEMBERED: Final = 4096
_LONGEST_REMEMBERED: Final = 512


class Gatekeeping(NamedTuple):
    """The collaborators and settings of an `Authorizer`.

    Attributes:
        guard: Decides on credentials.
        history: Counts the decisions for which no event is created.
        dialect: Reads the original request from the headers of the gateway.
        peers: The network peers that may call `/auth`.
        rules: The access rules. None means that any valid token allows any request.
        preflights: `pass` lets CORS preflights through; `auto` and `guard` treat them like any
            other request, and `auto` logs a refused preflight.
        folds: Whether refusals are encoded into a header (nginx).
        assertions: Creates assertions. None if no upstream requires them.
        max_age_seconds: Seconds for which the gateway may cache a grant. 0 disables caching.
        tells_all: Whether every decision creates an event, including those that are otherwise
            only counted.
    """

    engine: Engine
    history: History
    dialect: Dialect
    peers: Peers
    rules: Rules | None = None
    preflights: GatewayPreflights = "auto"
    folds: bool = False
    assertions: Assertions | None = None
    max_age_seconds: int = 0
    tells_all: bool = False


class Authorizer:
    """Decides on the requests that the gateway forwards to `/auth`, under one configuration."""

    def __init__(self, by: Gatekeeping) -> None:
        self._by = by
        self._engine, self._read, self._peers, self._rules = (
            by.engine,
            by.dialect.read,
            by.peers,
            by.rules,
        )
        self._find, self._wall = by.engine.find, by.engine.resource.clock.wall
        self._plain = by.assertions is None and not by.max_age_seconds
        self._is_quick = self._plain and not by.tells_all
        self._requirements: dict[tuple[str, str], Requirement] = {}
        self._asked: dict[bytes, float] = {}
        self._local = LocalTokens(by.engine.resource)
        self._preflight_notice = PreflightNotice()

    def check_cached(self, scope: ReadState) -> tuple[Header, ...] | None:
        """Decide on the fast path: a cached token that satisfies the policy.

        Returns:
            The identity headers of a grant, to be sent with `GRANT`; None if the fast path does
            not apply and the caller must use `check`.
        """
        started = perf_counter()
        if not self._peers.trusts(scope):
            return None
        original = self._read(scope)
        if original is None or original.authorization is None or not self._is_quick:
            return None
        requirement = self._requirement_for(original)
        if not isinstance(requirement, Policy):
            return None
        query = original.target.partition("?")[2]
        entry = self._find(original.authorization, query.encode("latin-1") if query else b"")
        if entry is None:
            return None
        token, now = entry.token, self._wall()
        if requirement is not ANY_TOKEN and requirement.check(token, self._wall) is not None:
            return None
        identity = identity_headers(token)
        self._by.history.hit(now, perf_counter() - started, local=entry in self._local)
        return identity

    async def check(self, scope: ReadState) -> Reply:
        """Decide on any request and return the response."""
        if not self._peers.trusts(scope):
            return self._refused(
                self._engine.refuse(request_from_scope(scope), untrusted_peer(scope), host=HOST),
                scope,
                folds=False,
            )
        original = self._read(scope)
        if original is None:
            return self._refused(
                self._engine.refuse(
                    request_from_scope(scope), unknown_original(scope, self._by.dialect), host=HOST
                ),
                scope,
            )
        request = original.request()
        passes = self._by.preflights == "pass" and is_preflight(request)
        requirement = (
            self._requirement_of_preflight(request, original)
            if passes
            else self._requirement_for(original)
        )
        if requirement == PASS:
            return self._granted(None, request, original)
        if self._by.assertions is not None and isinstance(requirement, Policy):
            await self._ask_anew(request)
        decision = await self._engine.authenticate_async(request, requirement, host=HOST)
        presented = self._presented(request) if decision.cache == "hit" else None
        if presented is not None:
            self.count_local_hit(digest_of(presented))
        if isinstance(decision, Allow):
            return self._granted(decision, request, original, requirement)
        if self._by.preflights == "auto" and is_preflight(request):
            self._preflight_notice.log(self._wall())
        return self._refused(decision, scope)

    def count_local_hit(self, digest: bytes) -> None:
        """Count that the hit on a cached token saved no call, if it needs none."""
        entry = self._engine.resource.find(digest)
        if entry is not None and entry in self._local:
            self._by.history.count_local_hit()

    def _requirement_for(self, original: Original) -> Requirement:
        if self._rules is None:
            return ANY_TOKEN
        key = original.method, original.target
        by_headers = original.overrides or self._rules.reads_mcp_headers
        answer = None if by_headers else self._requirements.get(key)
        if answer is None:
            answer = self._rules.policy_for_target(*key, original.headers)
            if not by_headers and len(original.target) <= _LONGEST_REMEMBERED:
                # Paths that contain identifiers fill the cache. A lookup in the rules is cheap.
                if len(self._requirements) >= _REMEMBERED:
                    self._requirements.clear()
                self._requirements[key] = answer
        return answer

    def _requirement_of_preflight(self, request: Request, original: Original) -> Requirement:
        answer = (
            None
            if self._rules is None
            else self._rules.preflight_policy_for_target(request, original.target)
        )
        return PASS if answer is None else answer

    async def _ask_anew(self, request: Request) -> None:
        """Introspect a cached token early if its assertion would otherwise be too short.

        The token stays cached during the call and after an outage of the issuer. Each cached
        result is renewed early at most once. A result that is still short then has a short
        lifetime of its own.
        """
        resource, presented = self._engine.resource, self._presented(request)
        digest = None if presented is None else digest_of(presented)
        entry = None if digest is None else resource.find(digest)
        if presented is None or digest is None or entry is None:
            return
        ends = entry.valid_until_monotonic
        if self._asked.get(digest) == ends or not self._may_live_longer(
            entry.token, resource.remaining(digest)
        ):
            return
        # `authenticate_async` decides afterwards, from the cache as it is then.
        with suppress(TokenRefused, IssuerUnavailable, TimeoutError):
            # An issuer that does not respond must not use up the remaining lifetime. The call
            # continues in the background; a request waits for it only after the entry expires.
            async with asyncio.timeout(resource.remaining(digest) / 2):
                await self._engine.verify_async(presented, outdated=ends, keep_bound=True)
        if len(self._asked) >= _REMEMBERED:
            del self._asked[next(iter(self._asked))]
        self._asked[digest] = ends

    def _may_live_longer(self, token: AccessToken, remaining: float) -> bool:
        """Return whether the assertion would be too short and a new introspection may extend it."""
        resource = self._engine.resource
        if (
            remaining >= SHORTEST_SECONDS
            or not resource.token_alone_decides
            or resource.takes_assertions
        ):
            return False
        if token.expires_at is not None and token.expires_at - self._wall() < SHORTEST_SECONDS:
            return False  # the token itself expires: introspection cannot extend it
        return any(
            server.issuer == token.issuer
            and server.settings.revocation_delay_seconds > SHORTEST_SECONDS
            for server in resource.servers
        )

    def _presented(self, request: Request) -> str | None:
        """Return the access token of the request, or None if it has none."""
        credential = self._engine.resource.read_credential(request)
        return (
            None
            if isinstance(credential, Problem) or credential.scheme not in TOKEN_SCHEMES
            else credential.value
        )

    def _granted(
        self,
        decision: Allow | None,
        request: Request,
        original: Original,
        requirement: Policy | Problem = ANY_TOKEN,
    ) -> Reply:
        who = None if decision is None else decision.token or decision.principal
        headers = [*GRANT, *identity_headers(who), *client_headers(decision)]
        if self._plain:
            return 200, headers, b""
        presented = self._presented(request) if isinstance(who, AccessToken) else None
        digest = None if presented is None else digest_of(presented)
        lasts = 0.0 if digest is None else self._engine.resource.remaining(digest)
        now = self._wall()
        if self._by.assertions is not None:
            assertion = b""
            if isinstance(who, AccessToken) and digest is not None:
                # The deadline is unknown if the cache evicted the entry at once. Assume the
                # shortest lifetime.
                assertion, ends = self._by.assertions.assertion(
                    who, digest, lasts or SHORTEST_SECONDS
                )
                lasts = min(lasts, ends - now - SHORTEST_SECONDS)
            headers.append((ASSERTION_FIELD, assertion))
        if (
            isinstance(who, AccessToken)
            and isinstance(requirement, Policy)
            and requirement.max_age is not None
        ):
            lasts = min(lasts, who.claims["auth_time"] + requirement.max_age - now)
        seconds = min(self._by.max_age_seconds, int(lasts))
        # A validator or a resolver may have used parts of this request that are not in the cache
        # key of the gateway, and the key holds no other field than Authorization. The grant must
        # not be cached then.
        if not self._engine.resource.has_fast_path:
            return 200, headers, b""
        if (
            isinstance(who, AccessToken)
            and who.confirmation is None
            and seconds > 0
            and self._has_key(request, original)
        ):
            headers[0] = (b"cache-control", b"max-age=%d" % seconds)
        return 200, headers, b""

    def _has_key(self, request: Request, original: Original) -> bool:
        """Return whether the gateway caches this grant under the key of `cache_key`.

        With that key, the gateway cannot reuse the grant for a different request.
        """
        return request.header_values(CACHE_KEY) == [cache_key(original)]

    def _refused(self, refusal: Refusal, scope: ReadState, *, folds: bool = True) -> Reply:
        if folds and self._by.folds:
            return 403, [_NO_STORE, VARY, _EMPTY, (_ANSWER, fold(refusal))], b""
        return reply_of(refusal, scope)
