"""Sparing the authorization server and ourselves: how many calls may be in flight, and when to stop calling at all."""

from __future__ import annotations

from threading import Lock
from typing import Final

from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.flow import Unreachable

_FAILURES_TO_OPEN: Final = 5
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 15.0
# What concerns the server alone. Statuses do not count: a stranger's junk token makes some servers answer 400 or 500,
# and if those opened the breaker, anybody could turn everyone's answers into 503.
_COUNTED: Final = frozenset({"connection", "dropped", "tls", "timeout"})


class Breaker:
    """Stops calling a server that cannot be reached, and lets one call at a time find out whether it can again."""

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._lock = Lock()
        self._failures = 0
        self._pause = _FIRST_PAUSE_SECONDS
        self._open_until: float | None = None
        self._probing_until = float("-inf")

    def reset_after_fork(self) -> None:
        """Take a fresh lock: another thread of the parent may have held the old one."""
        self._lock = Lock()

    def refusal(self, probe_seconds: float) -> Unreachable | None:
        """Tell whether a call may be made.

        Args:
            probe_seconds: How long a probe may take before another is let through, should it never report.

        Returns:
            None if it may; the outcome that takes its place if it may not.
        """
        with self._lock:
            if self._open_until is None:
                return None
            now = self._monotonic()
            if now >= self._open_until and now >= self._probing_until:
                self._probing_until = now + probe_seconds
                return None
            return Unreachable("waiting", "introspection: the server could not be reached lately", max(1.0, self._open_until - now))

    @property
    def seconds_left(self) -> float:
        """For how long no call will be made; 0 where one may be made now."""
        with self._lock:
            return 0.0 if self._open_until is None else max(0.0, self._open_until - self._monotonic())

    @property
    def is_open(self) -> bool:
        """Whether calls are stopped; whoever is let through meanwhile is the probe."""
        return self._open_until is not None

    def abandon(self) -> None:
        """The probe ended without an outcome; the next caller may probe."""
        with self._lock:
            self._probing_until = float("-inf")

    def record(self, outcome: object, *, known: bool) -> None:
        """Count what came of a call.

        Args:
            outcome: The answer, or why there is none.
            known: The token was active within the last hour. A stranger's may itself be why a connection is dropped.
        """
        cause = outcome.cause if isinstance(outcome, Unreachable) else None
        with self._lock:
            now = self._monotonic()
            if cause == "dropped" and not known:
                self._probing_until = float("-inf")  # it says nothing, either way
            elif cause not in _COUNTED:
                self._failures, self._pause, self._open_until = 0, _FIRST_PAUSE_SECONDS, None
            elif self._open_until is None:
                self._failures += 1
                if self._failures >= _FAILURES_TO_OPEN:
                    self._open_until, self._probing_until = now + self._pause, float("-inf")
            elif now >= self._open_until:  # the probe; what was under way when the breaker opened tells nothing new
                self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)
                self._open_until, self._probing_until = now + self._pause, float("-inf")


class Calls:
    """Places for calls in flight; strangers' tokens get half of them, so that a flood of garbage leaves room for good ones."""

    PLACES: Final = 64

    def __init__(self) -> None:
        self.made: int = 0  # since the start, for those who watch
        self._lock = Lock()
        self._taken = 0
        self._by_strangers = 0

    def reset_after_fork(self) -> None:
        """Start empty: the parent's calls are not ours."""
        self._lock = Lock()
        self._taken = self._by_strangers = 0

    def enter(self, *, known: bool) -> bool:
        """Take a place; False when none is free.

        Args:
            known: The token was active within the last hour.
        """
        with self._lock:
            if self._taken >= self.PLACES or (not known and self._by_strangers >= self.PLACES // 2):
                return False
            self.made += 1
            self._taken += 1
            self._by_strangers += not known
            return True

    @property
    def in_flight(self) -> int:
        """How many places are taken."""
        return self._taken

    def leave(self, *, known: bool) -> None:
        """Give the place back."""
        with self._lock:
            self._taken -= 1
            self._by_strangers -= not known


class FirstLoads:
    """Bounds how many issuers are looked up per time while no good token of theirs has come.

    A client that names many known issuers, without any signature, must not set the rate of our calls. A part is reserved for issuers of
    which a good token came before, so that such a client does not keep them waiting.
    """

    BURST: Final = 256
    RESERVED: Final = 64
    PER_SECOND: Final = 16

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._lock = Lock()
        self._left: float = self.BURST + self.RESERVED
        self._counted_at = self._monotonic()

    def reset_after_fork(self) -> None:
        """Take a fresh lock: another thread of the parent may have held the old one."""
        self._lock = Lock()

    def enter(self, *, reserved: bool = False) -> bool:
        """Take one; False if there is none left.

        Args:
            reserved: The caller may take one of the reserved part.
        """
        with self._lock:
            now = self._monotonic()
            self._left = min(self.BURST + self.RESERVED, self._left + (now - self._counted_at) * self.PER_SECOND)
            self._counted_at = now
            if self._left < (1 if reserved else self.RESERVED + 1):
                return False
            self._left -= 1
            return True
