"""Clocks as arguments. The core never reads a system clock itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Moment(NamedTuple):
    """One moment, as read from both clocks."""

    wall: float
    monotonic: float


@dataclass(frozen=True, slots=True)
class Clock:
    """Wall clock and monotonic clock. Cached data expires when either clock reaches its limit.

    Attributes:
        wall: Seconds since the epoch, as `exp` and `iat` count. It can be set back.
        monotonic: Seconds since an arbitrary moment. It cannot be set back, but may stand still
            while a machine sleeps.
    """

    wall: Callable[[], float]
    monotonic: Callable[[], float]

    def now(self) -> Moment:
        """Read both clocks."""
        return Moment(self.wall(), self.monotonic())

    def age(self, moment: Moment) -> float:
        """Return the seconds since `moment` by the clock that shows more.

        If the wall clock is set back, the monotonic clock still shows the age.
        """
        return max(self.wall() - moment.wall, self.monotonic() - moment.monotonic)
