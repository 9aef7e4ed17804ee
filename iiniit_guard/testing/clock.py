"""A clock that only advances when a test advances it."""

from __future__ import annotations

import time

from iiniit_guard.core.model.clock import Clock


class SettableClock:
    """A clock that a test controls. An issuer and a guard can share one; no test has to sleep.

    >>> clock = SettableClock(1_800_000_000)
    >>> clock.advance(61)
    >>> clock.wall()
    1800000061.0

    Attributes:
        clock: The value for `Guard(clock=...)`.
    """

    def __init__(self, now: float | None = None) -> None:
        """Stop the clock at `now`.

        Args:
            now: Seconds since the epoch; None means the present time of the machine, in whole
                seconds.
        """
        self._wall = float(int(time.time()) if now is None else now)
        self._monotonic = 1000.0
        self.clock: Clock = Clock(wall=self.wall, monotonic=self.monotonic)

    def wall(self) -> float:
        """Return the seconds since the epoch."""
        return self._wall

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary moment."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Advance the wall clock and the monotonic clock by `seconds`."""
        self._wall += seconds
        self._monotonic += seconds

    def set_wall(self, now: float) -> None:
        """Set only the wall clock, as an operator or a time server does. It may go back."""
        self._wall = float(now)


class MachineClock(SettableClock):
    """The clock of the machine plus the seconds that a test adds.

    time-machine and freezegun move it, because each call reads `time` again. It shows whole
    seconds.
    """

    def __init__(self) -> None:
        super().__init__(0)

    @property
    def added(self) -> float:
        """The seconds that `advance` and `set_wall` added to the clock of the machine."""
        return self._wall

    def wall(self) -> float:
        """Return the seconds since the epoch."""
        return float(int(time.time())) + self._wall

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary moment."""
        return time.monotonic() + self._monotonic

    def set_wall(self, now: float) -> None:
        """Set only the wall clock, which then continues from this time."""
        self._wall = float(now - int(time.time()))
