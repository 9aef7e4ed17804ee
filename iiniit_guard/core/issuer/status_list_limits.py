"""Limits on status lists: how many are fetched, and how much memory they use.

The issuer names the list in each token. An issuer that names a new list in each token must neither
make the guard call a server without limit nor fill its memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Final

from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.flow import Unreachable

_BUSY: Final = Unreachable("busy", "status list: too many lists are fetched")


class ListCalls:
    """The fetches of the status lists of one issuer: how many at a time, and how many per second.

    Lists that were fetched before have places and a part of the budget of their own, so that new
    lists do not delay them.
    """

    PLACES: Final = 16
    BURST: Final = 64
    RESERVED: Final = 64
    PER_SECOND: Final = 16

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._left: float = self.BURST + self.RESERVED
        self._counted_at = self._monotonic()
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Start with no calls in flight: the calls of the parent process do not count here."""
        self._lock = Lock()
        self._taken = 0

    @property
    def in_flight(self) -> int:
        """The number of fetches in flight."""
        return self._taken

    def refusal(self, *, known: bool) -> Unreachable | None:
        """Return why no list may be fetched now, or None if one may.

        Args:
            known: The list was fetched before.
        """
        with self._lock:
            return None if self._is_free(known=known) else _BUSY

    def enter(self, *, known: bool) -> Unreachable | None:
        """Reserve a place, or return why there is none."""
        with self._lock:
            if not self._is_free(known=known):
                return _BUSY
            self._taken += 1
            self._left -= 1
            return None

    def leave(self) -> None:
        """Release a place."""
        with self._lock:
            self._taken -= 1

    def _is_free(self, *, known: bool) -> bool:
        now = self._monotonic()
        added = (now - self._counted_at) * self.PER_SECOND
        self._left, self._counted_at = min(self.BURST + self.RESERVED, self._left + added), now
        places, budget = (self.PLACES, 1) if known else (self.PLACES // 2, self.RESERVED + 1)
        return self._taken < places and self._left >= budget


class ListMemory:
    """The status lists of all issuers of one guard. Evicts the least recently used list first."""

    MAX_LISTS: Final = 256
    MAX_BYTES: Final = 32 * 1024 * 1024

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, tuple[int, Callable[[], object]]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """The bytes of the lists."""
        return self._bytes

    def reset_after_fork(self) -> None:
        """Replace the lock. A thread of the parent process may have held the old one."""
        self._lock = Lock()

    def use(self, key: Hashable, size: int, drop: Callable[[], object]) -> None:
        """Record that a list is used now, and drop others if there are too many.

        Args:
            key: The list.
            size: Its bytes.
            drop: Called when the list is evicted.
        """
        leaving: list[Callable[[], object]] = []
        with self._lock:
            before = self._kept.pop(key, None)
            self._bytes += size - (0 if before is None else before[0])
            self._kept[key] = size, drop
            while len(self._kept) > self.MAX_LISTS or self._bytes > self.MAX_BYTES:
                _, (freed, leave) = self._kept.popitem(last=False)
                self._bytes -= freed
                leaving.append(leave)
        for leave in leaving:
            leave()
