"""The decisions and the I/O of one guard, as adapters use them. `Guard` is the public part.

No module above this one drives a flow.
"""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Final, NoReturn

from iiniit_guard.core.bare_token import encode_bare
from iiniit_guard.core.cache.entry import CacheEntry
from iiniit_guard.core.confirmation import scheme_of, used_scheme
from iiniit_guard.core.decide import (
    Judged,
    Pending,
    Unfinished,
    begin,
    conclude,
    find_cached,
    resume,
)
from iiniit_guard.core.errors import IssuerUnavailable, TokenRefused
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.copying import CopiedAsItself
from iiniit_guard.core.model.decision import Allow, Decision, Deny, Response
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.presented import Presented
from iiniit_guard.core.resource import Entropy, ProtectedResource
from iiniit_guard.core.resource_metadata import metadata_response
from iiniit_guard.core.settings.guard_settings import GuardSettings
from iiniit_guard.core.sign_in import SignInEndpoints, sign_in_endpoints
from iiniit_guard.core.verify import Verified, begin_verify, verify
from iiniit_guard.core.warm_up import warm_up
from iiniit_guard.events import Events
from iiniit_guard.io.effects import EffectRunner, Transport, run
from iiniit_guard.io.event_loops import run_async
from iiniit_guard.io.fork import on_fork
from iiniit_guard.io.store import Store
from iiniit_guard.providers.mistakes import typical_mistake
from iiniit_guard.reporting import Reporter

# A proof of possession belongs to a request. Without one, `dpop="required"` permits no token.
_BOUND: Final = PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]
_UNBOUND: Final = PROBLEMS[Reason.UNBOUND_TOKEN]


