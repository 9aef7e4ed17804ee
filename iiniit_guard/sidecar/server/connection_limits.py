"""What a stranger may hold of a listener: how many connections, and each for how long without asking anything."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from iiniit_guard.sidecar.apps.build import Listener

HEAD_SECONDS: Final = 10.0
_MOST_DESCRIPTORS: Final = 65536
_MOST: Final[dict[Listener, int]] = {"public": 1024, "admin": 128}
_PARTS: Final[dict[Listener, int]] = {"public": 4, "admin": 8}
_BACKLOG: Final = 2048
_log: Final = logging.getLogger("iiniit_guard.sidecar")


@dataclass(slots=True)
class Bounds:
    """The bounds of one listener in one process.

    Attributes:
        listener: Which one.
        connections: How many it keeps; further ones are closed at once.
        backlog: How many may wait. asyncio accepts as many in one go, before any can be closed again.
        head_seconds: How long the head of a request may take, from connecting or from its first byte.
        told: Whether the log says already that there were too many.
    """

    listener: Listener
    connections: int
    backlog: int
    head_seconds: float = HEAD_SECONDS
    told: bool = False


def make_bounds(listener: Listener, descriptors: int) -> Bounds:
    """Share the descriptors of a process, so that strangers elsewhere cannot take the gateway's.

    Args:
        listener: Which one.
        descriptors: The soft limit (`RLIMIT_NOFILE`); negative where there is none. A quarter stays for everything that is no listener's.
    """
    usable = (min(descriptors, _MOST_DESCRIPTORS) if descriptors >= 0 else _MOST_DESCRIPTORS) * 3 // 4
    others = {each: max(1, min(usable // part, _MOST[each])) for each, part in _PARTS.items()}
    if listener in others:
        return Bounds(listener, others[listener], max(16, min(usable // 12, _BACKLOG)))
    return Bounds(listener, max(1, usable - sum(others.values())), _BACKLOG)


class Bounded(asyncio.Protocol):
    """The part that both of uvicorn's protocols share: it goes before one of them among the bases."""

    bounds: Bounds
    _deadline: asyncio.TimerHandle | None = None

    # What uvicorn's protocols have.
    cycle: Any
    connections: Any
    loop: Any
    transport: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection, unless there are enough."""
        if len(self.connections) >= self.bounds.connections:
            self.transport = transport  # `connection_lost` closes it once more
            transport.close()
            if not self.bounds.told:
                self.bounds.told = True
                _log.error(
                    "the %s listener has %d connections and closes further ones; this is said once",
                    self.bounds.listener,
                    self.bounds.connections,
                )
            return
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._head_came()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        """Begin to count the time of a head, unless that was begun."""
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.bounds.head_seconds, self._expire)

    def _head_came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        if self._answers():
            self._expect_head()  # it may be we who do not read on
        else:
            self.transport.close()

    def _answers(self) -> bool:
        """Tell whether an answer is still to be written."""
        return self.cycle is not None and not self.cycle.response_complete
