"""The last failure of one kind of call, for the log and for the status page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iiniit_guard.core.model.clock import Clock
    from iiniit_guard.core.model.diagnosis import Purpose
    from iiniit_guard.core.model.flow import Unreachable


class LastFailure:
    """The last failure of one kind of call, and when the failures began.

    Attributes:
        failure: The failure of the last call; None if it succeeded, or before the first call.
        since: The wall time of the first failure after the last success; None without a failure.

    Args:
        clock: Both clocks.
        purpose: The kind of call.
    """

    def __init__(self, clock: Clock, purpose: Purpose | None) -> None:
        self.failure: Unreachable | None = None
        self.since: float | None = None
        self._wall = clock.wall
        self._purpose: Purpose | None = purpose

    def record(self, failure: Unreachable) -> Unreachable:
        """Record a failure; return it as `described` does."""
        now = self._wall()
        self.since = now if self.since is None else self.since
        self.failure = self.described(failure)
        return self.failure

    def clear(self) -> None:
        """Record a success."""
        self.failure = self.since = None

    def described(self, failure: Unreachable) -> Unreachable:
        """Return a failure with its purpose and the duration of the failures, unless it has one."""
        if failure.diagnosis.purpose is not None:  # this call depends on another call, which failed
            return failure
        since = self.since
        seconds = 0.0 if since is None else max(0.0, self._wall() - since)
        return failure.about(purpose=self._purpose, failing_seconds=seconds or None)
