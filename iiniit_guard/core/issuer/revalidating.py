"""A cached document of the authorization server, with stale-while-revalidate (RFC 5861).

The key set and the metadata follow the same rules. They differ in their limits and in the effect of
a new document.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from iiniit_guard.core.issuer.last_failure import LastFailure
from iiniit_guard.core.model.clock import Clock, Moment
from iiniit_guard.core.model.diagnosis import Purpose
from iiniit_guard.core.model.flow import Flow, SingleFlight, Spawn, Unreachable

T = TypeVar("T")

# Of the lifetime; jitter of up to 0.1 prevents simultaneous requests from many processes.
_REFRESH_FROM = 0.8
_REFRESH_JITTER = 0.1
_FIRST_WAIT_SECONDS = 5.0
_NO_FAILURE = Unreachable("connection", "")


class RevalidatedDocument(Generic[T]):
    """The last valid document and the schedule of its next load.

    Args:
        name: The single-flight key, also used in messages: `jwks`, `metadata`.
        load: Creates the flow that fetches the document. It returns the document and its lifetime
            in seconds, or the failure.
        purpose: What the load fetches, for the log.
        stale_seconds: How long an expired document is used while the server fails.
        longest_wait_seconds: The longest time between failed attempts. The first wait is 5 s, and
            each wait doubles.
        timeout_seconds: How long one load may take.
        clock: The wall clock and the monotonic clock.
        random: Returns a number in [0, 1).
        hold: Returns why a missing document must not be fetched now, or None. Without this
            function, the document may be fetched at any time.
        accept: Called with a document that is about to replace the last one. If it returns a
            failure, neither document is used.
        report: Called with a failure that no request waits for, or that a last valid document hides
            from the requests.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], Flow[tuple[T, float] | Unreachable]],
        *,
        purpose: Purpose | None = None,
        stale_seconds: float,
        longest_wait_seconds: float,
        timeout_seconds: float,
        clock: Clock,
        random: Callable[[], float],
        hold: Callable[[], Unreachable | None] | None = None,
        accept: Callable[[T], Unreachable | None] = lambda _: None,
        report: Callable[[Unreachable], object] = lambda failure: None,
    ) -> None:
        self.value: T | None = None
        self.fetched: Moment = Moment(float("-inf"), float("-inf"))
        self._name = name
        self._load = load
        self._stale = stale_seconds
        self._longest_wait = longest_wait_seconds
        self._timeout = timeout_seconds
        self._clock = clock
        self._random = random
        self._hold = hold
        self._accept = accept
        self._report = report
        self._lock = Lock()
        self._last = LastFailure(clock, purpose)
        self._flights = SingleFlight()
        self._life = self._refresh_from = 0.0
        # By both clocks:
        self._fresh_until = self._ends = (float("-inf"), float("-inf"))
        self._failures = 0
        self._retry_at = float("-inf")
        self._refreshing_until = float("-inf")
        self._answered = float("-inf")  # when the request for the last complete response was sent

    def reset_after_fork(self) -> None:
        """Replace the locks and drop the loads of the parent process. The document stays valid."""
        self._lock = Lock()
        self._flights.reset_after_fork()
        self._refreshing_until = float("-inf")

    @property
    def failure(self) -> Unreachable | None:
        """The failure of the last load; None if it succeeded."""
        return self._last.failure

    @property
    def failing_since(self) -> float | None:
        """The wall time of the first failure since the last success."""
        return self._last.since

    @property
    def age(self) -> float:
        """Seconds since the request for the current document was sent; infinite without one."""
        return self._clock.age(self.fetched)

    @property
    def retry_after(self) -> float:
        """Seconds until a failed load is tried again."""
        return max(1.0, self._retry_at - self._clock.monotonic())

    def fresh_at(self, wall: float, monotonic: float) -> T | None:
        """Return the document if it is fresh and needs no refresh; otherwise None.

        Call `get` after None.
        """
        # Read `value` last. The writer stores the value before its times, so a reader may pair a
        # new document with old times, never the reverse.
        wall_end, monotonic_end = self._fresh_until
        value = self.value
        return value if wall < wall_end and monotonic < monotonic_end else None

    def good_until(self, wall: float, monotonic: float) -> tuple[float, float]:
        """Return the time until which a fact that depends on the document is valid without a check.

        That is the expiry of the document. A fact that depends on a stale document is valid until
        the next attempt to replace the document, and no longer than the stale document may be used.

        Args:
            wall: The present time.
            monotonic: The same moment on the monotonic clock.

        Returns:
            The time on the wall clock and on the monotonic clock.
        """
        wall_end, monotonic_end = ends = self._ends
        if wall < wall_end and monotonic < monotonic_end:
            return ends
        stale, wait = self._stale, self._longest_wait
        return (
            min(wall // 1 + wait, wall_end + stale),
            min(monotonic // 1 + wait, monotonic_end + stale),
        )

    @property
    def usable(self) -> bool:
        """Whether a document exists that may be used, including a stale one."""
        return self._last_good() is not None

    @property
    def loading(self) -> bool:
        """Whether a load is in flight."""
        return len(self._flights) > 0

    def get(self) -> Flow[T | Unreachable]:
        """Return the document, from the cache if possible.

        A refresh before expiry never delays the caller.
        """
        value, last = self.value, None
        if value is not None:
            age = self.age
            if age < self._life:
                if age >= self._refresh_from and self._begins_refresh():
                    yield Spawn(self._refresh)
                return value
            # A refresh that began before the expiry may end after it. Callers do not wait for it,
            # for as long as one call may take and a stale document may be used.
            if (
                age < self._life + min(self._timeout, self._stale)
                and self._clock.monotonic() < self._refreshing_until
            ):
                return value
            last = value if age < self._life + self._stale else None
        if self._clock.monotonic() < self._retry_at:
            return last if last is not None else self._backoff_failure()
        # The server fails: a hanging server must not delay a caller at each retry.
        if last is not None and self.failure is not None:
            if self._begins_refresh():
                yield Spawn(self._refresh)
            return last
        held = self._hold() if last is None and self._hold is not None else None
        if held is not None and not self.loading:
            return held
        outcome = yield from self.load()
        if isinstance(outcome, Unreachable):
            last = self._last_good()
            if last is None:
                return outcome
            self._report(outcome)
            return last
        return outcome

    def _refresh(self) -> Flow[T | Unreachable]:
        """Load in the background, and report a failure."""
        outcome = yield from self.load()
        if isinstance(outcome, Unreachable):
            self._report(outcome)
        return outcome

    def load(self) -> Flow[T | Unreachable]:
        """Fetch now. Concurrent callers share one fetch."""
        seen = self.value
        return (
            yield from self._flights.share(
                self._name, lambda: self._load_unless_changed(seen), self._timeout
            )
        )

    def _load_unless_changed(self, seen: T | None) -> Flow[T | Unreachable]:
        if self.value is not seen and self.value is not None:
            return self.value  # a concurrent load ended between the check and this one
        sent = Moment(self._clock.wall(), self._clock.monotonic())
        outcome = yield from self._load()
        now = self._clock.monotonic()
        with self._lock:
            self._refreshing_until = float("-inf")
            # This load was abandoned and a later response overtook it: never restore an older
            # document.
            if sent.monotonic < self._answered:
                return self.value if self.value is not None else self._backoff_failure()
            if not isinstance(outcome, Unreachable):
                self._answered = sent.monotonic
                unusable = self._accept(outcome[0])
                if unusable is not None:
                    self.value, outcome = None, unusable
            if isinstance(outcome, Unreachable):
                wait = min(self._longest_wait, _FIRST_WAIT_SECONDS * 2.0**self._failures)
                self._failures = min(self._failures + 1, 16)
                self._retry_at = now + max(
                    wait, min(outcome.retry_after_seconds, self._longest_wait)
                )
                return self._last.record(outcome.not_before(self._retry_at - now))
            value, self._life = outcome
            self._refresh_from = self._life * (_REFRESH_FROM + _REFRESH_JITTER * self._random())
            self._failures, self._retry_at = 0, float("-inf")
            if self._last.failure is not None:
                self._last.clear()
            self._ends = (sent.wall + self._life, sent.monotonic + self._life)
            self.value, self.fetched = value, sent
            self._fresh_until = (
                sent.wall + self._refresh_from,
                sent.monotonic + self._refresh_from,
            )
            return value

    def _begins_refresh(self) -> bool:
        now = self._clock.monotonic()
        with self._lock:
            if now < self._refreshing_until or now < self._retry_at:
                return False
            # A time instead of a flag: a task that never ran must not block all later refreshes.
            self._refreshing_until = now + self._timeout
            return True

    def _last_good(self) -> T | None:
        value = self.value
        return value if value is not None and self.age < self._life + self._stale else None

    def _backoff_failure(self) -> Unreachable:
        failure = self.failure
        detail = f"{self._name}: the last attempt failed" + (
            f" ({failure.detail})" if failure is not None else ""
        )
        return (failure or _NO_FAILURE).awaited(detail, self.retry_after)
