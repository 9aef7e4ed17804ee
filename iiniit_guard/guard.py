"""The guard: a protected resource and the means to act. Nothing above this module drives a flow."""

from __future__ import annotations

import logging
import os
import random
import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from types import TracebackType
from typing import Any, Final, Self, Unpack, cast

from iiniit_guard.core.cache.tokens import CacheEntry, digest_of
from iiniit_guard.core.decide import Begun, Judged, Pending, Presented, Unfinished, authorize, begin, conclude, find_cached, resume, verify
from iiniit_guard.core.http.bearer import BEARER, is_b64token
from iiniit_guard.core.http.event import Event, event_of, usual_event
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.copying import CopiedAsItself
from iiniit_guard.core.model.decision import Allow, Answer, Decision, Deny
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.outcome import unwrap
from iiniit_guard.core.resource import Chance, ProtectedResource
from iiniit_guard.core.resource_metadata import published, resource_document
from iiniit_guard.core.settings.guard_settings import make_settings
from iiniit_guard.core.settings.options import GuardKeywords
from iiniit_guard.core.warm_up import prepare
from iiniit_guard.errors import UsageError
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
        self.resource: Final = ProtectedResource(make_settings(settings), clock, Chance(random.random, _unique, os.urandom))
        store_url = self.resource.settings.store_url
        self._performer = Performer(transport, None if store_url is None else Store(store_url))
        self._listener = self.resource.settings.on_event
        self._wall = clock.wall
        self.begin: Final[Callable[..., AccessToken | Unfinished]] = (
            partial(begin, self.resource) if self._listener is None else self._begin_heard
        )
        """The half of a decision that needs no I/O, which adapters call first; see `decide.begin`."""
        self.metadata_path: Final = self.resource.metadata_path
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
        self, request: Request, wanted: Policy | Problem = ANY_TOKEN, *, host: str = "guard", begun: Unfinished | None = None
    ) -> Decision:
        """Decide about a request, waiting for the authorization server if it must be asked.

        Args:
            request: From `request_from_environ` or `request_from_scope`.
            wanted: The policy to satisfy, or the refusal of a request that no rule matches.
            host: The adapter's name, for events.
            begun: What `begin` returned for this request and the same `wanted`.
        """
        started = time.perf_counter()
        presented, result = begun or self._begun(Presented.of(request, host), wanted)
        if isinstance(result, AccessToken):
            return conclude(result, presented, self.resource, wanted)
        if isinstance(result, Pending):
            result = run(resume(result), self._performer.perform)
        return self._concluded(result, presented, request, wanted, started)

    async def authenticate_async(
        self, request: Request, wanted: Policy | Problem = ANY_TOKEN, *, host: str = "guard", begun: Unfinished | None = None
    ) -> Decision:
        """Do what `authenticate` does, on the running event loop."""
        started = time.perf_counter()
        presented, result = begun or self._begun(Presented.of(request, host), wanted)
        if isinstance(result, AccessToken):
            return conclude(result, presented, self.resource, wanted)
        if isinstance(result, Pending):
            result = await run_async(resume(result), self._performer.perform_async)
        return self._concluded(result, presented, request, wanted, started)

    def _begin_heard(self, presented: Presented, wanted: Policy | Problem = ANY_TOKEN) -> AccessToken | Unfinished:
        """Do what `begin` does, and let the listener know of a token that passes."""
        started = time.perf_counter()
        begun = begin(self.resource, presented, wanted)
        if isinstance(begun, AccessToken):
            seconds, subjects = time.perf_counter() - started, self.resource.settings.event_subject
            digest, method, host, cache = presented.digest or b"", presented.method, presented.host, presented.cache
            self._emit(usual_event(begun, digest, method, host, cache=cache, now=self._wall(), seconds=seconds, subjects=subjects))
        return begun

    def permit(self, request: Request, token: AccessToken | Principal, policy: Policy, *, host: str = "guard") -> Allow | Deny:
        """Compare a token that was verified for this request with a handler's policy; only a refusal is an event."""
        problem = authorize(token, self.resource, policy)
        if problem is None:
            return Allow(None, token) if isinstance(token, Principal) else Allow(token)
        scheme = token.scheme.lower() if isinstance(token, Principal) else BEARER
        decision = self.resource.answers.deny(problem, request, policy, scheme=scheme, token=token)
        self._tell(decision, request, host, 0.0)
        return decision

    def refuse(self, request: Request, problem: Problem, *, policy: Policy | None = None, host: str = "guard") -> Deny:
        """Return the answer for a problem that was found outside the guard."""
        decision = self.resource.answers.deny(problem, request, policy or ANY_TOKEN)
        self._tell(decision, request, host, 0.0)
        return decision

    def published(self, request: Request) -> Answer | None:
        """Answer a request for this resource's metadata (RFC 9728); None for any other request, and without the setting `resource`."""
        return published(request, self.resource)

    def metadata(self) -> dict[str, Any]:
        """Give the RFC 9728 document, for applications that serve it themselves."""
        return resource_document(self.resource.settings)

    def find(self, authorization: bytes, query: bytes) -> CacheEntry | None:
        """Return the cache entry of a request that needs nothing but its token; for a host that decides and counts by itself."""
        return find_cached(authorization, query, self.resource)

    def verify(self, token: str) -> AccessToken:
        """Give what a good token says.

        Args:
            token: Without scheme.

        Raises:
            TokenRefused: It is not good.
            IssuerUnavailable: That could not be found out.
            UsageError: The request has a say (`issuer_resolver`, `validators`), so a token alone cannot be verified.
        """
        found = self._cached(token, None)
        return unwrap(run(verify(token, digest_of(token), self.resource), self._performer.perform)) if found is None else unwrap(found)

    async def verify_async(self, token: str, *, outdated: float | None = None) -> AccessToken:
        """Do what `verify` does, on the running event loop.

        Args:
            token: Without scheme.
            outdated: A cached entry that ends at this moment or earlier, by the monotonic clock, is no answer: the server is asked.
        """
        found = self._cached(token, outdated)
        if found is not None:
            return unwrap(found)
        return unwrap(await run_async(verify(token, digest_of(token), self.resource, outdated=outdated), self._performer.perform_async))

    async def prepare_async(self) -> tuple[str, ...]:
        """Fetch keys and metadata before the first token comes; give why that is not complete, nothing where it is."""
        return await run_async(prepare(self.resource), self._performer.perform_async)

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
        self.resource.reset_after_fork()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Guard({', '.join(server.issuer for server in self.resource.servers)})"

    def _begun(self, presented: Presented, wanted: Policy | Problem) -> tuple[Presented, Begun]:
        begun = self.begin(presented, wanted)
        return begun if isinstance(begun, Unfinished) else (presented, begun)

    def _concluded(self, result: Judged, presented: Presented, request: Request, wanted: Policy | Problem, started: float) -> Decision:
        decision = conclude(result, presented, self.resource, wanted)
        self._tell(decision, request, presented.host, time.perf_counter() - started)
        return decision

    def _cached(self, token: str, outdated: float | None) -> AccessToken | Problem | None:
        """Return what is known about a token without any check of it, or None.

        Raises:
            UsageError: The token is no text, or the request counts too (`issuer_resolver`, `validators`).
        """
        if not self.resource.token_alone_decides:
            raise UsageError("with issuer_resolver or validators the request counts too: use authenticate(request)")
        if not isinstance(token, str):
            raise UsageError("a token is text, without its scheme")
        encoded = token.encode("ascii") if token.isascii() else b""
        if len(encoded) > self.resource.settings.max_token_bytes:
            return PROBLEMS[Reason.TOKEN_TOO_LONG]
        if not is_b64token(encoded):
            return PROBLEMS[Reason.MALFORMED_TOKEN]
        entry = self.resource.find(sha256(encoded).digest())
        return entry.token if entry is not None and entry.outlasts(outdated) else None

    def _tell(self, decision: Decision, request: Request, host: str, seconds: float) -> None:
        if self._listener is not None:
            now, subjects = self._wall(), self.resource.settings.event_subject
            self._emit(event_of(decision, request, host, now=now, seconds=seconds, subjects=subjects))

    def _emit(self, event: Event) -> None:
        try:
            cast("Callable[[Event], object]", self._listener)(event)
        except Exception as error:  # noqa: BLE001 - a broken listener must neither admit nor refuse anyone
            _log.error("on_event failed: %s", type(error).__qualname__)


def _unique() -> str:
    return uuid.uuid4().hex
