"""Bounded memories of what was refused and of what must not come back.

As in `cache`, writes are made under a lock, reads without one, and expiry is part of the value.
"""

from __future__ import annotations

from threading import Lock
from typing import Final

from cachetools import FIFOCache

from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.problem import Problem


class _Refused:
    __slots__ = ("count", "ends_monotonic", "problem")

    def __init__(self, problem: Problem, count: int, ends_monotonic: float) -> None:
        self.problem = problem
        self.count = count
        self.ends_monotonic = ends_monotonic


class RefusedCache:
    """Tokens that the authorization server called inactive, for a moment: a cache of its own, since garbage must not evict good tokens."""

    SIZE: Final = 16_384

    def __init__(self, longest_seconds: float, clock: Clock) -> None:
        self._longest = longest_seconds
        self._monotonic = clock.monotonic
        self._lock = Lock()
        self._entries: FIFOCache[bytes, _Refused] = FIFOCache(self.SIZE)

    def __len__(self) -> int:
        return len(self._entries)

    def recall(self, digest: bytes) -> Problem | None:
        """Give the refusal that still counts, or None."""
        try:
            entry = self._entries[digest]
        except KeyError:
            return None
        return entry.problem if self._monotonic() < entry.ends_monotonic else None

    def keep(self, digest: bytes, problem: Problem, *, young: bool) -> None:
        """Remember a refusal for 1 s, then 2, 4, … while it is repeated.

        Args:
            digest: Of the token.
            problem: Why it was refused.
            young: The token was issued moments ago: a replica may not know it yet, so the wait does not grow.
        """
        with self._lock:
            try:
                count = self._entries[digest].count + 1
            except KeyError:
                count = 0
            seconds = 1.0 if young else float(2 ** min(count, 16))
            self._entries[digest] = _Refused(problem, 0 if young else count, self._monotonic() + min(seconds, self._longest))

    def forget(self, digest: bytes) -> None:
        """The token turned out to be good."""
        with self._lock:
            self._entries.pop(digest, None)

    def reset_after_fork(self) -> None:
        """Take a fresh lock: another thread of the parent may have held the old one."""
        self._lock = Lock()


class Tombstones:
    """Tokens that were good and are no longer: an answer that was asked for before their end must not bring them back.

    Only tokens that were remembered as good leave one, so a flood of garbage leaves none.
    """

    SIZE: Final = 65_536
    YARDS: Final = 16
    """By the digest's first octet: a table is rebuilt as a whole now and then, of 65,536 graves in 9 ms, of 4,096 in less than one."""

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._lock = Lock()
        self.any_spelling: bool = False
        """Whether `end` was ever called; where it was not, no one need look for second spellings."""
        self._yards: list[FIFOCache[bytes, float]] = [FIFOCache(self.SIZE // self.YARDS) for _ in range(self.YARDS)]

    def bury(self, digest: bytes) -> None:
        """From now on, no answer that was asked for before now counts for this token; what `end` said stays."""
        yard = self._yards[digest[0] % self.YARDS]
        with self._lock:
            yard[digest] = max(yard.get(digest, float("-inf")), self._monotonic())

    def end(self, digest: bytes) -> None:
        """Let no answer count for this token until `lift`: it is the second spelling of one that the server called inactive."""
        with self._lock:
            self.any_spelling = True
            self._yards[digest[0] % self.YARDS][digest] = float("inf")

    def is_ended(self, digest: bytes) -> bool:
        """Return whether `end` holds for this token."""
        return self.outdates(digest, float("inf"))

    def lift(self, digest: bytes) -> None:
        """Undo `end`: the server called the first spelling active again."""
        with self._lock:
            if self.is_ended(digest):
                self._yards[digest[0] % self.YARDS].pop(digest, None)

    def outdates(self, digest: bytes, sent_monotonic: float) -> bool:
        """Tell whether an answer to a request sent at `sent_monotonic` came too late to count."""
        try:
            return sent_monotonic <= self._yards[digest[0] % self.YARDS][digest]
        except KeyError:
            return False

    def reset_after_fork(self) -> None:
        """Take a fresh lock: another thread of the parent may have held the old one."""
        self._lock = Lock()
