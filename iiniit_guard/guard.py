"""The guard: a protected resource and the means to act. Nothing above this module drives a flow."""

from __future__ import annotations

import logging
import os
import random
import time
import uuid
from collections.abc import Callable, Mapping
from hashlib import sha256
from types import TracebackType
from typing import Any, Final, Self, Unpack, cast

from iiniit_guard.core.access_token import AccessToken, Principal
from iiniit_guard.core.authenticate import authenticate, decide, verify, verify_at_once
from iiniit_guard.core.bearer import has_query_token, is_b64token
from iiniit_guard.core.cache import Remembered, digest_of
from iiniit_guard.core.clock import Clock
from iiniit_guard.core.decision import Allow, Answer, Decision, Deny
from iiniit_guard.core.event import Event, event_of, hit_event
from iiniit_guard.core.flow import Unreachable
from iiniit_guard.core.keywords import GuardKeywords
from iiniit_guard.core.policy import ANY_TOKEN, Policy
from iiniit_guard.core.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.readiness import prepare
from iiniit_guard.core.request import Request, only_authorization
from iiniit_guard.core.resource import Chance, ProtectedResource
from iiniit_guard.core.resource_metadata import published, resource_document
from iiniit_guard.core.settings import make_settings
from iiniit_guard.errors import GuardError, UsageError
from iiniit_guard.io.drive import run, run_async
from iiniit_guard.io.fork import on_fork
from iiniit_guard.io.perform import Performer, Transport
from iiniit_guard.io.settings import settings_from_env, settings_from_file
from iiniit_guard.io.store import Store

_log: Final = logging.getLogger("iiniit_guard")
_SYSTEM_CLOCK: Final = Clock(time.time, time.monotonic)


