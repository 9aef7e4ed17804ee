"""Looking up host names with a bound: `getaddrinfo` obeys no timeout, so whoever asks waits beside it, not in it."""

from __future__ import annotations

import socket
import time
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from iiniit_guard.io.daemon_threads import DaemonThreads

_JOINED_SECONDS: Final = 5.0  # a look-up that hangs longer is not waited for again: the name server may be back


class Address(NamedTuple):
    """One address of a host, as `socket.connect` wants it."""

    family: int
    sockaddr: tuple[str | int | bytes, ...]


class Names:
    """Look up host names in threads; those who ask for one name at the same time share one look-up."""

    def __init__(self, threads: DaemonThreads) -> None:
        self._threads = threads
        self._lock = Lock()
        self._begun: dict[tuple[str, int], tuple[float, Future[list[Address]]]] = {}

    def look_up(self, host: str, port: int) -> Future[list[Address]]:
        """Begin to look up `host`, or join whoever does.

        Returns:
            The addresses, at least one; or an `OSError` where there is none.
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
    except UnicodeError:  # no host name: an empty label, or one over 63 characters
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
    return [Address(family, sockaddr) for family, _, _, _, sockaddr in found]
