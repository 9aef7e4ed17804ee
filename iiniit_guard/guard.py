"""The guard that applications create."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self, Unpack

from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.copying import CopiedAsItself
from iiniit_guard.core.model.decision import Decision
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.core.model.problem import Problem
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.resource_metadata import resource_document
from iiniit_guard.core.settings.guard_settings import make_settings
from iiniit_guard.core.settings.options import GuardKeywords
from iiniit_guard.engine import Engine
from iiniit_guard.io.effects import Transport
from iiniit_guard.io.settings import settings_from_env, settings_from_file

_SYSTEM_CLOCK: Final = Clock(time.time, time.monotonic)


class Guard(CopiedAsItself):
    """Decide which requests have a valid access token.

    One guard serves any number of threads, event loops and adapters. Creating a guard does no I/O;
    the first token does. Pass either the settings of one issuer or `issuers`. `TrustedIssuer` and
    `GuardSettings` describe every setting.

    Args:
        clock: For tests: the wall clock and the monotonic clock.
        transport: For tests: called with each `HttpRequest` instead of the network.
        settings: See `GuardKeywords`.

    Raises:
        SettingsError: At least one setting is invalid; `faults` names every invalid setting.
    """

    def __init__(
        self,
        *,
        clock: Clock = _SYSTEM_CLOCK,
        transport: Transport | None = None,
        **settings: Unpack[GuardKeywords],
    ) -> None:
        self._engine: Final = Engine(make_settings(settings), clock, transport)

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] = os.environ, **more: Unpack[GuardKeywords]
    ) -> Guard:
        """Create a guard from environment variables.

        The name of a variable is `IINIIT_GUARD_` and the name of the setting in upper case.

        Args:
            environ: The variables.
            more: Settings that have no text form, for example `on_event`. They override the
                environment.

        Raises:
            SettingsError: At least one setting is invalid; `faults` names every invalid setting.
        """
        return cls(**settings_from_env(environ, more))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **more: Unpack[GuardKeywords]) -> Guard:
        """Create a guard from a TOML file. The file is read immediately.

        Args:
            path: For example `guard.toml`.
            more: Settings that have no text form. They override the file.

        Raises:
            SettingsError: At least one setting is invalid; `faults` names every invalid setting.
        """
        return cls(**settings_from_file(path, more))

    def authenticate(
        self,
        request: Request,
        requirement: Policy | Problem = ANY_TOKEN,
        *,
        host: str = "guard",
    ) -> Decision:
        """Decide about a request; block while the authorization server is called, if needed.

        Args:
            request: From `request_from_environ` or `request_from_scope`.
            requirement: The policy to satisfy, or the refusal of a request that no access rule
                matches.
            host: The name of the adapter, for events.
        """
        return self._engine.authenticate(request, requirement, host=host)

    async def authenticate_async(
        self,
        request: Request,
        requirement: Policy | Problem = ANY_TOKEN,
        *,
        host: str = "guard",
    ) -> Decision:
        """Asynchronous version of `authenticate`."""
        return await self._engine.authenticate_async(request, requirement, host=host)

    def metadata(self) -> dict[str, Any]:
        """Return the RFC 9728 document, for applications that serve it themselves."""
        return resource_document(self._engine.resource.settings)

    def verify(self, token: str) -> AccessToken:
        """Return the verified content of a token.

        Args:
            token: Without the scheme.

        Raises:
            TokenRefused: The token is not valid.
            IssuerUnavailable: The token could not be checked.
            UsageError: `issuer_resolver` or `validators` is set. Both need the request, so a token
                cannot be verified alone.
        """
        return self._engine.verify(token)

    async def verify_async(self, token: str) -> AccessToken:
        """Asynchronous version of `verify`."""
        return await self._engine.verify_async(token)

    async def warm_up_async(self) -> tuple[str, ...]:
        """Fetch keys and metadata before the first token arrives.

        Returns:
            Why documents are missing, one entry per failure. Empty if everything was fetched.
        """
        return await self._engine.warm_up_async()

    def close(self) -> None:
        """Stop background work and close the connections of threads. Later network calls fail."""
        self._engine.close()

    async def aclose(self) -> None:
        """Close what `close` closes, and the connections of the running event loop."""
        await self._engine.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Guard({', '.join(server.issuer for server in self._engine.resource.servers)})"
