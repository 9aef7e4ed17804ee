"""A bounded store of records by digest, fair between issuers, then between clients of an issuer.

The number of records and their bytes are bounded.

Theory of operation.

*Records.* A record is one `bytes` object: the packed token, then a trailer with the facts of
`Facts`. Python's garbage collector does not visit it, and its size is known exactly. Replacing a
token, ending it and marking it as used each create a new record under the same digest.

*Room.* The room of a record is the larger of its parts of both bounds: one of `max_records`, and
its bytes of `max_bytes`. The total is `max_records` times `max_bytes`, so that rooms are whole
numbers. Both bounds hold as long as the sum of all rooms is at most the total. So one number
describes what a record, a client or an issuer uses.

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
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from operator import attrgetter
from typing import Final

from iiniit_guard.core.cache.entry import IssuerValidity, facts_of, record_of, trailer_of
from iiniit_guard.core.model.clock import Moment

# The overhead of a record: the digest, its places in table and queue, its client's sum.
_RECORD_BYTES: Final = 400
# Larger objects come from the C library's allocator. They leave holes there, into which other
# objects do not always fit.
_LARGEST_POOLED: Final = 512
_HOLES: Final = 2  # the fraction 1/2 of such an object; measured

# A `dict` is sometimes rebuilt as a whole: in 50 ms for a million records, in 0.2 ms for this many.
_TABLE_RECORDS: Final = 4096
_SECOND_CHANCES: Final = 32
_STEPS: Final = 2048
_WITHDRAWN_AT_ONCE: Final = 16
_NEVER: Final = float("-inf")
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
        was_used: Called with a digest; returns whether its object was used since the last call.
        lost: Called with the digest of each evicted record.
    """

    def __init__(
        self,
        max_records: int,
        max_bytes: int,
        was_used: Callable[[bytes], bool],
        lost: Callable[[bytes], object],
    ) -> None:
        self._was_used = was_used
        self._lost = lost
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._capacity = max_records * max_bytes
        self._room = 0
        self.tables: list[dict[bytes, bytes]] = _tables(max_records)
        """Records by digest, in a table for each first octet of the digest. Reads take no lock."""
        self._issuers: dict[int, _Issuer] = {}
        self._rotation: deque[_Issuer] = deque()

    def __len__(self) -> int:
        return sum(map(len, {id(table): table for table in self.tables}.values()))

    def get(self, digest: bytes) -> bytes | None:
        """Return a record, or None."""
        return self.tables[digest[0]].get(digest)

    def put(
        self, digest: bytes, record: bytes, client: int, validity: IssuerValidity, now: Moment
    ) -> None:
        """Store a record, replacing the one under `digest`.

        Args:
            digest: Of the token.
            record: It fits into an empty store.
            client: The hash of its client's name, as in the facts of the record.
            validity: Of its issuer.
            now: Both clocks.
        """
        self._look_around(now)
        table, room = self.tables[digest[0]], self._room_for(record)
        known = table.get(digest)
        while (missing := self._room + room - self._capacity) > 0:
            if known is not None and self._room_for(known) >= missing:
                break
            self._lose_one(validity, client, room, now)
            if known is not None:  # the eviction may have removed it
                known = table.get(digest)
        queued = None  # the issuer in whose queue the digest is
        if known is not None:
            before = facts_of(known)
            queued = before.issuer
            self._take(self._issuers[queued], before.client, -self._room_for(known))
        issuer = self._issuers.get(validity.number)
        if issuer is None:
            issuer = self._issuers[validity.number] = _Issuer(validity)
            self._rotation.append(issuer)
        if queued != validity.number:
            issuer.queue.append(digest)
        self._take(issuer, client, room)
        table[digest] = record

    def mark_used(self, digest: bytes) -> bytes:
        """Mark an existing record as used and return the marked record."""
        record = self.tables[digest[0]][digest]
        if not record.endswith(_USED):
            record = self.tables[digest[0]][digest] = record[:-1] + _USED
        return record

    def end(self, digest: bytes) -> bool:
        """End a record, which keeps its place without its content.

        Returns:
            Whether the record existed and had not been ended before.
        """
        known = self.get(digest)
        if known is None:
            return False
        facts = facts_of(known)
        ended = record_of(
            b"", facts._replace(valid_until=_NEVER, valid_until_monotonic=_NEVER, used=False)
        )
        self._take(
            self._issuers[facts.issuer], facts.client, self._room_for(ended) - self._room_for(known)
        )
        self.tables[digest[0]][digest] = ended
        return facts.valid_until != _NEVER

    def _look_around(self, now: Moment) -> None:
        """Evict some records of a withdrawn issuer, and rotate to the next issuer.

        One issuer is checked until it has no ended records at the front of its queue.
        """
        rotation, left = self._rotation, _WITHDRAWN_AT_ONCE
        while rotation and not rotation[0].validity.valid:
            if not left:
                return
            left -= 1
            self._lose_of(rotation[0], (), now)
        if len(rotation) > 1 and not self._oldest_ended(rotation[0], now):
            rotation.rotate(-1)

    def _lose_one(self, validity: IssuerValidity, client: int, room: int, now: Moment) -> None:
        """Evict a record to make room for one of this issuer and this client."""
        own, turn = self._issuers.get(validity.number), self._rotation[0]
        share = self._capacity // (len(self._issuers) + (own is None))
        issuer = (
            own
            if own is not None and own.room + room > share
            else max(self._issuers.values(), key=_room_of)
        )
        # `_lose_of` evicts a record that has ended first.
        if turn is not issuer and (not turn.validity.valid or self._oldest_ended(turn, now)):
            return self._lose_of(turn, (), now)
        quota = max(share // 4, self._max_bytes)
        if issuer is own and client in own.rooms and own.rooms[client] + room > quota:
            return self._lose_of(issuer, (client,), now)
        if issuer.over_quota:
            for other in [other for other in issuer.over_quota if issuer.rooms[other] <= quota]:
                del issuer.over_quota[other]  # the quota has grown since
        return self._lose_of(issuer, issuer.over_quota, now)

    def _oldest_ended(self, issuer: _Issuer, now: Moment) -> bool:
        record = self.get(issuer.queue[0])
        if record is None:
            return True
        _, valid_until, valid_until_monotonic, _, number, _, _ = trailer_of(record)
        return (
            number != issuer.validity.number
            or valid_until <= now.wall
            or valid_until_monotonic <= now.monotonic
        )

    def _lose_of(self, issuer: _Issuer, only: Collection[int], now: Moment) -> None:
        """Evict the oldest record of an issuer that has ended or is of one of the clients `only`.

        If `only` is empty, the client does not matter.
        """
        queue, chances, valid = issuer.queue, _SECOND_CHANCES, issuer.validity.valid
        left = min(_STEPS, 2 * len(queue))
        while True:
            left -= 1
            digest = queue.popleft()
            record = self.get(digest)
            if record is None:
                break
            _, valid_until, valid_until_monotonic, _, number, client, used = trailer_of(record)
            if number != issuer.validity.number:  # the token now belongs to another issuer
                break
            if left and valid and valid_until > now.wall and valid_until_monotonic > now.monotonic:
                if only and client not in only:
                    queue.append(digest)
                    continue
                if chances and (self._was_used(digest) or used):
                    chances -= 1
                    self.tables[digest[0]][digest] = record[:-1] + _UNUSED
                    queue.append(digest)
                    continue
            self._take(issuer, client, -self._room_for(record))
            self._lost(digest)
            del self.tables[digest[0]][digest]
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

    def _room_for(self, record: bytes) -> int:
        size = len(record)
        if size > _LARGEST_POOLED:
            size += size // _HOLES
        return max((size + _RECORD_BYTES) * self._max_records, self._max_bytes)


def _tables(size: int) -> list[dict[bytes, bytes]]:
    """Return a table for each first octet. Octets share tables if the store is small."""
    number = 1
    while number < 256 and number * _TABLE_RECORDS < size:
        number *= 2
    tables: list[dict[bytes, bytes]] = [{} for _ in range(number)]
    return tables * (256 // number)
