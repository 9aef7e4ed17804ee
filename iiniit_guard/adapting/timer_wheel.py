"""A timer wheel: it schedules many connections without a timer for each of them."""

from __future__ import annotations

from heapq import heappop, heappush
from math import ceil
from typing import Final, Generic, Protocol, TypeVar

SECONDS: Final = 0.25
"""The width of a bucket. A moment is due at the end of its bucket, never before it."""

NOWHERE: Final = -1
"""The `tick` of an entry that is in no bucket."""


class Ticking(Protocol):
    """An entry of a wheel. The wheel stores the number of its bucket in it."""

    tick: int


T = TypeVar("T", bound=Ticking)


class TimerWheel(Generic[T]):
    """Entries by the moment at which they are due. Adding and removing take constant time.

    Not thread-safe.
    """

    def __init__(self) -> None:
        self._buckets: dict[int, set[T]] = {}
        self._ticks: list[int] = []  # a heap, with the numbers of removed buckets too

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values()))

    def __bool__(self) -> bool:
        return bool(self._buckets)

    def add(self, entry: T, moment: float) -> None:
        """Add an entry, or move it to another moment.

        Args:
            entry: Its `tick` is changed.
            moment: When it is due.
        """
        self.discard(entry)
        entry.tick = tick = max(0, ceil(moment / SECONDS))
        bucket = self._buckets.get(tick)
        if bucket is None:
            self._buckets[tick] = {entry}
            heappush(self._ticks, tick)
        else:
            bucket.add(entry)

    def discard(self, entry: T) -> None:
        """Remove an entry, if it is in the wheel."""
        tick, entry.tick = entry.tick, NOWHERE
        bucket = self._buckets.get(tick)
        if bucket is not None:
            bucket.discard(entry)
            if not bucket:
                del self._buckets[tick]

    def take_due(self, now: float) -> list[T]:
        """Remove and return the entries that are due at `now`, the oldest first."""
        due: list[T] = []
        while self._ticks and self._ticks[0] * SECONDS <= now:
            for entry in self._buckets.pop(heappop(self._ticks), ()):
                entry.tick = NOWHERE
                due.append(entry)
        return due

    def next_moment(self) -> float | None:
        """Return when the next entries are due; None if the wheel is empty."""
        while self._ticks and self._ticks[0] not in self._buckets:
            heappop(self._ticks)
        return self._ticks[0] * SECONDS if self._ticks else None

    def entries(self) -> list[T]:
        """Return all entries."""
        return [entry for bucket in self._buckets.values() for entry in bucket]
