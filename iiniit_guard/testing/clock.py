"""A clock that stands still until a test moves it."""

from __future__ import annotations

import time

from iiniit_guard.core.model.clock import Clock


class SettableClock:
    """Time as a test wants it: an issuer and a guard that share one agree to the second, and nobody sleeps.

    >>> clock = SettableClock(1_800_000_000)
    >>> clock.advance(61)
    >>> clock.wall()
    1800000061.0

    Attributes:
        clock: What `Guard(clock=...)` takes.
    """

    def __init__(self, now: float | None = None) -> None:
        """Stop the clock at `now`.

        Args:
            now: Seconds since the epoch; None means the machine's present time, whole seconds.
        """
        self._wall = float(int(time.time()) if now is None else now)
        self._monotonic = 1000.0
        self.clock: Clock = Clock(wall=self.wall, monotonic=self.monotonic)

    def wall(self) -> float:
        """Give seconds since the epoch."""
        return self._wall

    def monotonic(self) -> float:
        """Give seconds since an arbitrary moment."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass, on the wall and for the monotonic clock alike."""
        self._wall += seconds
        self._monotonic += seconds

    def set_wall(self, now: float) -> None:
        """Set the wall clock alone, as an operator or a time server does; it may go back."""
        self._wall = float(now)
