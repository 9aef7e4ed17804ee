"""Limits on status lists: how many are fetched, and how much memory they use.

The issuer names the list in each token. An issuer that names a new list in each token must neither
make the guard call a server without limit nor fill its memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from heapq import heapify, heappop, heapreplace
from itertools import chain
from threading import Lock
from typing import Final, NamedTuple

from iiniit_guard.core.issuer.last_failure import LastFailure
from iiniit_guard.core.issuer.status_list_failures import ListFailures
from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.flow import Unreachable

_BUSY: Final = Unreachable("busy", "status list: the limit of fetches is reached").about(
    topic="many_status_lists"
)

_RECENT_SECONDS: Final = 60.0


class ListCalls:
    """The fetches of the status lists of one issuer: how many at a time, and how many per second.

    New lists take at most half of the places, and lists in memory have a budget of their own, so
    that new lists do not delay them. This budget grows with their number, because each of them must
    be refreshed. A list that was evicted is a new one. So an issuer whose lists do not fit into the
    memory gets no more calls for new lists than an issuer that names a new list in each token.

    Args:
        clock: Both clocks.
        kept: Returns how many fetched lists of the issuer are in memory.
    """

    PLACES: Final = 16
    BURST: Final = 256
    RESERVED: Final = 64
    PER_SECOND: Final = 16
    REFRESH_SECONDS: Final = 16
    """The average time between two fetches of each list in memory, if there are many."""

    def __init__(self, clock: Clock, kept: Callable[[], int] = lambda: 0) -> None:
        self._monotonic = clock.monotonic
        self._refused = LastFailure(clock, "status_list")
        self._refused_at = float("-inf")
        self._kept = kept
        self._left = {False: float(self.BURST), True: float(self.RESERVED)}
        self._counted_at = self._monotonic()
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Start with no calls in flight: the calls of the parent process do not count here."""
        self._lock = Lock()
        self._taken = 0

    @property
    def in_flight(self) -> int:
        """The number of fetches in flight."""
        return self._taken

    def refusal(self, *, known: bool) -> Unreachable | None:
        """Return why no list may be fetched now, or None if one may.

        Args:
            known: The list is in memory.
        """
        with self._lock:
            return None if self._is_free(known=known) else self._refuse()

    def failures(self, known: int) -> ListFailures | None:
        """Return the refusals of this limit if there was one in the last minute.

        Args:
            known: The number of lists of the issuer.
        """
        failure, since = self._refused.failure, self._refused.since
        if failure is None or since is None or self._has_recovered():
            return None
        return ListFailures(failure, since, 0, known)

    def _refuse(self) -> Unreachable:
        if self._has_recovered():
            self._refused.clear()
        self._refused_at = self._monotonic()
        return self._refused.record(_BUSY)

    def _has_recovered(self) -> bool:
        return self._monotonic() >= self._refused_at + _RECENT_SECONDS

    def enter(self, *, known: bool) -> Unreachable | None:
        """Reserve a place, or return why there is none."""
        with self._lock:
            if not self._is_free(known=known):
                return self._refuse()
            self._taken += 1
            self._left[known] -= 1
            return None

    def leave(self) -> None:
        """Release a place."""
        with self._lock:
            self._taken -= 1

    def _is_free(self, *, known: bool) -> bool:
        now, kept = self._monotonic(), self._kept()
        passed, self._counted_at = now - self._counted_at, now
        new, again = self._left[False], self._left[True]
        rate = max(self.PER_SECOND, kept / self.REFRESH_SECONDS)
        self._left[False] = min(self.BURST, new + passed * self.PER_SECOND)
        self._left[True] = min(max(self.RESERVED, kept), again + passed * rate)
        places = self.PLACES if known else self.PLACES // 2
        return self._taken < places and self._left[known] >= 1


class ListMemory:
    """The status lists of all issuers of one guard.

    If they need more than `MAX_BYTES`, the issuer with the most bytes loses lists: first those that
    were never fetched, then the least recently used. So an issuer with many lists cannot make the
    guard drop the lists of another issuer.
    """

    MAX_BYTES: Final = 32 * 1024 * 1024

    def __init__(self) -> None:
        self._lock = Lock()
        self._shares: OrderedDict[object, _Share] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return sum(map(len, self._shares.values()))

    @property
    def size(self) -> int:
        """The bytes of the lists."""
        return self._bytes

    def fetched(self, owner: object) -> int:
        """Return how many fetched lists of an issuer are in memory."""
        share = self._shares.get(owner)
        return 0 if share is None else share.fetched

    def reset_after_fork(self) -> None:
        """Replace the lock. A thread of the parent process may have held the old one."""
        self._lock = Lock()

    def use(
        self, owner: object, uri: str, size: int, drop: Callable[[], object], *, fetched: bool
    ) -> None:
        """Record that a list is used now, and drop others if they need too many bytes.

        Args:
            owner: The lists of the issuer.
            uri: The list.
            size: Its bytes.
            drop: Called when the list is evicted.
            fetched: Whether the list was ever fetched. The lists that were not leave first.
        """
        with self._lock:
            share = self._shares.setdefault(owner, _Share())
            self._shares.move_to_end(owner)
            self._bytes += share.put(uri, size, drop, fetched=fetched)
            leaving = self._evict(owner, uri) if self._bytes > self.MAX_BYTES else []
        for leave in leaving:
            leave()

    def _evict(self, owner: object, uri: str) -> list[Callable[[], object]]:
        """Remove lists until the others fit; return what to call for each of them.

        The list in use stays, even if it alone is larger than `MAX_BYTES`.
        """
        leaving: list[Callable[[], object]] = []
        # A heap: one large list may replace thousands of small lists of many issuers.
        largest = [
            (-share.bytes, turn, loser)
            for turn, (loser, share) in enumerate(self._shares.items())
            if loser != owner or len(share) > 1
        ]
        heapify(largest)
        while self._bytes > self.MAX_BYTES and largest:
            _, turn, loser = largest[0]
            share = self._shares[loser]
            freed, leave = share.take(uri if loser == owner else None)
            self._bytes -= freed
            leaving.append(leave)
            if len(share) > (loser == owner):
                heapreplace(largest, (-share.bytes, turn, loser))
                continue
            heappop(largest)
            if not share:
                del self._shares[loser]
        return leaving


class _Kept(NamedTuple):
    size: int
    drop: Callable[[], object]


class _Share:
    """The status lists of one issuer. The least recently used list is the first one."""

    def __init__(self) -> None:
        self.bytes = 0
        self._new: OrderedDict[str, _Kept] = OrderedDict()  # never fetched
        self._fetched: OrderedDict[str, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._new) + len(self._fetched)

    @property
    def fetched(self) -> int:
        """The number of lists that were fetched."""
        return len(self._fetched)

    def put(self, uri: str, size: int, drop: Callable[[], object], *, fetched: bool) -> int:
        """Add or replace a list; return how many bytes that adds."""
        if not fetched and uri in self._fetched:  # another thread has fetched it meanwhile
            return 0
        before = self._new.pop(uri, None) or self._fetched.pop(uri, None)
        (self._fetched if fetched else self._new)[uri] = _Kept(size, drop)
        added = size - (0 if before is None else before.size)
        self.bytes += added
        return added

    def take(self, used: str | None) -> _Kept:
        """Remove and return a list other than `used`."""
        uri = next(uri for uri in chain(self._new, self._fetched) if uri != used)
        kept = self._new.pop(uri, None) or self._fetched.pop(uri)
        self.bytes -= kept.size
        return kept
