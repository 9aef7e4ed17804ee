"""A document of the authorization server that is kept: fresh, refreshed ahead, stale while the server fails.

The key set and the metadata live by the same rules; they differ in numbers and in what a new document means.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from iiniit_guard.core.model.clock import Clock, Moment
from iiniit_guard.core.model.flow import Flow, Later, SingleFlight, Unreachable

T = TypeVar("T")

_REFRESH_FROM = 0.8  # of the lifetime; jitter of up to 0.1 keeps a fleet of processes from asking together
_REFRESH_JITTER = 0.1
_FIRST_WAIT_SECONDS = 5.0


class Kept(Generic[T]):
    """The last good document, and when to ask for the next.

    Args:
        name: For the single-flight key and for messages: `jwks`, `metadata`.
        load: Makes the flow that fetches: the document and its lifetime in seconds, or why not.
        stale_seconds: How long past its end a document serves while the server fails.
        longest_wait_seconds: Failed attempts are at most this far apart (they begin at 5 s and double).
        timeout_seconds: How long one load may take.
        clock: Both clocks.
        random: Uniform in [0, 1).
        hold: Returns why a document that is not there may not be asked for now, or None.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], Flow[tuple[T, float] | Unreachable]],
        *,
        stale_seconds: float,
        longest_wait_seconds: float,
        timeout_seconds: float,
        clock: Clock,
        random: Callable[[], float],
        hold: Callable[[], Unreachable | None] = lambda: None,
    ) -> None:
        self.value: T | None = None
        self.fetched: Moment = Moment(float("-inf"), float("-inf"))
        self.failure: Unreachable | None = None
        self._name = name
        self._load = load
        self._stale = stale_seconds
        self._longest_wait = longest_wait_seconds
        self._timeout = timeout_seconds
        self._clock = clock
        self._random = random
        self._hold = hold
        self._lock = Lock()
        self._flights = SingleFlight()
        self._life = self._refresh_from = 0.0
        self._ends: Moment = Moment(float("-inf"), float("-inf"))
        self._failures = 0
        self._retry_at = float("-inf")
        self._refreshing_until = float("-inf")
        self._answered = float("-inf")  # when the last complete answer was asked for

    def reset_after_fork(self) -> None:
        """Take fresh locks and forget the parent's loads; the document itself is as good here as there."""
        self._lock = Lock()
        self._flights.reset_after_fork()
        self._refreshing_until = float("-inf")

    @property
    def age(self) -> float:
        """Seconds since the request for the current document was sent; infinite without one."""
        return self._clock.age(self.fetched)

    @property
    def retry_after(self) -> float:
        """Seconds until a failed load is tried again."""
        return max(1.0, self._retry_at - self._clock.monotonic())

    def current_at(self, wall: float, monotonic: float) -> T | None:
        """Give the document, where it serves with nothing to be done; else None, and `obtain` says more."""
        # The document last: whoever takes a newer one writes it before its time, and an older one must not pass for fresh.
        enough, fetched, value = self._refresh_from, self.fetched, self.value
        return value if wall - fetched[0] < enough and monotonic - fetched[1] < enough else None

    def good_until(self, wall: float, monotonic: float) -> Moment:
        """Return the moment until which a fact that rests on the document may be used without a look at the document.

        That is the document's end. A stale document vouches until the next attempt to replace it, and no longer than it serves.

        Args:
            wall: The present time.
            monotonic: The same moment by the other clock.
        """
        ends = self._ends
        if wall < ends.wall and monotonic < ends.monotonic:
            return ends
        stale, wait = self._stale, self._longest_wait
        return Moment(min(wall // 1 + wait, ends.wall + stale), min(monotonic // 1 + wait, ends.monotonic + stale))

    @property
    def usable(self) -> bool:
        """Whether there is a document that may still serve, a stale one included."""
        return self._last_good() is not None

    @property
    def loading(self) -> bool:
        """Whether a load is under way."""
        return self._name in self._flights

    def obtain(self) -> Flow[T | Unreachable]:
        """Give the document, from memory where that may still serve; a refresh ahead never keeps the caller waiting."""
        value = self.value
        if value is not None:
            age = self.age
            if age < self._life:
                if age >= self._refresh_from and self._begins_refresh():
                    yield Later(self.load)
                return value
            # A refresh that began before the end may outlast it. No caller waits for it, for as long as one call may take and the
            # document may be stale.
            if age < self._life + min(self._timeout, self._stale) and self._clock.monotonic() < self._refreshing_until:
                return value
        last = self._last_good()
        if self._clock.monotonic() < self._retry_at:
            return last if last is not None else self._waiting()
        if last is not None and self.failure is not None:  # the server fails: one that hangs must not hold up a caller at each retry
            if self._begins_refresh():
                yield Later(self.load)
            return last
        held = self._hold() if last is None and not self.loading else None
        outcome = (yield from self.load()) if held is None else held
        if isinstance(outcome, Unreachable):
            last = self._last_good()
            return outcome if last is None else last
        return outcome

    def load(self) -> Flow[T | Unreachable]:
        """Fetch now, sharing with whoever fetches already."""
        seen = self.value
        return (yield from self._flights.share(self._name, lambda: self._load_unless_changed(seen), self._timeout))

    def _load_unless_changed(self, seen: T | None) -> Flow[T | Unreachable]:
        if self.value is not seen and self.value is not None:
            return self.value  # another's load ended between our look and our lead
        sent = self._clock.now()
        outcome = yield from self._load()
        now = self._clock.monotonic()
        with self._lock:
            self._refreshing_until = float("-inf")
            if sent.monotonic < self._answered:  # its leader was given up, and a later answer overtook it: nothing may come back
                return self.value if self.value is not None else self._waiting()
            if not isinstance(outcome, Unreachable):
                self._answered = sent.monotonic
                unusable = self._take(outcome[0])
                if unusable is not None:
                    self.value, outcome = None, unusable
            if isinstance(outcome, Unreachable):
                wait = min(self._longest_wait, _FIRST_WAIT_SECONDS * 2.0**self._failures)
                self._failures = min(self._failures + 1, 16)
                self._retry_at = now + max(wait, min(outcome.retry_after_seconds, self._longest_wait))
                self.failure = outcome.not_before(self._retry_at - now)
                return self.failure
            value, self._life = outcome
            self._refresh_from = self._life * (_REFRESH_FROM + _REFRESH_JITTER * self._random())
            self.failure, self._failures, self._retry_at = None, 0, float("-inf")
            self._ends = Moment(sent.wall + self._life, sent.monotonic + self._life)
            self.value, self.fetched = value, sent
            return value

    def _take(self, value: T) -> Unreachable | None:
        """Look at a document that is about to replace the last; where the answer is a failure, neither of them counts."""
        return None

    def _begins_refresh(self) -> bool:
        now = self._clock.monotonic()
        with self._lock:
            if now < self._refreshing_until or now < self._retry_at:
                return False
            self._refreshing_until = now + self._timeout  # by time, not by a flag: a task that never ran must not end refreshing
            return True

    def _last_good(self) -> T | None:
        value = self.value
        return value if value is not None and self.age < self._life + self._stale else None

    def _waiting(self) -> Unreachable:
        failure = self.failure
        detail = f"{self._name}: the last attempt failed" + (f" ({failure.detail})" if failure is not None else "")
        return Unreachable("waiting", detail, self.retry_after)
