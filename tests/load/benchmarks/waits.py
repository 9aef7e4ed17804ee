"""The longest waiting time of many single calls, not their average."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from heapq import nlargest
from typing import Any, Final

from tests.load.benchmarks.measure import Part

_FINE_SECONDS: Final = 1e-5
_precise: Final = time.get_clock_info("thread_time").resolution <= _FINE_SECONDS
own_time: Final[Callable[[], float]] = time.thread_time if _precise else time.perf_counter
"""CPU time of this thread, without what other programs took from it; the clock on the wall where
CPU time is counted in ticks.
"""


class Waits:
    """The times of many calls, by CPU time and by the wall clock, in seconds."""

    __slots__ = ("_own", "_wall")

    def __init__(self) -> None:
        self._own = array("d")
        self._wall = array("d")

    def __len__(self) -> int:
        return len(self._own)

    def time(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call the function and record its time."""
        own, started = own_time(), time.perf_counter()
        function(*arguments)
        ended = time.perf_counter()
        self._own.append(own_time() - own)
        self._wall.append(ended - started)

    def add(self, own: float, wall: float) -> None:
        """Record a time that was measured elsewhere."""
        self._own.append(own)
        self._wall.append(wall)

    def part(self, name: str, *, held: bool = True) -> Part:
        """Return the longest time, and the limit that 9,999 of 10,000 stay below."""
        above = len(self._own) // 10_000 + 1
        own, wall = nlargest(above, self._own), nlargest(above, self._wall)
        return Part(name, own[0] * 1e3, own[-1] * 1e3, wall[0] * 1e3, wall[-1] * 1e3, held)


def once(name: str, function: Callable[[], object]) -> Part:
    """Time a single call that has no goal."""
    waits = Waits()
    waits.time(function)
    return waits.part(name, held=False)
