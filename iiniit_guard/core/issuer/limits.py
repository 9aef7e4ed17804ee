"""Limits on calls to an authorization server: calls in flight, circuit breaker, first loads."""

from __future__ import annotations

from threading import Lock
from typing import Final

from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.flow import Unreachable

_FAILURES_TO_OPEN: Final = 5
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 15.0
# Only failures that the server alone causes. HTTP statuses do not count: some servers answer 400 or
# 500 to an invalid token, so an attacker could otherwise open the breaker and turn every response
# into 503.
_COUNTED: Final = frozenset({"connection", "dropped", "tls", "timeout"})


class CircuitBreaker:
    """Circuit breaker: stop calls to an unreachable server and admit one probe at a time.

    Args:
        clock: The monotonic clock.
        name: What is called, for the log.
    """

    def __init__(self, clock: Clock, name: str = "introspection") -> None:
        self._name = name
        self._monotonic = clock.monotonic
        self._lock = Lock()
        self._failures = 0
        self._pause = _FIRST_PAUSE_SECONDS
        self._open_until: float | None = None
        self._probing_until = float("-inf")
        self._last = Unreachable("connection", name)

    def reset_after_fork(self) -> None:
        """Replace the lock. A thread of the parent process may have held the old one."""
        self._lock = Lock()

    def refusal(self, probe_seconds: float) -> Unreachable | None:
        """Return why no call may be made now, or None if one may.

        Args:
            probe_seconds: How long a probe may take before another one is admitted, in case it
                never reports.

        Returns:
            None if the call may be made; otherwise the outcome to use instead.
        """
        with self._lock:
            if self._open_until is None:
                return None
            now = self._monotonic()
            if now >= self._open_until and now >= self._probing_until:
                self._probing_until = now + probe_seconds
                return None
            return self._last.awaited(
                f"{self._name}: the server could not be reached lately",
                max(1.0, self._open_until - now),
            )

    @property
    def seconds_left(self) -> float:
        """Return the seconds for which no call is admitted; 0 if a call may be made now."""
        with self._lock:
            return (
                0.0 if self._open_until is None else max(0.0, self._open_until - self._monotonic())
            )

    @property
    def is_open(self) -> bool:
        """Whether calls are stopped. A call admitted while the breaker is open is the probe."""
        return self._open_until is not None

    def abandon(self) -> None:
        """Record that the probe ended without an outcome. The next caller may probe."""
        with self._lock:
            self._probing_until = float("-inf")

    def record(self, outcome: object, *, known: bool) -> None:
        """Count the outcome of a call.

        Args:
            outcome: The response, or the reason why there is none.
            known: The token was active within the last hour. Another token may itself be the reason
                why the server drops the connection.
        """
        cause = outcome.cause if isinstance(outcome, Unreachable) else None
        with self._lock:
            now = self._monotonic()
            if isinstance(outcome, Unreachable):
                self._last = outcome
            if cause == "dropped" and not known:
                # The outcome shows neither that the server is up nor that it is down.
                self._probing_until = float("-inf")
            elif cause not in _COUNTED:
                self._failures, self._pause, self._open_until = 0, _FIRST_PAUSE_SECONDS, None
            elif self._open_until is None:
                self._failures += 1
                if self._failures >= _FAILURES_TO_OPEN:
                    self._open_until, self._probing_until = now + self._pause, float("-inf")
            elif now >= self._open_until:
                # The probe failed. Calls from before the breaker opened are not counted again.
                self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)
                self._open_until, self._probing_until = now + self._pause, float("-inf")


class CallLimiter:
    """Limit the number of calls in flight.

    Tokens that were not recently active get at most half of the places, so a flood of invalid
    tokens leaves room for valid ones.
    """

    PLACES: Final = 64

    def __init__(self) -> None:
        self.made: int = 0  # since the start, for statistics
        self._lock = Lock()
        self._taken = 0
        self._by_strangers = 0

    def reset_after_fork(self) -> None:
        """Reset the number of calls in flight: calls of the parent process do not count here."""
        self._lock = Lock()
        self._taken = self._by_strangers = 0

    def enter(self, *, known: bool) -> bool:
        """Reserve a place. Return False if none is free.

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
        """The number of calls in flight."""
        return self._taken

    def leave(self, *, known: bool) -> None:
        """Release a place."""
        with self._lock:
            self._taken -= 1
            self._by_strangers -= not known


class FirstLoads:
    """Limit the first calls to issuers of which no valid token was seen, and warnings about them.

    A client that names many known issuers, without any valid signature, must not control the rate
    of the guard's calls. Part of the budget is reserved for issuers of which a valid token was seen
    before, so that such a client does not delay them.
    """

    BURST: Final = 256
    RESERVED: Final = 64
    PER_SECOND: Final = 16
    WARNINGS: Final = 64
    WARNINGS_SECONDS: Final = 3600.0

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._lock = Lock()
        self._left: float = self.BURST + self.RESERVED
        self._counted_at = self._monotonic()
        self._warnings_left = self.WARNINGS
        self._warnings_until = self._counted_at + self.WARNINGS_SECONDS

    def reset_after_fork(self) -> None:
        """Replace the lock. A thread of the parent process may have held the old one."""
        self._lock = Lock()

    def admit_warning(self) -> bool:
        """Return whether a warning about one of these issuers may be logged now.

        An issuer remembers what it logged, but not after its eviction. A client that names many
        known issuers in turn must not write a line with each request.
        """
        with self._lock:
            now = self._monotonic()
            if now >= self._warnings_until:
                self._warnings_left = self.WARNINGS
                self._warnings_until = now + self.WARNINGS_SECONDS
            self._warnings_left -= 1
            return self._warnings_left >= 0

    def enter(self, *, reserved: bool = False) -> bool:
        """Consume one first load. Return False if the budget is used up.

        Args:
            reserved: The caller may use the reserved part.
        """
        with self._lock:
            now = self._monotonic()
            self._left = min(
                self.BURST + self.RESERVED, self._left + (now - self._counted_at) * self.PER_SECOND
            )
            self._counted_at = now
            if self._left < (1 if reserved else self.RESERVED + 1):
                return False
            self._left -= 1
            return True
