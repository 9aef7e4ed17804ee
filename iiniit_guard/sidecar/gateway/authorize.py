"""The question of the gateway: may this request go on, and what is its API told about the caller?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from iiniit_guard.adapting.admission import PASS, is_preflight
from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.http.bearer import ASSERTION_FIELD, BEARER, credential_of
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Refusal
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request, request_from_scope
from iiniit_guard.core.outcome import IssuerUnavailable, TokenRefused
from iiniit_guard.sidecar.gateway.assertion import SHORTEST_SECONDS, Assertions
from iiniit_guard.sidecar.gateway.identity import Header, identity_headers
from iiniit_guard.sidecar.gateway.refusal_header import VARY, fold
from iiniit_guard.sidecar.preflights import GatewayPreflights, PreflightNotice

if TYPE_CHECKING:
    from iiniit_guard.guard import Guard
    from iiniit_guard.rules import Rules
    from iiniit_guard.rules.rule import Answer
    from iiniit_guard.sidecar.settings.dialects import Dialect, Original
    from iiniit_guard.sidecar.settings.peers import Peers
    from iiniit_guard.sidecar.status.history import History

Reply: TypeAlias = tuple[int, list[Header], bytes]
"""Status, headers (names lower-case) and body."""

HOST: Final = "sidecar"
CACHE_KEY: Final = b"x-iiniit-cache-key"
_ANSWER: Final = b"x-iiniit-answer"
_NO_STORE: Final = (b"cache-control", b"no-store")
_EMPTY: Final = (b"content-length", b"0")
GRANT: Final[tuple[Header, ...]] = (_NO_STORE, VARY, _EMPTY)
"""What every grant says beside the identity."""

_OVERRIDES: Final = (b"x-http-method-override", b"x-http-method", b"x-method-override")  # in the order of the recipes' cache keys
_REMEMBERED: Final = 4096
_LONGEST_REMEMBERED: Final = 512


class Gatekeeping(NamedTuple):
    """What an `Authorizer` works by.

    Attributes:
        guard: Decides about credentials.
        history: Counts what is decided without an event.
        dialect: The gateway's.
        peers: Who may ask.
        rules: None lets any valid token through.
        preflights: `pass` lets CORS preflights through; `auto` and `guard` treat them like any request, and `auto` logs a refused one.
        folds: Whether refusals are folded into a header (nginx).
        assertions: None without an upstream that wants them.
        max_age_seconds: How long the gateway may remember a grant; 0 means not at all.
        tells_all: Whether an event is made for every decision, those that are only counted included.
    """

    guard: Guard
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
    """Answers the gateway's questions by one configuration."""

    def __init__(self, by: Gatekeeping) -> None:
        self._by = by
        self._guard, self._read, self._peers, self._rules = by.guard, by.dialect.read, by.peers, by.rules
        self._find, self._wall = by.guard.find, by.guard.resource.clock.wall
        self._plain = by.assertions is None and not by.max_age_seconds
        self._is_quick = self._plain and not by.tells_all
        self._answers: dict[tuple[str, str], Answer] = {}
        self._asked: dict[bytes, float] = {}
        self._preflight_notice = PreflightNotice()

    def at_once(self, scope: Mapping[str, Any]) -> tuple[Header, ...] | None:
        """Answer the usual question, about a remembered token that satisfies the policy.

        Returns:
            The identity headers of a grant, which `GRANT` completes; None where `in_time` must answer.
        """
        started = perf_counter()
        if not self._peers.trusts(scope):
            return None
        original = self._read(scope)
        if original is None or original.authorization is None or not self._is_quick:
            return None
        wanted = self._wanted(original)
        if not isinstance(wanted, Policy):
            return None
        query = original.target.partition("?")[2]
        entry = self._find(original.authorization, query.encode("latin-1") if query else b"")
        if entry is None:
            return None
        token, now = entry.token, self._wall()
        if wanted is not ANY_TOKEN and wanted.check(token, self._wall) is not None:
            return None
        identity = identity_headers(token)
        self._by.history.hit(now, perf_counter() - started)
        return identity

    async def in_time(self, scope: Mapping[str, Any]) -> Reply:
        """Answer any question."""
        if not self._peers.trusts(scope):
            return self._refused(
                self._guard.refuse(request_from_scope(scope), PROBLEMS[Reason.UNTRUSTED_PEER], host=HOST), scope, folds=False
            )
        original = self._read(scope)
        if original is None:
            return self._refused(self._guard.refuse(request_from_scope(scope), PROBLEMS[Reason.UNKNOWN_ORIGINAL], host=HOST), scope)
        request = original.request()
        passes = self._by.preflights == "pass" and is_preflight(request)
        wanted = self._wanted_of_preflight(request, original) if passes else self._wanted(original)
        if wanted == PASS:
            return self._granted(None, request, original)
        if self._by.assertions is not None and isinstance(wanted, Policy):
            await self._ask_anew(request)
        decision = await self._guard.authenticate_async(request, wanted, host=HOST)
        if isinstance(decision, Allow):
            return self._granted(decision, request, original, wanted)
        if self._by.preflights == "auto" and is_preflight(request):
            self._preflight_notice.log(self._wall())
        return self._refused(decision, scope)

    def _wanted(self, original: Original) -> Answer:
        if self._rules is None:
            return ANY_TOKEN
        key = original.method, original.target
        answer = None if original.overrides else self._answers.get(key)
        if answer is None:
            answer = self._rules.policy_for_target(*key, original.headers)
            if not original.overrides and len(original.target) <= _LONGEST_REMEMBERED:
                if len(self._answers) >= _REMEMBERED:  # paths with identifiers in them: cheap to find again
                    self._answers.clear()
                self._answers[key] = answer
        return answer

    def _wanted_of_preflight(self, request: Request, original: Original) -> Answer:
        answer = None if self._rules is None else self._rules.preflight_policy_for_target(request, original.target)
        return PASS if answer is None else answer

    async def _ask_anew(self, request: Request) -> None:
        """Ask about a token that is good but about to be asked about again: an assertion of it would be too short.

        It stays remembered meanwhile and after an outage, and is asked about in this way once: then it has its own short end.
        """
        resource, presented = self._guard.resource, self._presented(request)
        digest = None if presented is None else digest_of(presented)
        entry = None if digest is None else resource.find(digest)
        if presented is None or digest is None or entry is None:
            return
        ends = entry.valid_until_monotonic
        if self._asked.get(digest) == ends or not self._may_live_longer(entry.token, resource.remaining(digest)):
            return
        with suppress(TokenRefused, IssuerUnavailable, TimeoutError):  # the decision follows, by what is remembered then
            # A server that hangs must not use up what is left; the call itself goes on, and is waited for once nothing is left.
            async with asyncio.timeout(resource.remaining(digest) / 2):
                await self._guard.verify_async(presented, outdated=ends)
        if len(self._asked) >= _REMEMBERED:
            del self._asked[next(iter(self._asked))]
        self._asked[digest] = ends

    def _may_live_longer(self, token: AccessToken, remaining: float) -> bool:
        """Tell whether an assertion of this token would be short, and one of a new answer about it longer."""
        resource = self._guard.resource
        if remaining >= SHORTEST_SECONDS or not resource.recalls:
            return False
        if token.expires_at is not None and token.expires_at - self._wall() < SHORTEST_SECONDS:
            return False  # it ends by itself: nobody can say more
        return any(
            server.issuer == token.issuer and server.settings.revocation_delay_seconds > SHORTEST_SECONDS for server in resource.servers
        )

    def _presented(self, request: Request) -> str | None:
        """Give the access token that the request came with."""
        resource = self._guard.resource
        credential = credential_of(
            request, resource.schemes, resource.settings.max_token_bytes, query_token=resource.settings.insecure_query_token
        )
        return None if isinstance(credential, Problem) or credential.scheme != BEARER else credential.value

    def _granted(self, decision: Allow | None, request: Request, original: Original, wanted: Policy | Problem = ANY_TOKEN) -> Reply:
        who = None if decision is None else decision.token or decision.principal
        headers = [*GRANT, *identity_headers(who)]
        if self._plain:
            return 200, headers, b""
        presented = self._presented(request) if isinstance(who, AccessToken) else None
        digest = None if presented is None else digest_of(presented)
        lasts, now = 0.0 if digest is None else self._guard.resource.remaining(digest), self._wall()
        if self._by.assertions is not None:
            assertion = b""
            if isinstance(who, AccessToken) and digest is not None:
                # Where the deadline is not known (its entry was evicted at once), it may be near.
                assertion, ends = self._by.assertions.assertion(who, digest, lasts or SHORTEST_SECONDS)
                lasts = min(lasts, ends - now - SHORTEST_SECONDS)
            headers.append((ASSERTION_FIELD, assertion))
        if isinstance(who, AccessToken) and isinstance(wanted, Policy) and wanted.max_age is not None:
            lasts = min(lasts, who.claims["auth_time"] + wanted.max_age - now)
        seconds = min(self._by.max_age_seconds, int(lasts))
        # A validator or a resolver looked at this very request, of which the gateway's key holds a part only.
        if not self._guard.resource.token_alone_decides:
            return 200, headers, b""
        if isinstance(who, AccessToken) and who.confirmation is None and seconds > 0 and self._has_key(request, original):
            headers[0] = (b"cache-control", b"max-age=%d" % seconds)
        return 200, headers, b""

    def _has_key(self, request: Request, original: Original) -> bool:
        """Tell whether the gateway would file this grant under the key of our recipe, and so never for another request."""
        return request.header_values(CACHE_KEY) == [cache_key(original)]

    def _refused(self, refusal: Refusal, scope: Mapping[str, Any], *, folds: bool = True) -> Reply:
        if folds and self._by.folds:
            return 403, [_NO_STORE, VARY, _EMPTY, (_ANSWER, fold(refusal))], b""
        return reply_of(refusal, scope)


def reply_of(refusal: Refusal, scope: Mapping[str, Any]) -> Reply:
    """Give a refusal as an answer to the gateway, which may ask by another method than the client's."""
    length = ("Content-Length", str(len(refusal.body)))
    named = (
        refusal.headers if scope["method"] == "HEAD" else [length if name == length[0] else (name, text) for name, text in refusal.headers]
    )
    return refusal.status, [*((name.lower().encode("ascii"), text.encode("ascii")) for name, text in named), VARY], refusal.body


def cache_key(original: Original) -> bytes:
    """Give the key under which a gateway may file a grant: whatever could change the answer, and no token in clear.

    SHA-256 in hexadecimal over these, each followed by a line break: method, scheme, host, target, Authorization, and the three
    headers that override a method (empty where they are missing).
    """
    fields = dict(original.headers)
    parts = [original.method.encode("ascii"), original.scheme.encode("ascii"), original.host, original.target.encode("latin-1")]
    parts += [original.authorization or b"", *(fields.get(name, b"") for name in _OVERRIDES)]
    return sha256(b"".join(part + b"\n" for part in parts)).hexdigest().encode("ascii")
