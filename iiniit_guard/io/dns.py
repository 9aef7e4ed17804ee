"""Host name resolution with a time limit.

`getaddrinfo` has no timeout, so it runs in another thread and the caller waits for that thread.
"""

from __future__ import annotations

import socket
import time
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from iiniit_guard.io.daemon_threads import DaemonThreads

# A lookup that hangs longer is not shared any more: the name server may be available again.
_JOINED_SECONDS: Final = 5.0


class Address(NamedTuple):
    """One address of a host, as for `socket.connect`."""

    family: int
    sockaddr: tuple[str | int | bytes, ...]


class Resolver:
    """Resolve host names in threads. Concurrent callers for one name share one lookup."""

    def __init__(self, threads: DaemonThreads) -> None:
        self._threads = threads
        self._lock = Lock()
        self._begun: dict[tuple[str, int], tuple[float, Future[list[Address]]]] = {}

    def look_up(self, host: str, port: int) -> Future[list[Address]]:
        """Start a lookup of `host`, or join one in progress.

        Returns:
            A future with at least one address, or with an `OSError`.
        """
        try:
            numeric: Future[list[Address]] = Future()
            numeric.set_result(_addresses(host, port, socket.AI_NUMERICHOST))
            return numeric
        except OSError:
            return self._share(host, port)

    def _share(self, host: str, port: int) -> Future[list[Address]]:
        key, now = (host, port), time.monotonic()
        with self._lock:
            begun = self._begun.get(key)
            if begun is not None and now - begun[0] < _JOINED_SECONDS:
                return begun[1]
            found = self._threads.run(lambda: _addresses(host, port, 0))
            self._begun[key] = (now, found)
        found.add_done_callback(lambda done: self._forget(key, done))
        return found

    def _forget(self, key: tuple[str, int], found: Future[list[Address]]) -> None:
        with self._lock:
            if self._begun.get(key, (0.0, None))[1] is found:
                del self._begun[key]


def _addresses(host: str, port: int, flags: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except UnicodeError:  # not a host name: an empty label, or one of more than 63 characters
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
    return [Address(family, sockaddr) for family, _, _, _, sockaddr in found]
