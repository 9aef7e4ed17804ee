"""A bounded store of records by digest, fair between issuers, then between clients of an issuer.

The number of records and their bytes are bounded.

Theory of operation.

*Records.* A record is one `bytes` object: the packed token, then a trailer with the facts of
`Facts`. Python's garbage collector does not visit it, and its size is known exactly. Replacing a
token, ending it and marking it as used each create a new record under the same digest.

*Room.* The room of a record is its bytes, but at least an equal part of the store's bytes for each
of `max_records`. Both bounds hold as long as the sum of all rooms is at most the number of bytes.
So one number describes what a record, a client or an issuer uses. The trailer holds it.

*Order.* Each issuer has a queue of the digests of its records, oldest first. A digest is in the
queue as long as it is in the store: a record that ended or was replaced keeps its place. The oldest
record is evicted first. A record that was used since its last check gets a second chance: it moves
to the end of the queue, without its mark.

*Choice.* If a new record does not fit:

1. An issuer that was withdrawn, or whose oldest record has ended, loses that record. Each eviction
   checks one issuer, in rotation.
2. The new record's issuer loses one of its own records if it would exceed its fair share, an equal
   part for each issuer with records. Otherwise the issuer with the most room loses one. That issuer
   exceeds its fair share, because the sum of all issuers exceeds the total.
3. Within that issuer, a record that has ended is evicted first. If the new record's client would
   exceed its quota, a quarter of the issuer's fair share, only records of that client are evicted.
   Otherwise only records of clients over their quota are evicted, if there are any. The records of
   other clients are skipped and move to the end of the queue. On average that takes four steps or
   fewer, because such a client has a quarter of the queue. The number of steps is bounded.

If there is one issuer, its oldest record was not used, and these rules select it, the new record
takes over its room at once. That is the usual case.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from typing import Final

from iiniit_guard.core.cache.entry import (
    NEVER,
    SMALLEST_ROOM,
    CacheEntry,
    IssuerValidity,
    ended_record,
    facts_of,
    record_of,
    trailer_of,
)
from iiniit_guard.core.model.clock import Clock

_LARGEST_ROOM: Final = 1024 * 1024  # of a record of the largest size that `TokenCache` stores
# A `dict` is sometimes rebuilt as a whole: in 50 ms for a million records, in 0.2 ms for this many.
_TABLE_RECORDS: Final = 4096
_SECOND_CHANCES: Final = 32
_STEPS: Final = 2048
_WITHDRAWN_AT_ONCE: Final = 16
_USED: Final = b"\1"  # the trailer's last byte
_UNUSED: Final = b"\0"
_room_of: Final = attrgetter("room")


class _Issuer:
    """The records of one issuer, the room that they use, and the room of each client."""

    __slots__ = ("over_quota", "queue", "room", "rooms", "validity")

    def __init__(self, validity: IssuerValidity) -> None:
        self.validity = validity
        self.queue: deque[bytes] = deque()
        self.room = 0
        self.rooms: dict[int, int] = {}  # by client
        # Clients over their quota when their last record was added.
        self.over_quota: dict[int, None] = {}


class PackedStore:
    """Records by digest. The caller holds the cache's lock for all methods except `get`.

    Args:
        max_records: Maximum number of records.
        max_bytes: Maximum number of bytes that they use.
        clock: Both clocks.
        objects: Of the cache, by digest. Their `used` counts as that of their records.
        lost: Called with the digest of each evicted record.
    """

    def __init__(
        self,
        max_records: int,
        max_bytes: int,
        clock: Clock,
        objects: Mapping[bytes, CacheEntry],
        lost: Callable[[bytes], object],
    ) -> None:
        self._clock = clock
        self._objects = objects
        self._lost = lost
        self._least = min(max_bytes // max_records, _LARGEST_ROOM)
        # If each record needs more than an equal part of the bytes, so many do not fit anyway.
        self._capacity = self._least * max_records if self._least >= SMALLEST_ROOM else max_bytes
        self._free = self._capacity
        self.tables: list[dict[bytes, bytes]] = _tables(max_records)
        """Records by digest, in a table for each first octet of the digest. Reads take no lock."""
        self._issuers: dict[int, _Issuer] = {}
        self._rotation: deque[_Issuer] = deque()
        self._sole: _Issuer | None = None  # the issuer, if there is only one
        self._divide()

    def __len__(self) -> int:
        return sum(map(len, {id(table): table for table in self.tables}.values()))

    def get(self, digest: bytes) -> bytes | None:
        """Return a record, or None."""
        return self.tables[digest[0]].get(digest)

    def put(self, digest: bytes, packed: bytes, entry: CacheEntry) -> None:
        """Store a record, replacing the one under `digest`.

        Args:
            digest: Of the token.
            packed: The packed token; its record fits into an empty store.
            entry: The token and its validity.
        """
        record, client, room = record_of(packed, entry, self._least)
        validity = entry.validity.issuer
        if self._free < room and self._take_over(digest, record, validity, client, room):
            return
        self._look_around()
        self.end(digest, 0)
        number, table = validity.number, self.tables[digest[0]]
        while self._free < room:
            self._lose_one(self._issuers.get(number), client, room)
        issuer = self._issuers.get(number)
        if issuer is None:
            issuer = self._issuers[number] = _Issuer(validity)
            self._rotation.append(issuer)
            self._divide()
        # The ended record keeps its place, unless it was evicted.
        if digest not in table or facts_of(table[digest]).issuer != number:
            issuer.queue.append(digest)
        self._take(issuer, client, room)
        table[digest] = record

    def mark_used(self, digest: bytes) -> bytes:
        """Mark an existing record as used and return the marked record."""
        record = self.tables[digest[0]][digest]
        if not record.endswith(_USED):
            record = self.tables[digest[0]][digest] = record[:-1] + _USED
        return record

    def end(self, digest: bytes, room: int | None = None) -> bool:
        """End a record, which keeps its place without its content.

        Args:
            digest: Of the token.
            room: Of the ended record, if `put` replaces it at once.

        Returns:
            Whether the record existed and had not been ended before.
        """
        table = self.tables[digest[0]]
        if digest not in table:
            return False
        facts = facts_of(table[digest])
        room = max(SMALLEST_ROOM, self._least) if room is None else room
        self._take(self._issuers[facts.issuer], facts.client, room - facts.room)
        table[digest] = ended_record(facts, room)
        return facts.valid_until != NEVER

    def _take_over(
        self, digest: bytes, record: bytes, validity: IssuerValidity, client: int, room: int
    ) -> bool:
        """Replace the oldest record by a new one if the choice is clear; return whether it is."""
        issuer, table = self._sole, self.tables[digest[0]]
        if issuer is None or issuer.validity is not validity or digest in table:
            return False
        oldest, over_quota = issuer.queue[0], issuer.over_quota
        others = self.tables[oldest[0]]
        if oldest in self._objects or oldest not in others:
            return False
        _, _, _, _, _, other, freed, used = trailer_of(others[oldest])
        if used or self._free + freed < room or (over_quota and client not in over_quota):
            return False
        if other != client:
            if over_quota or issuer.rooms.get(client, 0) + room > self._quota:
                return False
            self._take(issuer, other, -freed)
            freed = 0
        if freed != room:
            self._take(issuer, client, room - freed)
        del others[issuer.queue.popleft()]
        issuer.queue.append(digest)
        table[digest] = record
        return True

    def _look_around(self) -> None:
        """Evict some records of a withdrawn issuer, and rotate to the next issuer.

        One issuer is checked until it has no ended records at the front of its queue.
        """
        rotation, left = self._rotation, _WITHDRAWN_AT_ONCE
        while rotation and not rotation[0].validity.valid:
            if not left:
                return
            left -= 1
            self._lose_of(rotation[0], ())
        if len(rotation) > 1 and not self._oldest_ended(rotation[0]):
            rotation.rotate(-1)

    def _lose_one(self, own: _Issuer | None, client: int, room: int) -> None:
        """Evict a record to make room for one of the issuer `own` and this client."""
        issuer, turn, quota = own, self._rotation[0], self._quota
        if issuer is None or issuer.room + room <= self._share:
            issuer = max(self._issuers.values(), key=_room_of)
        # `_lose_of` evicts a record that has ended first.
        if turn is not issuer and (not turn.validity.valid or self._oldest_ended(turn)):
            self._lose_of(turn, ())
        elif issuer is own and client in own.rooms and own.rooms[client] + room > quota:
            self._lose_of(issuer, (client,))
        else:
            for other in [each for each in issuer.over_quota if issuer.rooms[each] <= quota]:
                del issuer.over_quota[other]  # the quota has grown since
            self._lose_of(issuer, issuer.over_quota)

    def _oldest_ended(self, issuer: _Issuer) -> bool:
        record = self.get(issuer.queue[0])
        if record is None:
            return True
        facts, now = facts_of(record), self._clock.now()
        ended = facts.valid_until <= now.wall or facts.valid_until_monotonic <= now.monotonic
        return ended or facts.issuer != issuer.validity.number

    def _lose_of(self, issuer: _Issuer, only: Collection[int]) -> None:
        """Evict the oldest record of an issuer that has ended or is of one of the clients `only`.

        If `only` is empty, the client does not matter.
        """
        queue, validity, now = issuer.queue, issuer.validity, self._clock.now()
        chances, left = _SECOND_CHANCES, min(_STEPS, 2 * len(queue)) if validity.valid else 1
        while True:
            digest = queue.popleft()
            table = self.tables[digest[0]]
            record = table.get(digest)
            if record is None:
                break
            _, until, until_monotonic, _, number, client, room, used = trailer_of(record)
            if number != validity.number:  # the token now belongs to another issuer
                break
            left -= 1
            entry = self._objects.get(digest)
            if left and until > now.wall and until_monotonic > now.monotonic:
                if only and client not in only:
                    queue.append(digest)
                    continue
                if chances and (used or (entry is not None and entry.used)):
                    chances -= 1
                    if entry is not None:
                        entry.used = False
                    table[digest] = record[:-1] + _UNUSED
                    queue.append(digest)
                    continue
            self._take(issuer, client, -room)
            self._lost(digest)
            del table[digest]
            break
        if not queue:
            del self._issuers[validity.number]
            self._rotation.remove(issuer)
            self._divide()

    def _take(self, issuer: _Issuer, client: int, room: int) -> None:
        self._free -= room
        issuer.room += room
        rooms = issuer.rooms
        taken = rooms[client] = rooms.get(client, 0) + room
        if taken > self._quota:
            issuer.over_quota[client] = None
        elif not taken:
            del rooms[client]
            issuer.over_quota.pop(client, None)

    def _divide(self) -> None:
        """Divide the room between the issuers."""
        number = len(self._issuers)
        self._sole = self._rotation[0] if number == 1 else None
        self._share = self._capacity // max(number, 1)
        self._quota = max(self._share // 4, self._least)


def _tables(size: int) -> list[dict[bytes, bytes]]:
    """Return a table for each first octet. Octets share tables if the store is small."""
    number = min(256, 1 << ((size - 1) // _TABLE_RECORDS).bit_length())
    tables: list[dict[bytes, bytes]] = [{} for _ in range(number)]
    return tables * (256 // number)
