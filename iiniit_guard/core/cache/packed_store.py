"""A store of records by digest, bounded in number and in bytes, fair between issuers first and between the clients of an issuer second.

Theory of operation.

*Records.* A record is one `bytes` object: the packed token, then a trailer with the facts of `Facts`. Python's garbage collector does not
visit it, and its size is known exactly. Another token, its end and a mark make another record under the same digest.

*Room.* A record takes the larger of its parts of both bounds: one of `max_records`, and its bytes of `max_bytes`. Where the
whole is `max_records` times `max_bytes`, these are whole numbers, and both bounds hold as long as their sum is at most that. So one number
says what a record, a client or an issuer takes.

*Order.* Each issuer has a queue of the digests of its records, oldest first. A digest is in the queue as long as it is in the store: a
record that ended or was replaced keeps its place. The oldest is lost first. One that was used since it was last looked at gets a second
chance: it goes to the end of the queue, without its mark.

*Choice.* Where a new record does not fit:

1. An issuer that was withdrawn, or whose oldest record has ended, loses that record. One issuer is looked at each time, in rotation.
2. The new record's issuer loses one of its own if it would take more than its fair share, an equal part for each issuer with records.
   Otherwise the issuer that takes most loses one; it takes more than its fair share, since all together take more than there is.
3. Within that issuer, a record that has ended is lost first. If the new record's client would take more than its quota, a quarter of the
   issuer's fair share, only records of that client are lost; otherwise only those of clients over their quota, if there are any. The
   records of other clients are passed over and go to the end of the queue. On average that takes four steps or fewer, since such a client
   has a quarter of the queue; the number of steps is bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from itertools import count
from operator import attrgetter
from struct import Struct
from typing import Final, NamedTuple

from iiniit_guard.core.model.clock import Moment

_RECORD_BYTES: Final = 400  # what a record takes besides its content: the digest, its places in table and queue, its client's sum
# Larger objects come from the C library's allocator, and leave holes there that others do not always fit into.
_LARGEST_POOLED: Final = 512
_HOLES: Final = 2  # one part in so many; measured

_TABLE_RECORDS: Final = 4096  # a `dict` is rebuilt as a whole now and then: of a million records in 50 ms, of so many in 0.2
_SECOND_CHANCES: Final = 32
_STEPS: Final = 2048
_WITHDRAWN_AT_ONCE: Final = 16
_TRAILER: Final = Struct("<dddQIq?")
_NEVER: Final = float("-inf")
_USED: Final = b"\1"  # the trailer's last byte
_UNUSED: Final = b"\0"
_room_of: Final = attrgetter("room")
_numbers: Final = count()


class IssuerValidity:
    """Whether the cached tokens of one issuer count. Once it is withdrawn, they never count again."""

    __slots__ = ("number", "valid")

    def __init__(self) -> None:
        self.number: int = next(_numbers)
        self.valid: bool = True


class Facts(NamedTuple):
    """What is known of a record without unpacking it.

    Attributes:
        valid_from: By the wall clock.
        valid_until: By the wall clock.
        valid_until_monotonic: By the monotonic clock.
        validity: The number of its `KeyValidity`.
        issuer: The number of its issuer's validity.
        client: A hash of its client's name.
        used: Whether it was used since it was last looked at.
    """

    valid_from: float
    valid_until: float
    valid_until_monotonic: float
    validity: int
    issuer: int
    client: int
    used: bool


def record_of(packed: bytes, facts: Facts) -> bytes:
    """Return a record."""
    return packed + _TRAILER.pack(*facts)


def facts_of(record: bytes) -> Facts:
    """Return the facts of a record."""
    return Facts._make(_TRAILER.unpack_from(record, len(record) - _TRAILER.size))


class _Issuer:
    """The records of one issuer, the room that they take, and the room that those of each client take."""

    __slots__ = ("over_quota", "queue", "room", "rooms", "validity")

    def __init__(self, validity: IssuerValidity) -> None:
        self.validity = validity
        self.queue: deque[bytes] = deque()
        self.room = 0
        self.rooms: dict[int, int] = {}  # by client
        self.over_quota: dict[int, None] = {}  # clients that were over their quota when they last got a record


class PackedStore:
    """Records by digest. All methods but `get` are called under the cache's lock.

    Args:
        max_records: How many at most.
        max_bytes: How many bytes they take at most.
        was_used: Called with a digest: whether its object was used since this was last asked.
        lost: Called with the digest of each record that is lost.
    """

    def __init__(self, max_records: int, max_bytes: int, was_used: Callable[[bytes], bool], lost: Callable[[bytes], object]) -> None:
        self._was_used = was_used
        self._lost = lost
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._capacity = max_records * max_bytes
        self._room = 0
        self._tables = _tables(max_records)  # by the first octet of the digest
        self._issuers: dict[int, _Issuer] = {}
        self._rotation: deque[_Issuer] = deque()

    def __len__(self) -> int:
        return sum(map(len, {id(table): table for table in self._tables}.values()))

    def get(self, digest: bytes) -> bytes | None:
        """Return a record, or None."""
        return self._tables[digest[0]].get(digest)

    def put(self, digest: bytes, record: bytes, facts: Facts, validity: IssuerValidity, now: Moment) -> None:
        """Store a record, in the place of the one under `digest`.

        Args:
            digest: Of the token.
            record: It fits into an empty store.
            facts: Its own.
            validity: Of its issuer.
            now: Both clocks.
        """
        self._look_around(now)
        room = self._room_for(record)
        while self._room + room - self._room_for(known := self.get(digest)) > self._capacity:
            self._lose_one(validity, facts.client, room, now)
        before = None if known is None else facts_of(known)
        if before is not None:
            self._take(self._issuers[before.issuer], before.client, -self._room_for(known))
        issuer = self._issuers.get(validity.number)
        if issuer is None:
            issuer = self._issuers[validity.number] = _Issuer(validity)
            self._rotation.append(issuer)
        if before is None or before.issuer != validity.number:
            issuer.queue.append(digest)
        self._take(issuer, facts.client, room)
        self._tables[digest[0]][digest] = record

    def mark_used(self, digest: bytes) -> bytes:
        """Mark a record that is there as used; return it with the mark."""
        record = self._tables[digest[0]][digest]
        if not record.endswith(_USED):
            record = self._tables[digest[0]][digest] = record[:-1] + _USED
        return record

    def end(self, digest: bytes) -> bool:
        """End a record, which keeps its place without its content; return whether it was there and had not been ended."""
        known = self.get(digest)
        if known is None:
            return False
        facts = facts_of(known)
        ended = record_of(b"", facts._replace(valid_until=_NEVER, valid_until_monotonic=_NEVER, used=False))
        self._take(self._issuers[facts.issuer], facts.client, self._room_for(ended) - self._room_for(known))
        self._tables[digest[0]][digest] = ended
        return facts.valid_until != _NEVER

    def _look_around(self, now: Moment) -> None:
        """Lose some records of an issuer that was withdrawn. Look at one issuer, until it has nothing left that ended, then at the next."""
        for _ in range(_WITHDRAWN_AT_ONCE):
            if not self._rotation:
                return
            issuer = self._rotation[0]
            if issuer.validity.valid:
                if len(self._rotation) > 1 and not self._oldest_ended(issuer, now):
                    self._rotation.rotate(-1)
                return
            self._lose_of(issuer, (), now)

    def _lose_one(self, validity: IssuerValidity, client: int, room: int, now: Moment) -> None:
        """Lose a record, so that one of this issuer and this client gets room."""
        issuer = self._rotation[0]
        if issuer.validity.valid and not self._oldest_ended(issuer, now):
            own = self._issuers.get(validity.number)
            share = self._capacity // (len(self._issuers) + (own is None))
            issuer = own if own is not None and own.room + room > share else max(self._issuers.values(), key=_room_of)
            quota = max(share // 4, self._max_bytes)
            if issuer is own and client in own.rooms and own.rooms[client] + room > quota:
                return self._lose_of(issuer, (client,), now)
            for other in [other for other in issuer.over_quota if issuer.rooms[other] <= quota]:
                del issuer.over_quota[other]  # the quota has grown since
        return self._lose_of(issuer, issuer.over_quota, now)

    def _oldest_ended(self, issuer: _Issuer, now: Moment) -> bool:
        record = self.get(issuer.queue[0])
        if record is None:
            return True
        facts = facts_of(record)
        return facts.issuer != issuer.validity.number or facts.valid_until <= now.wall or facts.valid_until_monotonic <= now.monotonic

    def _lose_of(self, issuer: _Issuer, only: Collection[int], now: Moment) -> None:
        """Lose the oldest record of an issuer: one that has ended, or one of the clients `only`, of any client where there are none."""
        queue, chances, valid = issuer.queue, _SECOND_CHANCES, issuer.validity.valid
        left = min(_STEPS, 2 * len(queue))
        while True:
            left -= 1
            digest = queue.popleft()
            record = self.get(digest)
            if record is None:
                break
            _, valid_until, valid_until_monotonic, _, number, client, used = _TRAILER.unpack_from(record, len(record) - _TRAILER.size)
            if number != issuer.validity.number:  # the token is another issuer's now
                break
            if left and valid and valid_until > now.wall and valid_until_monotonic > now.monotonic:
                if only and client not in only:
                    queue.append(digest)
                    continue
                if chances and (self._was_used(digest) or used):
                    chances -= 1
                    self._tables[digest[0]][digest] = record[:-1] + _UNUSED
                    queue.append(digest)
                    continue
            self._take(issuer, client, -self._room_for(record))
            self._lost(digest)
            del self._tables[digest[0]][digest]
            break
        if not queue:
            del self._issuers[issuer.validity.number]
            self._rotation.remove(issuer)

    def _take(self, issuer: _Issuer, client: int, room: int) -> None:
        self._room += room
        issuer.room += room
        taken = issuer.rooms.get(client, 0) + room
        if not taken:
            del issuer.rooms[client]
            issuer.over_quota.pop(client, None)
            return
        issuer.rooms[client] = taken
        if room > 0 and taken * 4 * len(self._issuers) > self._capacity:
            issuer.over_quota[client] = None

    def _room_for(self, record: bytes | None) -> int:
        if record is None:
            return 0
        size = len(record)
        if size > _LARGEST_POOLED:
            size += size // _HOLES
        return max((size + _RECORD_BYTES) * self._max_records, self._max_bytes)


def _tables(size: int) -> list[dict[bytes, bytes]]:
    """Return a table for each first octet; few octets have one of their own where few records come."""
    number = 1
    while number < 256 and number * _TABLE_RECORDS < size:
        number *= 2
    tables: list[dict[bytes, bytes]] = [{} for _ in range(number)]
    return tables * (256 // number)
