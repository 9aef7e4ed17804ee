"""The guard: a protected resource and the means to act. Nothing above this module drives a flow."""

from __future__ import annotations

import logging
import os
import random
import time
import uuid
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self, Unpack, cast

from iiniit_guard.core.authenticate import authenticate, decide, verify
from iiniit_guard.core.cache.tokens import CacheEntry, digest_of
from iiniit_guard.core.copying import CopiedAsItself
from iiniit_guard.core.decision import Allow, Answer, Decision, Deny, Finding, Tried
from iiniit_guard.core.http.event import Event, event_of, usual_event
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.core.model.problem import Problem
from iiniit_guard.core.model.request import Request, only_authorization
from iiniit_guard.core.outcome import token_of
from iiniit_guard.core.resource import Chance, ProtectedResource
from iiniit_guard.core.resource_metadata import published, resource_document
from iiniit_guard.core.settings.guard_settings import make_settings
from iiniit_guard.core.settings.options import GuardKeywords
from iiniit_guard.core.usual import Usual
from iiniit_guard.core.warm_up import prepare
from iiniit_guard.io.drive import run, run_async
from iiniit_guard.io.fork import on_fork
from iiniit_guard.io.perform import Performer, Transport
from iiniit_guard.io.settings import settings_from_env, settings_from_file
from iiniit_guard.io.store import Store

_log: Final = logging.getLogger("iiniit_guard")
_SYSTEM_CLOCK: Final = Clock(time.time, time.monotonic)


