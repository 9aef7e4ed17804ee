"""Connection limits of a listener: the number of connections, and the time until a request head."""

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
    """The connection limits of one listener in one process.

    Attributes:
        listener: The listener.
        connections: Maximum number of open connections. Further connections are closed at once.
        backlog: Maximum number of connections that wait to be accepted. asyncio accepts that many
            in one iteration, before it can close any of them.
        head_seconds: Seconds that a request head may take, from the connection or from the first
            byte of the head.
        told: Whether the log message about too many connections was already written.
    """

    listener: Listener
    connections: int
    backlog: int
    head_seconds: float = HEAD_SECONDS
    told: bool = False


def make_bounds(listener: Listener, descriptors: int) -> Bounds:
    """Divide the file descriptors of a process among its listeners.

    The division keeps clients of the public and admin listeners from using up the descriptors that
    the gateway listener needs.

    Args:
        listener: The listener whose limits are returned.
        descriptors: The soft limit of `RLIMIT_NOFILE`; negative if there is no limit. A quarter
            stays reserved for everything other than listeners.
    """
    usable = (
        (min(descriptors, _MOST_DESCRIPTORS) if descriptors >= 0 else _MOST_DESCRIPTORS) * 3 // 4
    )
    others = {each: max(1, min(usable // part, _MOST[each])) for each, part in _PARTS.items()}
    if listener in others:
        return Bounds(listener, others[listener], max(16, min(usable // 12, _BACKLOG)))
    return Bounds(listener, max(1, usable - sum(others.values())), _BACKLOG)


class Bounded(asyncio.Protocol):
    """A mixin that limits the connections of uvicorn's protocols.

    The mixin must precede the protocol of uvicorn among the base classes.
    """

    bounds: Bounds
    _deadline: asyncio.TimerHandle | None = None

    # Attributes that the protocols of uvicorn define.
    cycle: Any
    connections: Any
    loop: Any
    transport: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection, or close it if the limit is reached."""
        if len(self.connections) >= self.bounds.connections:
            self.transport = transport  # uvicorn's `connection_lost` closes `self.transport`
            transport.close()
            if not self.bounds.told:
                self.bounds.told = True
                _log.error(
                    "the %s listener has %d connections and closes further ones (logged once)",
                    self.bounds.listener,
                    self.bounds.connections,
                )
            return
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadline of the request head."""
        self._head_came()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        """Start the deadline of the request head, unless it is already running."""
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.bounds.head_seconds, self._expire)

    def _head_came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        if self._answers():
            # uvicorn may have paused reading until the response is written.
            self._expect_head()
        else:
            self.transport.close()

    def _answers(self) -> bool:
        """Return whether a response is still being written."""
        return self.cycle is not None and not self.cycle.response_complete
