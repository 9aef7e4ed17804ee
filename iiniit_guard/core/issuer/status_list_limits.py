"""Limits on status lists: how many are fetched, and how much memory they use.

The issuer names the list in each token. An issuer that names a new list in each token must neither
make the guard call a server without limit nor fill its memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import chain
from threading import Lock
from typing import Final, NamedTuple

from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.flow import Unreachable

_BUSY: Final = Unreachable("busy", "status list: too many lists are fetched")


class ListCalls:
    """The fetches of the status lists of one issuer: how many at a time, and how many per second.

    Lists that were fetched before have places and a part of the budget of their own, so that new
    lists do not delay them.
    """

    PLACES: Final = 16
    BURST: Final = 64
    RESERVED: Final = 64
    PER_SECOND: Final = 16

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._left: float = self.BURST + self.RESERVED
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
            known: The list was fetched before.
        """
        with self._lock:
            return None if self._is_free(known=known) else _BUSY

    def enter(self, *, known: bool) -> Unreachable | None:
        """Reserve a place, or return why there is none."""
        with self._lock:
            if not self._is_free(known=known):
                return _BUSY
            self._taken += 1
            self._left -= 1
            return None

    def leave(self) -> None:
        """Release a place."""
        with self._lock:
            self._taken -= 1

    def _is_free(self, *, known: bool) -> bool:
        now = self._monotonic()
        added = (now - self._counted_at) * self.PER_SECOND
        self._left, self._counted_at = min(self.BURST + self.RESERVED, self._left + added), now
        places, budget = (self.PLACES, 1) if known else (self.PLACES // 2, self.RESERVED + 1)
        return self._taken < places and self._left >= budget


class ListMemory:
    """The status lists of all issuers of one guard.

    If there are too many, an issuer that has most of them loses the one that was not used longest.
    So an issuer with many lists cannot make the guard drop the lists of another issuer.
    """

    MAX_LISTS: Final = 256
    MAX_BYTES: Final = 32 * 1024 * 1024

    def __init__(self) -> None:
        self._lock = Lock()
        self._shares: OrderedDict[object, _Share] = OrderedDict()
        self._count = self._bytes = 0

    def __len__(self) -> int:
        return self._count

    @property
    def size(self) -> int:
        """The bytes of the lists."""
        return self._bytes

    def reset_after_fork(self) -> None:
        """Replace the lock. A thread of the parent process may have held the old one."""
        self._lock = Lock()

    def use(
        self, owner: object, uri: str, size: int, drop: Callable[[], object], *, fetched: bool
    ) -> None:
        """Record that a list is used now, and drop others if there are too many.

        Args:
            owner: The lists of the issuer.
            uri: The list.
            size: Its bytes.
            drop: Called when the list is evicted.
            fetched: Whether the list was ever fetched. The lists that were not leave first.
        """
        leaving: list[Callable[[], object]] = []
        with self._lock:
            share = self._shares.setdefault(owner, _Share())
            self._shares.move_to_end(owner)
            self._count += uri not in share
            self._bytes += share.put(uri, size, drop, fetched=fetched)
            while self._count > self.MAX_LISTS or self._bytes > self.MAX_BYTES:
                loser = self._largest(share)
                if loser is None:  # a single list that is larger than all lists may be
                    break
                freed, leave = self._shares[loser].take(uri if loser == owner else None)
                if not self._shares[loser]:
                    del self._shares[loser]
                self._count -= 1
                self._bytes -= freed
                leaving.append(leave)
        for leave in leaving:
            leave()

    def _largest(self, used: _Share) -> object:
        """Return who has most and has a list that is not used now; None if nobody has."""
        many = self._count > self.MAX_LISTS
        others = (
            (len(share) if many else share.bytes, owner)
            for owner, share in self._shares.items()
            if share is not used or len(share) > 1
        )
        return max(others, key=lambda other: other[0], default=(0, None))[1]


class _Kept(NamedTuple):
    size: int
    drop: Callable[[], object]


class _Share:
    """The status lists of one issuer. The list that was not used longest is the first one."""

    def __init__(self) -> None:
        self.bytes = 0
        self._new: OrderedDict[str, _Kept] = OrderedDict()  # never fetched
        self._fetched: OrderedDict[str, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._new) + len(self._fetched)

    def __contains__(self, uri: str) -> bool:
        return uri in self._new or uri in self._fetched

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