class Engine(CopiedAsItself):
    """Decide about requests and tokens for one `Guard`. Every adapter of that guard shares it.

    Args:
        settings: The checked settings.
        clock: The wall clock and the monotonic clock.
        transport: Called with each `HttpRequest` instead of the network; None for the network.
    """

    def __init__(self, settings: GuardSettings, clock: Clock, transport: Transport | None) -> None:
        self.reporter: Final = Reporter(clock.monotonic, self._known_server)
        chance = Entropy(random.random, lambda: uuid.uuid4().hex, os.urandom)
        self.resource: Final = ProtectedResource(settings, clock, chance, self.reporter.background)
        store = None if settings.store_url is None else Store(settings.store_url)
        self._runner = EffectRunner(transport, store, settings.on_call)
        listener, subjects = settings.on_event, settings.event_subject
        self.reporter.token_field = field = self.resource.token_field
        self._events = None if listener is None else Events(listener, clock.wall, subjects, field)
        self.begin: Final[Callable[..., AccessToken | Unfinished]] = partial(
            begin if self._events is None else self._events.begin, self.resource
        )
        """The part of a decision that needs no I/O. Adapters call it first; see `decide.begin`."""
        self._takes_unbound: Final = self.resource.dpop != "required"
        self.metadata_path: Final = self.resource.metadata_path
        """The path that `metadata_response` serves; None without the setting `resource`."""
        on_fork(self)

    def authenticate(
        self, request: Request, requirement: Policy | Problem = ANY_TOKEN, *, host: str = "guard"
    ) -> Decision:
        """Decide about a request; block while the authorization server is called, if needed.

        Args:
            request: From `request_from_environ` or `request_from_scope`.
            requirement: The policy, or the refusal of a request that no access rule matches.
            host: The name of the adapter, for events.
        """
        started, presented = time.perf_counter(), Presented.of(request, host)
        begun = self.begin(presented, requirement)
        if isinstance(begun, AccessToken):
            return conclude(begun, presented, self.resource, requirement)
        return self.finish(begun, requirement, started)

    async def authenticate_async(
        self, request: Request, requirement: Policy | Problem = ANY_TOKEN, *, host: str = "guard"
    ) -> Decision:
        """Asynchronous version of `authenticate`."""
        started, presented = time.perf_counter(), Presented.of(request, host)
        begun = self.begin(presented, requirement)
        if isinstance(begun, AccessToken):
            return conclude(begun, presented, self.resource, requirement)
        return await self.finish_async(begun, requirement, started)

    def finish(
        self, begun: Unfinished, requirement: Policy | Problem, started: float | None = None
    ) -> Decision:
        """Complete a decision that `begin` began; block on I/O, if needed.

        Args:
            begun: What `begin` returned.
            requirement: As for `begin`.
            started: When the decision began, by `time.perf_counter`; None means now.
        """
        started = time.perf_counter() if started is None else started
        presented, result = begun
        if isinstance(result, Pending):
            result = run(resume(result), self._runner.perform)
        decision = conclude(result, presented, self.resource, requirement)
        if not isinstance(decision, Allow) or self._events is not None:
            self._report(decision, result, presented.routed, presented.host, started)
        return decision

    async def finish_async(
        self, begun: Unfinished, requirement: Policy | Problem, started: float | None = None
    ) -> Decision:
        """Asynchronous version of `finish`."""
        started = time.perf_counter() if started is None else started
        presented, result = begun
        if isinstance(result, Pending):
            result = await run_async(resume(result), self._runner.loops.perform)
        decision = conclude(result, presented, self.resource, requirement)
        if not isinstance(decision, Allow) or self._events is not None:
            self._report(decision, result, presented.routed, presented.host, started)
        return decision

    def authorize(
        self,
        request: Request,
        token: AccessToken | Principal,
        policy: Policy,
        *,
        host: str = "guard",
    ) -> Allow | Deny:
        """Check a verified token against a handler's policy. Only a refusal emits an event."""
        problem = policy.check(token, self.resource.clock.wall)
        if problem is None:
            return Allow(None, token) if isinstance(token, Principal) else Allow(token)
        scheme = token.scheme.lower() if isinstance(token, Principal) else scheme_of(token)
        deny = self.resource.refusal_writer.deny
        decision = deny(problem, request, policy, scheme=scheme, token=token)
        self._report(decision, problem, request, host, None)
        return decision

    def refuse(
        self,
        request: Request,
        problem: Problem,
        *,
        policy: Policy | None = None,
        host: str = "guard",
    ) -> Deny:
        """Return the response to a problem that was found outside the guard."""
        decision = self.resource.refusal_writer.deny(
            problem, request, policy or ANY_TOKEN, scheme=used_scheme(request)
        )
        self._report(decision, problem, request, host, None)
        return decision

    def metadata_response(self, request: Request) -> Response | None:
        """Return the metadata of this resource (RFC 9728), or None for any other request."""
        return metadata_response(request, self.resource)

    def find(self, authorization: bytes, query: bytes) -> CacheEntry | None:
        """Return the cache entry of a request that needs only its token; see `find_cached`."""
        return find_cached(authorization, query, self.resource)

    def verify(self, token: str) -> AccessToken:
        """Return the verified content of a token.

        Args:
            token: Without the scheme.

        Raises:
            TokenRefused: The token is not valid.
            IssuerUnavailable: The token could not be checked.
            UsageError: `issuer_resolver` or `validators` needs the request.
        """
        encoded = encode_bare(token, self.resource)
        digest = sha256(encoded).digest()
        entry = self.resource.find(digest)
        if entry is not None:
            if entry.token.confirmation is None and self._takes_unbound:
                return entry.token
            return self._alone(entry.token, token, "verify")
        begun = begin_verify(encoded, digest, self.resource, self.resource.only_server)
        result = (
            begun if isinstance(begun, (AccessToken, Problem)) else run(begun, self._runner.perform)
        )
        return self._alone(result, token, "verify")

    async def verify_async(
        self,
        token: str,
        *,
        outdated: float | None = None,
        host: str = "verify",
        keep_bound: bool = False,
    ) -> AccessToken:
        """Asynchronous version of `verify`.

        Args:
            token: Without the scheme.
            outdated: A moment of the monotonic clock. A cache entry that expires at this moment or
                earlier is not used; the authorization server is called instead.
            host: Names the caller in the log.
            keep_bound: Whether a token that is bound to a key (`cnf`) is returned. The caller must
                then not treat its sender as authenticated.
        """
        encoded = encode_bare(token, self.resource)
        digest = sha256(encoded).digest()
        entry = self.resource.find(digest)
        if entry is not None and entry.outlasts(outdated):
            return self._alone(entry.token, token, host, keep_bound)
        flow = verify(encoded, digest, self.resource, outdated=outdated)
        result = await run_async(flow, self._runner.loops.perform)
        return self._alone(result, token, host, keep_bound)

    def _alone(self, found: Verified, token: str, host: str, keep: bool = False) -> AccessToken:
        """Return a token that needs no proof, or with `keep` a bound one; else raise."""
        if not isinstance(found, AccessToken):
            return self._fail(found, token, host)
        if found.confirmation is None:
            return found if self._takes_unbound else self._fail(_UNBOUND, token, host)
        return found if keep else self._fail(_BOUND, token, host)

    def _fail(self, outcome: Problem | Unreachable, token: str, host: str) -> NoReturn:
        """Log why a token was not verified, without a request, and raise the exception."""
        if isinstance(outcome, Unreachable):
            self.reporter.outage(outcome, None, host)
            raise IssuerUnavailable(outcome)
        hint = partial(typical_mistake, outcome, self.resource, token)
        self.reporter.refusal(outcome, None, host, hint)
        raise TokenRefused(outcome)

    async def warm_up_async(self) -> tuple[str, ...]:
        """Fetch keys and metadata; return why documents are missing, one entry per failure."""
        return await run_async(warm_up(self.resource), self._runner.loops.perform)

    def sign_in_endpoints(self, issuer: str | None = None) -> SignInEndpoints | Unreachable:
        """Return where users sign in at an issuer (None: the only one), or why it is unknown."""
        return run(sign_in_endpoints(self.resource, issuer), self._runner.perform)

    async def sign_in_endpoints_async(
        self, issuer: str | None = None
    ) -> SignInEndpoints | Unreachable:
        """Asynchronous version of `sign_in_endpoints`."""
        return await run_async(sign_in_endpoints(self.resource, issuer), self._runner.loops.perform)

    def close(self) -> None:
        """Stop background work and close the connections of threads. Later network calls fail."""
        self.reporter.is_closed = True
        self._runner.close()

    async def aclose(self) -> None:
        """Close what `close` closes, and the connections of the running event loop."""
        self.reporter.is_closed = True
        await self._runner.aclose()

    async def release_loop(self) -> None:
        """Cancel the background work of the running event loop, and close its connections."""
        await self._runner.release_loop()

    def after_fork(self) -> None:
        """Replace the locks in a forked child. The caches stay."""
        self.resource.reset_after_fork()
        self.reporter.after_fork()

    def _known_server(self, issuer: str) -> AuthorizationServer | None:
        return self.resource.known_server(issuer)

    def _report(
        self, decision: Decision, result: Judged, request: Request, host: str, started: float | None
    ) -> None:
        """Log a refusal or an outage, and emit the event, with duration 0 if `started` is None."""
        seconds = 0.0 if started is None else time.perf_counter() - started  # without the log
        if isinstance(result, Unreachable):
            self.reporter.outage(result, request, host)
        elif isinstance(result, Problem):
            hint = partial(typical_mistake, result, self.resource, request, decision)
            self.reporter.refusal(result, request, host, hint)
        if self._events is not None:
            self._events.decided(decision, result, request, host, seconds)
