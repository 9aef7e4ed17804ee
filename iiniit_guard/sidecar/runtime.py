"""The objects that the sidecar builds from one configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from iiniit_guard.adapting.admission import engine_of
from iiniit_guard.adapting.types import Members
from iiniit_guard.engine import Engine
from iiniit_guard.guard import Guard
from iiniit_guard.sidecar.gateway.assertion import Assertions, read_keys
from iiniit_guard.sidecar.gateway.authorize import Authorizer, Gatekeeping
from iiniit_guard.sidecar.settings.dialects import Dialect
from iiniit_guard.sidecar.settings.introspection_clients import IntrospectionClients
from iiniit_guard.sidecar.settings.peers import Peers

if TYPE_CHECKING:
    from iiniit_guard.core.http.event import Event
    from iiniit_guard.sidecar.settings.sidecar_settings import SidecarSettings
    from iiniit_guard.sidecar.status.history import History

NOTHING_MORE: Final[Members] = MappingProxyType({})


@dataclass(slots=True, eq=False)
class Running:
    """The runtime objects of one configuration. A reload creates a new instance.

    Attributes:
        settings: The configuration.
        engine: Decides on credentials.
        peers: The network peers that may call the gateway listener.
        authorizer: Handles `/auth`.
        introspection_clients: The clients that may use `/introspect`.
        assertions: Creates assertions. None if no upstream requires them.
        in_flight: Number of requests in progress, except those on the fast path.
    """

    settings: SidecarSettings
    engine: Engine
    peers: Peers
    authorizer: Authorizer
    introspection_clients: IntrospectionClients
    assertions: Assertions | None
    in_flight: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request as in progress, so that the guard is not closed before it completes."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            self._idle.set()

    async def ended(self) -> None:
        """Wait until no request is in progress. No new request may begin meanwhile."""
        while self.in_flight:
            self._idle.clear()
            await self._idle.wait()


def make_running(
    settings: SidecarSettings,
    on_event: Callable[[Event], object],
    history: History,
    *,
    before: Running | None = None,
    more: Members = NOTHING_MORE,
) -> Running:
    """Build the runtime objects of a configuration. The function makes no network requests.

    Args:
        settings: The configuration.
        on_event: Called with each decision. Grants for cached tokens are included only if the
            sidecar logs all decisions.
        history: Counts the grants for cached tokens.
        before: The runtime that this one replaces. If the settings of its guard are unchanged, the
            guard and its caches are reused.
        more: Additional keyword arguments of `Guard` that a file cannot express.

    Raises:
        SettingsError: The settings have faults that only building detects. The exception lists
            all of them.
    """
    keys = () if settings.upstream is None else read_keys(settings.upstream.assertion_keys)
    if before is not None and before.settings.guard == settings.guard:
        engine = before.engine
    else:
        engine = engine_of(Guard(**{**settings.guard, "on_event": on_event, **more}))
    engine.reporter.logs_refusals = False  # the decision log has a line for each refusal
    assertions = None
    if settings.upstream is not None:
        assertions = Assertions(settings.upstream, keys, engine.resource.clock, lambda: uuid4().hex)
    peers = Peers(settings.trusted_proxies)
    authorizer = Authorizer(
        Gatekeeping(
            engine,
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
    introspection_clients = IntrospectionClients(
        settings.introspection_clients, None if before is None else before.introspection_clients
    )
    return Running(settings, engine, peers, authorizer, introspection_clients, assertions)
