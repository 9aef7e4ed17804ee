"""The bounded memory of what was verified.

Writes are made under our lock, reads without one: a read is one look into a `dict`, which no interpreter tears. Expiry is part of
the value, so that a read changes nothing but a flag.
"""

from __future__ import annotations

from collections import deque
from hashlib import sha256
from threading import Lock
from typing import Final, cast

from iiniit_guard.core.access_token import AccessToken
from iiniit_guard.core.clock import Clock

_SECOND_CHANCES: Final = 32  # how many used entries one eviction passes over: it must cost the same whatever was used
_MOMENTS: Final = 4096
_LOST_TURNS: Final = 32  # how many turns that were lost one eviction passes over, for the same reason
_TABLE_ENTRIES: Final = 4096  # a `dict` is rebuilt as a whole now and then: of a million entries in 50 ms, of so many in 0.2
_ACTIVE_LATELY_SECONDS: Final = 3600.0


def digest_of(token: str, issuer: str | None = None) -> bytes:
    """Give the key under which a token is remembered: no cache holds a token.

    Args:
        token: Printable ASCII.
        issuer: Who must have issued it, where the request and not the token says so: what one issuer vouched for must not
            answer for another. It holds no line break, so no token can stand for a pair of both.
    """
    return sha256((token if issuer is None else f"{issuer}\n{token}").encode("ascii")).digest()


class Voucher:
    """What a remembered token rests on, a key for example; when that is withdrawn, so is all it vouched for."""

    __slots__ = ("valid",)

    def __init__(self) -> None:
        self.valid: bool = True


class Remembered:
    """A verified token and the moments between which it may be used without asking again."""

    __slots__ = ("after", "begins", "digest", "ends", "ends_monotonic", "token", "used", "voucher")

    def __init__(self, token: AccessToken, begins: float, ends: float, ends_monotonic: float, voucher: Voucher) -> None:
        self.token: AccessToken = token
        self.begins: float = begins
        self.ends: float = ends
        self.ends_monotonic: float = ends_monotonic
        self.voucher: Voucher = voucher
        self.used: bool = False
        self.digest: bytes = b""
        self.after: Remembered | None = None


class _Queue:
    """One client's entries, oldest first, linked through the entries themselves: a client with one token costs next to nothing."""

    __slots__ = ("count", "first", "last", "passed_over")

    def __init__(self) -> None:
        self.first: Remembered | None = None
        self.last: Remembered | None = None
        self.count = 0
        self.passed_over = 0  # turns of this client that it lost already, out of turn

    def append(self, entry: Remembered) -> None:
        entry.after = None
        if self.last is None:
            self.first = entry
        else:
            self.last.after = entry
        self.last = entry
        self.count += 1

    def pop(self) -> Remembered:
        entry = cast("Remembered", self.first)  # whose turn it is has an entry: see _next_turn
        self.first = entry.after
        if self.first is None:
            self.last = None
        self.count -= 1
        return entry