class Guard(CopiedAsItself):
    """Decides which requests have a good access token. One guard serves any number of threads, event loops and adapters.

    Making one does no I/O; the first token does. Either the settings of one issuer are given, or `issuers`; every setting
    is described at `TrustedIssuer` and `GuardSettings`.

    Args:
        clock: For tests: what to tell the time by.
        transport: For tests: called with each `HttpRequest` instead of the network.
        settings: See `GuardKeywords`.

    Raises:
        SettingsError: With every fault, each naming its setting.
    """

    def __init__(self, *, clock: Clock = _SYSTEM_CLOCK, transport: Transport | None = None, **settings: Unpack[GuardKeywords]) -> None:
        self._resource = ProtectedResource(make_settings(settings), clock, Chance(random.random, _unique, os.urandom))
        store_url = self._resource.settings.store_url
        self._performer = Performer(transport, None if store_url is None else Store(store_url))
        self._listener = self._resource.settings.on_event
        self._usual = Usual(self._resource)
        self._wall = clock.wall
        self.metadata_path: Final = self._resource.metadata_path
        """The path, from the host's root, at which `published` answers; None without the setting `resource`."""
        on_fork(self)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, **more: Unpack[GuardKeywords]) -> Guard:
        """Make a guard from variables named `IINIIT_GUARD_` and the setting in upper case.

        Args:
            environ: Where to look.
            more: Settings that have no text form, `on_event` for example; they win over the environment.

        Raises:
            SettingsError: With every fault.
        """
        return cls(**settings_from_env(environ, more))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **more: Unpack[GuardKeywords]) -> Guard:
        """Make a guard from a TOML file; this reads the file at once.

        Args:
            path: Such as `guard.toml`.
            more: Settings that have no text form; they win over the file.

        Raises:
            SettingsError: With every fault.
        """
        return cls(**settings_from_file(path, more))

    def authenticate(
        self, request: Request, wanted: Policy | Problem = ANY_TOKEN, *, host: str = "guard", found: Finding | None = None
    ) -> Decision:
        """Decide about a request, waiting for the authorization server where that must be asked.

        Args:
            request: From `request_from_environ` or `request_from_scope`.
            wanted: The policy to satisfy, or the refusal that rules found.
            host: The adapter's name, for events.
            found: What `decide_at_once` said about this very request.
        """
        said = self._said_at_once(request, wanted, host, found)
        if said is not None and not isinstance(said, Tried):
            return said
        started = time.perf_counter()
        decision = run(authenticate(request, self._resource, wanted, said), self._performer.perform)
        self._tell(decision, request, host, time.perf_counter() - started)
        return decision

    async def authenticate_async(
        self, request: Request, wanted: Policy | Problem = ANY_TOKEN, *, host: str = "guard", found: Finding | None = None
    ) -> Decision:
        """Do what `authenticate` does, on the running event loop."""
        said = self._said_at_once(request, wanted, host, found)
        if said is not None and not isinstance(said, Tried):
            return said
        started = time.perf_counter()
        decision = await run_async(authenticate(request, self._resource, wanted, said), self._performer.perform_async)
        self._tell(decision, request, host, time.perf_counter() - started)
        return decision

    def permit(self, request: Request, token: AccessToken | Principal, policy: Policy, *, host: str = "guard") -> Allow | Deny:
        """Compare a token that was verified for this request with a handler's policy; only a refusal is an event."""
        decision = decide(token, request, self._resource, policy)
        if isinstance(decision, Deny):
            self._tell(decision, request, host, 0.0)
        return decision

    def refuse(self, request: Request, problem: Problem, *, policy: Policy | None = None, host: str = "guard") -> Deny:
        """Write the answer for a problem found outside the guard."""
        return self._refuse(request, problem, Finding(problem), policy or ANY_TOKEN, host)

    def published(self, request: Request) -> Answer | None:
        """Answer a request for this resource's metadata (RFC 9728); None for any other request, and without the setting `resource`."""
        return published(request, self._resource)

    def metadata(self) -> dict[str, Any]:
        """Give the RFC 9728 document, for applications that serve it themselves."""
        return resource_document(self._resource.settings)

    def recall(
        self, authorization: bytes, query: bytes = b"", wanted: Policy = ANY_TOKEN, method: str = "GET", host: str = "guard"
    ) -> AccessToken | None:
        """Give the token of a request in the usual form, where it passes and nobody need be asked; see `decide_at_once`.

        None says nothing about the request: `authenticate` decides then.
        """
        said = self.decide_at_once(authorization, query, wanted, method, host)
        return said if isinstance(said, AccessToken) else None

    def decide_at_once(
        self, authorization: bytes, query: bytes = b"", wanted: Policy = ANY_TOKEN, method: str = "GET", host: str = "guard"
    ) -> AccessToken | Finding | None:
        """Decide about a request in the usual form without a flow: its token is remembered, or a JWT whose issuer and key are known.

        A token that passes is a decision, and told as an event. A finding, which is false, is for `authenticate`: it answers what was
        found against the token, or finds out what only a flow can. None says nothing: the request has not the usual form.

        Args:
            authorization: The value of its only Authorization field, see `only_authorization`.
            query: Undecoded.
            wanted: The policy to satisfy.
            method: The request's, for events.
            host: The adapter's name, for events.
        """
        if self._listener is None:
            return self._usual.decide(authorization, query, wanted)[0]
        started = time.perf_counter()
        said, cache, digest = self._usual.decide(authorization, query, wanted)
        return None if said is None else self._heard(said, cache, digest, method, host, started)

    def find(self, authorization: bytes, query: bytes) -> CacheEntry | None:
        """Give what `recall` would go by; for a host that decides and counts by itself."""
        return self._usual.find(authorization, query)

    def verify(self, token: str) -> AccessToken:
        """Give what a good token says.

        Args:
            token: Without scheme.

        Raises:
            TokenRefused: It is not good.
            IssuerUnavailable: That could not be found out.
            UsageError: The request has a say (`issuer_resolver`, `validators`), so a token alone cannot be verified.
        """
        said = self._usual.verify(token)
        if isinstance(said, AccessToken):
            return said
        if said is None or isinstance(said, Tried):
            return token_of(run(verify(token, digest_of(token), self._resource, tried=said), self._performer.perform))
        return token_of(said)

    async def verify_async(self, token: str, *, outdated: float | None = None) -> AccessToken:
        """Do what `verify` does, on the running event loop.

        Args:
            token: Without scheme.
            outdated: A cached entry that ends at this moment or earlier, by the monotonic clock, is no answer: the server is asked.
        """
        said = self._usual.verify(token, outdated=outdated)
        if said is None or isinstance(said, Tried):
            flow = verify(token, digest_of(token), self._resource, outdated=outdated, tried=said)
            return token_of(await run_async(flow, self._performer.perform_async))
        return token_of(said)

    @property
    def resource(self) -> ProtectedResource:
        """What decisions rest on, for those who watch it."""
        return self._resource

    async def prepare_async(self) -> tuple[str, ...]:
        """Fetch keys and metadata before the first token comes; give why that is not complete, nothing where it is."""
        return await run_async(prepare(self._resource), self._performer.perform_async)

    def close(self) -> None:
        """End background work and close the connections of threads. The guard refuses to call anyone afterwards."""
        self._performer.close()

    async def aclose(self) -> None:
        """Do what `close` does, and close the running event loop's connections."""
        await self._performer.aclose()

    async def release_loop(self) -> None:
        """Cancel the background work of the running event loop and close its connections; the next call opens new ones.

        An application's end calls this and not `aclose`: another application, or the next start of this one, may use the guard.
        """
        await self._performer.release_loop()

    def after_fork(self) -> None:
        """Take fresh locks in a forked child; what was learned stays."""
        self._resource.reset_after_fork()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Guard({', '.join(server.issuer for server in self._resource.servers)})"

    def _said_at_once(self, request: Request, wanted: Policy | Problem, host: str, found: Finding | None) -> Allow | Deny | Tried | None:
        said: AccessToken | Finding | None = found
        cache = "none"
        if found is None:
            authorization = only_authorization(request.headers)
            if authorization is None or not isinstance(wanted, Policy):
                return None
            started = 0.0 if self._listener is None else time.perf_counter()
            said, cache, digest = self._usual.decide(authorization, request.query, wanted)
            if said is not None and self._listener is not None:
                said = self._heard(said, cache, digest, request.method, host, started)
        if isinstance(said, AccessToken):
            return Allow(said, None, cache)
        if said is None:
            return None
        if said.problem is None:
            return said.tried
        return self._refuse(request, said.problem, said, wanted if isinstance(wanted, Policy) else ANY_TOKEN, host)

    def _refuse(self, request: Request, problem: Problem, found: Finding, policy: Policy, host: str) -> Deny:
        decision = self._resource.answers.deny(problem, request, policy, token=found.token, cache=found.cache)
        self._tell(decision, request, host, found.seconds)
        return decision

    def _heard(
        self, said: AccessToken | Finding, cache: str, digest: bytes, method: str, host: str, started: float
    ) -> AccessToken | Finding:
        """Let the listener know of a token that passes; whoever answers a finding does it."""
        seconds = time.perf_counter() - started
        if isinstance(said, Finding):
            return said._replace(seconds=seconds)
        now, subjects = self._wall(), self._resource.settings.event_subject
        self._emit(usual_event(said, digest, method, host, cache=cache, now=now, seconds=seconds, subjects=subjects))
        return said

    def _tell(self, decision: Decision, request: Request, host: str, seconds: float) -> None:
        if self._listener is not None:
            now, subjects = self._wall(), self._resource.settings.event_subject
            self._emit(event_of(decision, request, host, now=now, seconds=seconds, subjects=subjects))

    def _emit(self, event: Event) -> None:
        try:
            cast("Callable[[Event], object]", self._listener)(event)
        except Exception as error:  # noqa: BLE001 - a broken listener must neither admit nor refuse anyone
            _log.error("on_event failed: %s", type(error).__qualname__)


def _unique() -> str:
    return uuid.uuid4().hex
