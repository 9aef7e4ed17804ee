"""The proofs that were accepted, so that none is accepted twice.

An entry has a fixed size and a proof is accepted for a limited time, so the number of entries
bounds the bytes. A client that uses up its share gets 429; other clients are not affected. No entry
is evicted before its time, because its proof could then be replayed.

Spec: RFC 9449 §11.1.
"""

from __future__ import annotations

from math import ceil
from threading import Lock
from typing import Final, Literal, TypeAlias

SHARES: Final = 16
"""One key may use a sixteenth of the entries."""

Added: TypeAlias = Literal["added", "known", "share_full", "full"]


class _Key:
    """The number of the proofs of one key that are still kept."""

    __slots__ = ("count", "retry_at", "thumbprint")

    def __init__(self, thumbprint: str) -> None:
        self.thumbprint = thumbprint
        self.count = 0
        self.retry_at = 0  # when the first of them ends, once it was computed


class ProofCache:
    """The accepted proofs of one process.

    Args:
        size: Maximum number of entries.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._share = max(1, size // SHARES)
        self.reset_after_fork()
        self._entries: dict[bytes, _Key] = {}
        self._keys: dict[str, _Key] = {}
        self._ends: dict[int, set[bytes]] = {}  # digests by the second in which they end
        self._swept = 0
        self._ended = 0  # the last second whose digests are no longer kept

    def __len__(self) -> int:
        return len(self._entries)

    def reset_after_fork(self) -> None:
        """Replace the lock. A thread of the parent process may have held the old one."""
        self._lock = Lock()

    def add(self, digest: bytes, thumbprint: str, until: float, now: float) -> Added:
        """Record a proof, unless it is known or the cache is full.

        Args:
            digest: Of the key, the identifier and the URI of the proof.
            thumbprint: Of its key.
            until: When the proof is no longer accepted, in seconds since the epoch.
            now: The time, likewise.
        """
        end, second, entries = ceil(until), int(now), self._entries
        with self._lock:
            if second != self._swept:
                self._sweep(second)
            # If the clock went back, a proof is accepted again whose entry has ended.
            if digest in entries or end <= self._ended:
                return "known"
            key = self._keys.get(thumbprint)
            if key is not None and key.count >= self._share:
                return "share_full"
            if len(entries) >= self._size:
                return "full"
            if key is None:
                key = self._keys[thumbprint] = _Key(thumbprint)
            key.count += 1
            entries[digest] = key
            ending = self._ends.get(end)
            if ending is None:
                ending = self._ends[end] = set()
            ending.add(digest)
            return "added"

    def remove(self, digest: bytes, until: float) -> None:
        """Remove a proof that was recorded for a request that did not pass.

        Args:
            digest: As for `add`.
            until: As for `add`.
        """
        with self._lock:
            ending = self._ends.get(ceil(until))
            if ending is not None and digest in ending:
                ending.remove(digest)
                self._end(digest)

    def retry_after(self, thumbprint: str, now: float) -> int:
        """Return the seconds after which a key whose share is full may send a proof again."""
        with self._lock:
            key = self._keys.get(thumbprint)
            if key is None:
                return 1
            if key.retry_at <= now:
                key.retry_at = self._first_end(key, now)
            return max(1, key.retry_at - int(now))

    def _first_end(self, key: _Key, now: float) -> int:
        # At most `SHARES` keys can be full, and the result is kept until that second.
        ends = (
            second
            for second in sorted(self._ends)
            if any(self._entries.get(digest) is key for digest in self._ends[second])
        )
        return next(ends, int(now)) + 1

    def _sweep(self, now: int) -> None:
        """Remove the entries that have ended. Called once in a second."""
        self._swept = now
        # An entry ends after its second: a proof is accepted up to that moment.
        for second in [each for each in self._ends if each < now]:
            self._ended = max(self._ended, second)
            for digest in self._ends.pop(second):
                self._end(digest)

    def _end(self, digest: bytes) -> None:
        key = self._entries.pop(digest)
        key.count -= 1
        if not key.count:
            del self._keys[key.thumbprint]