class TokenCache:
    """Verified tokens: first in, first out with a second chance; no client can crowd out the others.

    A client that holds more than a quarter while the cache is full loses its own oldest entries before anyone else loses one.
    (While there is room it may use it: the quarter protects the others, and nobody else wants the room.)
    """

    def __init__(self, size: int, clock: Clock) -> None:
        self._size = size
        self._share = max(1, size // 4)
        self._wall = clock.wall
        self._monotonic = clock.monotonic
        self._lock = Lock()
        self._moments: dict[float, float] = {}
        self._count = 0
        self._tables: list[dict[bytes, Remembered]] = _tables(size)  # by the first octet of the digest
        self._queues: dict[str | None, _Queue] = {}  # by client
        self._heavy: set[str | None] = set()  # clients over their share
        self._turns: deque[str | None] = deque()  # whose turn it is to lose an entry: its client, once per entry, oldest first

    def __len__(self) -> int:
        return self._count

    def recall(self, digest: bytes) -> AccessToken | None:
        """Give the token that is remembered under `digest` and may still be used, or None."""
        entry = self.find(digest)
        return None if entry is None else entry.token

    def find(self, digest: bytes) -> Remembered | None:
        """Give what is remembered under `digest` and may still be used, or None."""
        entry = self._tables[digest[0]].get(digest)
        if entry is None or not entry.begins <= self._wall() < entry.ends:
            return None
        if self._monotonic() >= entry.ends_monotonic or not entry.voucher.valid:
            return None
        entry.used = True
        return entry

    def remaining(self, digest: bytes) -> float:
        """Give the seconds for which the entry may still be used; 0 when there is none."""
        entry = self._tables[digest[0]].get(digest)
        if entry is None or not entry.voucher.valid:
            return 0.0
        return max(0.0, min(entry.ends - self._wall(), entry.ends_monotonic - self._monotonic()))

    def was_active(self, digest: bytes) -> bool:
        """Tell whether this token was good within the last hour, remembered or not: such tokens go first when calls are scarce."""
        entry = self._tables[digest[0]].get(digest)
        return entry is not None and self._monotonic() - entry.ends_monotonic < _ACTIVE_LATELY_SECONDS

    def keep(self, digest: bytes, entry: Remembered) -> None:
        """Remember a verified token, in the place of what was remembered under `digest`."""
        entry.digest = digest
        if len(self._moments) >= _MOMENTS:
            self._moments.clear()
        # Three moments of its own cost an entry 96 bytes, and whoever makes them names whole seconds.
        share, begins, ends, ends_monotonic = self._moments.setdefault, entry.begins, entry.ends, entry.ends_monotonic
        entry.begins, entry.ends, entry.ends_monotonic = share(begins, begins), share(ends, ends), share(ends_monotonic, ends_monotonic)
        with self._lock:
            known = self._tables[digest[0]].get(digest)
            if known is not None:  # takes the other's place in the order, so that asking again is not a way to stay
                known.token, known.begins, known.voucher = entry.token, entry.begins, entry.voucher
                known.ends, known.ends_monotonic = entry.ends, entry.ends_monotonic
                return
            client = entry.token.client_id
            own_turn_kept = self._count >= self._size and self._make_room(client)
            self._tables[digest[0]][digest] = entry
            self._count += 1
            queue = self._queues.get(client)
            if queue is None:
                queue = self._queues[client] = _Queue()
            queue.append(entry)
            if not own_turn_kept:
                self._turns.append(client)
            if queue.count > self._share:
                self._heavy.add(client)

    def drop(self, digest: bytes) -> Remembered | None:
        """Forget one token; give what was remembered, so that a tombstone can outlast it."""
        with self._lock:
            entry = self._tables[digest[0]].get(digest)
            if entry is not None:
                entry.ends = entry.ends_monotonic = float("-inf")  # stays as a husk until its turn: the order is not searched
            return entry

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._start_afresh()

    def reset_after_fork(self) -> None:
        """Take a fresh lock: another thread of the parent may have held the old one."""
        self._lock = Lock()

    def _start_afresh(self) -> None:
        self._count, self._tables = 0, _tables(self._size)
        self._queues.clear()
        self._heavy.clear()
        self._turns.clear()

    def _make_room(self, newcomer: str | None) -> bool:
        """Do what `_evict` does, also where an exception of a signal's handler once ended it in the middle and left things in disorder."""
        try:
            return self._evict(newcomer)
        except (LookupError, AttributeError):
            self._start_afresh()
            return False

    def _evict(self, newcomer: str | None) -> bool:
        """Drop one entry; tell whether it was the newcomer's own, whose turn then stays for the entry that replaces it."""
        own = newcomer in self._heavy
        if own:
            client = newcomer
        elif self._heavy:
            client = next(iter(self._heavy))
            self._queues[client].passed_over += 1
        else:
            client = self._next_turn()
        queue = self._queues[client]
        entry = queue.pop()
        for _ in range(min(_SECOND_CHANCES, queue.count)):
            if not entry.used:
                break
            entry.used = False
            queue.append(entry)
            entry = queue.pop()
        del self._tables[entry.digest[0]][entry.digest]
        self._count -= 1
        if queue.count <= self._share:
            self._heavy.discard(client)
        if not queue.count:  # then no turn of this client is left either: out of turn it keeps its share
            del self._queues[client]
        return own

    def _next_turn(self) -> str | None:
        """Give the client whose turn it is; each has as many turns as entries and entries lost out of turn."""
        turns, queues = self._turns, self._queues
        for _ in range(_LOST_TURNS):
            client = turns.popleft()
            queue = queues[client]
            if not queue.passed_over:
                return client
            queue.passed_over -= 1
        while True:  # so many turns that were lost: this one counts, and another of this client is lost in its place
            client = turns.popleft()
            queue = queues[client]
            if not queue.passed_over or queue.count > 1:
                return client
            queue.passed_over -= 1


def _tables(size: int) -> list[dict[bytes, Remembered]]:
    """Give a table for each first octet; few octets have one of their own where few entries come."""
    number = 1
    while number < 256 and number * _TABLE_ENTRIES < size:
        number *= 2
    tables: list[dict[bytes, Remembered]] = [{} for _ in range(number)]
    return tables * (256 // number)
