"""The negative cache of refused tokens, and tombstones of tokens that became inactive.

As in `tokens`, writes hold a lock and reads do not. Expiry is part of each entry.
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


class NegativeCache:
    """A short-lived cache of tokens that the authorization server called inactive.

    It is separate from the token cache, so that invalid tokens cannot evict valid ones.
    """

    SIZE: Final = 16_384

    def __init__(self, longest_seconds: float, clock: Clock) -> None:
        self._longest = longest_seconds
        self._monotonic = clock.monotonic
        self._lock = Lock()
        self._entries: FIFOCache[bytes, _Refused] = FIFOCache(self.SIZE)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, digest: bytes) -> Problem | None:
        """Return the cached refusal if it has not expired, or None."""
        try:
            entry = self._entries[digest]
        except KeyError:
            return None
        return entry.problem if self._monotonic() < entry.ends_monotonic else None

    def keep(self, digest: bytes, problem: Problem, *, young: bool) -> None:
        """Cache a refusal for 1 s, then for 2, 4, … s each time it is repeated.

        Args:
            digest: Of the token.
            problem: Why it was refused.
            young: The token was issued moments ago. A replica of the server may not know it yet, so
                the time does not grow.
        """
        with self._lock:
            try:
                count = self._entries[digest].count + 1
            except KeyError:
                count = 0
            seconds = 1.0 if young else float(2 ** min(count, 16))
            self._entries[digest] = _Refused(
                problem, 0 if young else count, self._monotonic() + min(seconds, self._longest)
            )

    def forget(self, digest: bytes) -> None:
        """Remove a token that the server called active."""
        with self._lock:
            self._entries.pop(digest, None)

    def reset_after_fork(self) -> None:
        """Replace the lock. A thread of the parent process may have held the old one."""
        self._lock = Lock()


class Tombstones:
    """Tombstones of tokens that were active and are not any more.

    A response to a request that was sent before the end of a token must not restore that token.
    Only tokens that were cached as active get a tombstone, so a flood of invalid tokens creates
    none.
    """

    SIZE: Final = 65_536
    SHARDS: Final = 16
    """Number of shards, chosen by the digest's first octet.

    A table is sometimes rebuilt as a whole. That takes 9 ms for 65,536 tombstones, and less than 1
    ms for 4,096.
    """

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._lock = Lock()
        self.any_spelling: bool = False
        """Whether `end` was ever called. If not, second spellings need not be checked."""
        self._yards: list[FIFOCache[bytes, float]] = [
            FIFOCache(self.SIZE // self.SHARDS) for _ in range(self.SHARDS)
        ]

    def add(self, digest: bytes) -> None:
        """Add a tombstone: responses to requests sent before now are ignored for this token.

        A tombstone that `end` added is kept.
        """
        yard = self._yards[digest[0] % self.SHARDS]
        with self._lock:
            yard[digest] = max(yard.get(digest, float("-inf")), self._monotonic())

    def end(self, digest: bytes) -> None:
        """Ignore all responses for this token until `lift` is called.

        The token is the second spelling of one that the server called inactive.
        """
        with self._lock:
            self.any_spelling = True
            self._yards[digest[0] % self.SHARDS][digest] = float("inf")

    def is_ended(self, digest: bytes) -> bool:
        """Return whether `end` was called for this token, and `lift` was not."""
        return self.supersedes(digest, float("inf"))

    def lift(self, digest: bytes) -> None:
        """Remove the tombstone that `end` added.

        The server called the first spelling active again.
        """
        with self._lock:
            if self.is_ended(digest):
                self._yards[digest[0] % self.SHARDS].pop(digest, None)

    def supersedes(self, digest: bytes, sent_monotonic: float) -> bool:
        """Return whether the response to a request sent at `sent_monotonic` is outdated."""
        try:
            return sent_monotonic <= self._yards[digest[0] % self.SHARDS][digest]
        except KeyError:
            return False

    def reset_after_fork(self) -> None:
        """Replace the lock. A thread of the parent process may have held the old one."""
        self._lock = Lock()
