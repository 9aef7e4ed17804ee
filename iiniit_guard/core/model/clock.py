"""Time as an argument: the core reads no clock of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Moment(NamedTuple):
    """One moment as both clocks tell it."""

    wall: float
    monotonic: float


@dataclass(frozen=True, slots=True)
class Clock:
    """Two ways to tell the time; an entry's age is counted by both and either ends it.

    Attributes:
        wall: Seconds since the epoch, as `exp` and `iat` count. It can be set back.
        monotonic: Seconds since an arbitrary moment. It cannot be set back, but may stand still while a machine sleeps.
    """

    wall: Callable[[], float]
    monotonic: Callable[[], float]

    def now(self) -> Moment:
        """Read both clocks."""
        return Moment(self.wall(), self.monotonic())

    def age(self, moment: Moment) -> float:
        """Give the seconds since `moment` by the clock that says more: a clock set back must not keep an entry young."""
        return max(self.wall() - moment.wall, self.monotonic() - moment.monotonic)
