"""One configuration at work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from iiniit_guard.guard import Guard
from iiniit_guard.sidecar.gateway.assertion import Assertions, read_keys
from iiniit_guard.sidecar.gateway.authorize import Authorizer, Gatekeeping
from iiniit_guard.sidecar.settings.dialects import Dialect
from iiniit_guard.sidecar.settings.introspection_clients import Callers
from iiniit_guard.sidecar.settings.peers import Peers

if TYPE_CHECKING:
    from iiniit_guard.core.http.event import Event
    from iiniit_guard.sidecar.settings.sidecar_settings import SidecarSettings
    from iiniit_guard.sidecar.status.history import History

NOTHING_MORE: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(slots=True, eq=False)
class Running:
    """What the listeners work with; a reload makes another one.

    Attributes:
        settings: What it was made of.
        guard: Decides about credentials.
        peers: Who may ask.
        authorizer: Answers `/auth`.
        callers: Who may use `/introspect`.
        assertions: None where no upstream wants them.
        in_flight: Requests that wait for something.
    """

    settings: SidecarSettings
    guard: Guard
    peers: Peers
    authorizer: Authorizer
    callers: Callers
    assertions: Assertions | None
    in_flight: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def request(self) -> Iterator[None]:
        """Be under way, so that the guard is not closed before the end."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            self._idle.set()

    async def ended(self) -> None:
        """Wait until no request is under way; none begins any more."""
        while self.in_flight:
            self._idle.clear()
            await self._idle.wait()


def make_running(
    settings: SidecarSettings,
    on_event: Callable[[Event], object],
    history: History,
    *,
    before: Running | None = None,
    more: Mapping[str, Any] = NOTHING_MORE,
) -> Running:
    """Build everything that a configuration asks for; no request is made.

    Args:
        settings: The configuration.
        on_event: Told about every decision, but those on remembered tokens only where everything is logged.
        history: Counts those.
        before: The configuration that this one replaces: its guard and all that it has learned stay where its settings did.
        more: Further keywords of the guard, which no file can hold.

    Raises:
        SettingsError: With every fault that only building shows.
    """
    keys = () if settings.upstream is None else read_keys(settings.upstream.assertion_keys)
    if before is not None and before.settings.guard == settings.guard:
        guard = before.guard
    else:
        guard = Guard(**{**settings.guard, "on_event": on_event, **more})
    assertions = None
    if settings.upstream is not None:
        assertions = Assertions(settings.upstream, keys, guard.resource.clock, lambda: uuid4().hex)
    peers = Peers(settings.trusted_proxies)
    authorizer = Authorizer(
        Gatekeeping(
            guard,
            history,
            Dialect(settings.gateway, certificates=settings.client_certificates),
            peers,
            settings.rules,
            settings.preflights,
            settings.gateway == "nginx",
            assertions,
            settings.auth_max_age_seconds,
            settings.log == "all",
        )
    )
    callers = Callers(settings.callers, None if before is None else before.callers)
    return Running(settings, guard, peers, authorizer, callers, assertions)