class TokenRefused(GuardError):
    """`Guard.verify` was given a token that is not good.

    Attributes:
        problem: The refusal, with a description that is safe to send.
        reason: Why, stable.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.description)
        self.problem = problem
        self.reason: Reason = problem.reason


class IssuerUnavailable(GuardError):
    """`Guard.verify` could not find out whether a token is good; the token may be.

    Attributes:
        retry_after_seconds: When asking again may help.
    """

    def __init__(self, cause: Unreachable) -> None:
        super().__init__(f"the authorization server cannot be asked: {cause.detail}")
        self.cause = cause.cause
        self.retry_after_seconds: float = cause.retry_after_seconds


class Guard:
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
        self._find, self._recalls, self._wall = self._resource.cache.find, self._resource.recalls, clock.wall
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

    def authenticate(self, request: Request, wanted: Policy | Problem = ANY_TOKEN, *, host: str = "guard") -> Decision:
        """Decide about a request, waiting for the authorization server where that must be asked.

        Args:
            request: From `request_from_environ` or `request_from_scope`.
            wanted: The policy to satisfy, or the refusal that rules found.
            host: The adapter's name, for events.
        """
        recalled = self._recall(request, wanted, host)
        if recalled is not None:
            return recalled
        started = time.perf_counter()
        decision = run(authenticate(request, self._resource, wanted), self._performer.perform)
        self._tell(decision, request, host, time.perf_counter() - started)
        return decision

    async def authenticate_async(self, request: Request, wanted: Policy | Problem = ANY_TOKEN, *, host: str = "guard") -> Decision:
        """Do what `authenticate` does, on the running event loop."""
        recalled = self._recall(request, wanted, host)
        if recalled is not None:
            return recalled
        started = time.perf_counter()
        decision = await run_async(authenticate(request, self._resource, wanted), self._performer.perform_async)
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
        decision = self._resource.answers.deny(problem, request, policy or ANY_TOKEN)
        self._tell(decision, request, host, 0.0)
        return decision

    def published(self, request: Request) -> Answer | None:
        """Answer a request for this resource's metadata (RFC 9728); None for any other request, and without the setting `resource`."""
        return published(request, self._resource)

    def metadata(self) -> dict[str, Any]:
        """Give the RFC 9728 document, for applications that serve it themselves."""
        return resource_document(self._resource.settings)

    def recall(
        self, authorization: bytes, query: bytes = b"", wanted: Policy = ANY_TOKEN, method: str = "GET", host: str = "guard"
    ) -> AccessToken | None:
        """Give the remembered token of a request in the usual form that satisfies a policy, at the cost of one hash and one look.

        None says nothing about the request: `authenticate` decides then. A token is a decision, and told as an event.

        Args:
            authorization: The value of its only Authorization field, see `only_authorization`.
            query: Undecoded.
            wanted: The policy to satisfy.
            method: The request's, for events.
            host: The adapter's name, for events.
        """
        started = 0.0 if self._listener is None else time.perf_counter()
        entry = self.find(authorization, query)
        if entry is None or (wanted is not ANY_TOKEN and wanted.check(entry.token, self._wall()) is not None):
            return None
        if self._listener is not None:
            seconds, subjects = time.perf_counter() - started, self._resource.settings.event_subject
            self._emit(hit_event(entry, method, host, now=self._wall(), seconds=seconds, subjects=subjects))
        return entry.token

    def find(self, authorization: bytes, query: bytes) -> Remembered | None:
        """Give what `recall` would go by; for a host that decides and counts by itself."""
        if authorization[:7] != b"Bearer " or not self._recalls or (query and has_query_token(query)):
            return None
        return self._find(sha256(authorization[7:]).digest())

    def verify(self, token: str) -> AccessToken:
        """Give what a good token says.

        Args:
            token: Without scheme.

        Raises:
            TokenRefused: It is not good.
            IssuerUnavailable: That could not be found out.
            UsageError: The request has a say (`issuer_resolver`, `validators`), so a token alone cannot be verified.
        """
        digest = self._digest_of(token)
        said = self._resource.recall(digest) or self._verify_at_once(token, digest)
        return _verified(said if said is not None else run(verify(token, digest, self._resource), self._performer.perform))

    async def verify_async(self, token: str, *, outdated: AccessToken | None = None) -> AccessToken:
        """Do what `verify` does, on the running event loop.

        Args:
            token: Without scheme.
            outdated: What is remembered about it, where that is to be asked about anew; it stays until there is an answer.
        """
        digest = self._digest_of(token)
        known = self._resource.recall(digest)
        said = (known if known is not outdated else None) or self._verify_at_once(token, digest)
        if said is None:
            said = await run_async(verify(token, digest, self._resource, outdated=outdated), self._performer.perform_async)
        return _verified(said)

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

    def _recall(self, request: Request, wanted: Policy | Problem, host: str) -> Allow | None:
        """Decide the usual case without a flow: a remembered bearer token that satisfies the policy."""
        authorization = only_authorization(request.headers)
        if authorization is None or not isinstance(wanted, Policy):
            return None
        token = self.recall(authorization, request.query, wanted, request.method, host)
        return None if token is None else Allow(token, None, "hit")

    def _digest_of(self, token: str) -> bytes:
        settings = self._resource.settings
        if settings.issuer_resolver is not None or settings.validators:
            raise UsageError("with issuer_resolver or validators the request has a say: use authenticate(request)")
        if not isinstance(token, str):
            raise UsageError("a token is text, without its scheme")
        return digest_of(token) if token.isascii() else b""  # nothing is remembered under this

    def _verify_at_once(self, token: str, digest: bytes) -> AccessToken | Problem | Unreachable | None:
        if len(token) > self._resource.settings.max_token_bytes:
            return PROBLEMS[Reason.TOKEN_TOO_LONG]
        if not digest or not is_b64token(token.encode("ascii")):
            return PROBLEMS[Reason.MALFORMED_TOKEN]
        return verify_at_once(token, digest, self._resource)

    def _tell(self, decision: Decision, request: Request, host: str, seconds: float) -> None:
        if self._listener is not None:
            now, subjects = self._wall(), self._resource.settings.event_subject
            self._emit(event_of(decision, request, host, now=now, seconds=seconds, subjects=subjects))

    def _emit(self, event: Event) -> None:
        try:
            cast("Callable[[Event], object]", self._listener)(event)
        except Exception as error:  # noqa: BLE001 - a broken listener must neither admit nor refuse anyone
            _log.error("on_event failed: %s", type(error).__qualname__)


def _verified(outcome: AccessToken | Problem | Unreachable) -> AccessToken:
    if isinstance(outcome, Problem):
        raise TokenRefused(outcome)
    if isinstance(outcome, Unreachable):
        raise IssuerUnavailable(outcome)
    return outcome


def _unique() -> str:
    return uuid.uuid4().hex
