"""The token cache: verified tokens, bounded in number and in bytes.

*The latest tokens are objects.* New tokens, and tokens unpacked for a hit, are kept as objects: at
most one or two thousand of each kind, and at most an eighth of the bytes for each kind. The oldest
leave first; new tokens are packed then.

*The others are bytes.* `PackedStore` holds them as records, which Python's garbage collector does
not visit. It bounds their number and their bytes, and decides which record is evicted when there is
no room.

*Reads take no lock.* A read is one lookup in a `dict`, which is atomic in every interpreter. No
entry is ever changed: a writer replaces it. Each read compares everything that may end an entry:
both clocks, the validity of the key and that of the issuer. Only a hit on a record takes the lock,
to add the object. An object takes precedence over the record under its digest, so a record that
was replaced while it was unpacked must not be added. An evicted record removes its object too.

*Writes take the lock.* If a signal handler's exception interrupts a write, the next write detects
that and empties the cache.
"""

from __future__ import annotations

from collections import deque
from hashlib import sha256
from threading import Lock
from typing import Final

from iiniit_guard.core.cache.entry import (
    SCOPE_BYTES,
    TOKEN_BYTES,
    CacheEntry,
    KeyValidity,
    facts_of,
    pack,
    size_of,
    unpack,
)
from iiniit_guard.core.cache.packed_store import PackedStore
from iiniit_guard.core.jose.encodings import parsed_bytes
from iiniit_guard.core.model.access_token import AccessToken, Claims
from iiniit_guard.core.model.clock import Clock

MAX_BYTES: Final = 64 * 1024 * 1024
_ACTIVE_LATELY_SECONDS: Final = 3600.0
_MAX_NEW: Final = 1024
_MAX_UNPACKED: Final = 2048
_LARGEST_RECORD: Final = 512 * 1024  # one record must not evict thousands of others at once


def digest_of(token: str, issuer: str | None = None) -> bytes:
    """Return the key under which a token is cached. No cache holds the token itself.

    Args:
        token: Printable ASCII.
        issuer: The required issuer, if the request and not the token names it. A result for one
            issuer must not be used for another. It holds no line break, so no token can equal a
            pair of both.
    """
    return sha256((token if issuer is None else f"{issuer}\n{token}").encode("ascii")).digest()


class TokenCache:
    """Verified tokens by digest. `PackedStore` describes the eviction.

    Args:
        size: Maximum number of tokens.
        clock: Both clocks.
        max_bytes: Maximum number of bytes that they use.
    """

    def __init__(self, size: int, clock: Clock, max_bytes: int = MAX_BYTES) -> None:
        self._max_new = min(size // 16, _MAX_NEW)
        self._max_records = size - self._max_new
        self._objects_bytes = max_bytes // 8  # for the new ones, and the same for the unpacked ones
        self._records_bytes = max_bytes - 2 * self._objects_bytes
        self._largest_object = self._objects_bytes // 32
        self._largest_record = min(max_bytes // 16, _LARGEST_RECORD)
        self._clock = clock
        self._wall = clock.wall
        self._monotonic = clock.monotonic
        self._lock = Lock()
        self._objects: dict[bytes, CacheEntry] = {}
        self._validities: dict[int, KeyValidity] = {}  # of the records, by number
        self._writing = False  # true during a write, and after one that an exception interrupted
        self._start_afresh()

    def __len__(self) -> int:
        # Objects not packed yet.
        return len(self._store) + sum(self._store.get(digest) is None for digest in self._objects)

    def get(self, digest: bytes) -> AccessToken | None:
        """Return the token that is cached under `digest` and is valid now, or None."""
        entry = self.find(digest)
        return None if entry is None else entry.token

    def find(self, digest: bytes) -> CacheEntry | None:
        """Return the entry that is cached under `digest` and is valid now, or None."""
        entry = self._objects.get(digest)
        if entry is None:
            record = self._store.tables[digest[0]].get(digest)
            if record is None:
                return None
            entry = self._unpack(digest, record)
        if (
            entry is None
            or not entry.valid_from <= self._wall() < entry.valid_until
            or self._monotonic() >= entry.valid_until_monotonic
        ):
            return None
        validity = entry.validity
        if not (validity.valid and validity.issuer.valid):
            return None
        entry.used = True
        return entry

    def remaining(self, digest: bytes) -> float:
        """Return the seconds for which the entry is still valid; 0 if there is none."""
        known = self._known(digest)
        if known is None:
            return 0.0
        valid_until, valid_until_monotonic, validity = known
        if validity is None or not (validity.valid and validity.issuer.valid):
            return 0.0
        return max(0.0, min(valid_until - self._wall(), valid_until_monotonic - self._monotonic()))

    def was_active(self, digest: bytes) -> bool:
        """Return whether the cache holds this token, valid until at most an hour ago.

        Such tokens take precedence when calls to the server are limited. An evicted token counts as
        unknown.
        """
        known = self._known(digest)
        return known is not None and self._monotonic() - known[1] < _ACTIVE_LATELY_SECONDS

    def keep(self, digest: bytes, entry: CacheEntry, payload: bytes | None = None) -> None:
        """Cache a verified token, replacing what was cached under `digest`.

        A token that uses more than a sixteenth of the bytes, or more than 512 KiB, is not cached.

        Args:
            digest: The digest of the token.
            entry: The token and its validity.
            payload: The JSON object that the token was made from. Its length bounds the size of the
                token in less time than measuring each object; None means to measure each object.
        """
        token = entry.token
        if payload is None:
            size = size_of(token)
        else:
            claims = token.claims
            members = claims._members if isinstance(claims, Claims) else claims
            size = TOKEN_BYTES + SCOPE_BYTES * len(token.scopes)
            size += parsed_bytes(payload, len(members))
        entry.size = size
        with self._lock:
            if self._writing:
                self._start_afresh()
            self._writing = True
            new, objects = self._new, self._objects
            known = objects.get(digest)
            if known is not None:
                self._free(known)
            self._new_room -= size
            objects[digest] = entry
            new.append(digest)
            if size > self._largest_object:
                self._settle(digest)
            if len(new) > self._max_new:
                self._settle(new.popleft())
            while self._new_room < 0:
                self._settle(new.popleft())
            self._writing = False

    def drop(self, digest: bytes) -> bool:
        """Remove one token; return whether it was cached."""
        with self._lock:
            if self._writing:
                self._start_afresh()
            self._writing = True
            ended = self._store.end(digest)
            entry = self._objects.pop(digest, None)
            if entry is not None:
                self._free(entry)
            self._writing = False
            return ended or entry is not None

    def clear(self) -> None:
        """Remove all tokens."""
        with self._lock:
            self._start_afresh()

    def reset_after_fork(self) -> None:
        """Replace the lock. A thread of the parent process may have held the old one."""
        self._lock = Lock()

    def _start_afresh(self) -> None:
        self._objects = {}
        self._new_room = self._unpacked_room = self._objects_bytes
        # Digests, oldest first; the digest of a removed object stays in the queue.
        self._new: deque[bytes] = deque()
        self._unpacked: deque[bytes] = deque()
        self._store = PackedStore(
            self._max_records, self._records_bytes, self._clock, self._objects, self._lost
        )
        self._validities = {}
        self._writing = False

    def _known(self, digest: bytes) -> tuple[float, float, KeyValidity | None] | None:
        """Return both ends and the validity of an entry, or None if there is no entry.

        The validity is None if it was withdrawn.
        """
        entry = self._objects.get(digest)
        if entry is not None:
            return entry.valid_until, entry.valid_until_monotonic, entry.validity
        record = self._store.get(digest)
        if record is None:
            return None
        facts = facts_of(record)
        return facts.valid_until, facts.valid_until_monotonic, self._validities.get(facts.validity)

    def _add_unpacked(self, digest: bytes, entry: CacheEntry) -> None:
        self._unpacked_room -= entry.size
        self._objects[digest] = entry
        self._unpacked.append(digest)
        while len(self._unpacked) > _MAX_UNPACKED or self._unpacked_room < 0:
            oldest = self._unpacked.popleft()
            known = self._objects.get(oldest)
            if known is not None and known.record is not None:
                if known.used:
                    self._store.mark_used(oldest)
                del self._objects[oldest]
                self._free(known)

    def _settle(self, digest: bytes) -> None:
        """Convert a new object to a record."""
        entry = self._objects.get(digest)
        if entry is None or entry.record is not None:
            return
        validity, packed = entry.validity, pack(entry.token)
        if len(packed) > self._largest_record or not (validity.valid and validity.issuer.valid):
            self._store.end(digest)
        else:
            if validity.number not in self._validities:
                self._add_validity(validity)
            self._store.put(digest, packed, entry)
        del self._objects[digest]
        self._new_room += entry.size

    def _add_validity(self, validity: KeyValidity) -> None:
        self._validities = {
            number: each
            for number, each in self._validities.items()
            if each.valid and each.issuer.valid
        }
        self._validities[validity.number] = validity

    def _lost(self, digest: bytes) -> None:
        entry = self._objects.get(digest)
        if entry is not None and entry.record is not None:
            del self._objects[digest]
            self._free(entry)

    def _free(self, entry: CacheEntry) -> None:
        if entry.record is None:
            self._new_room += entry.size
        else:
            self._unpacked_room += entry.size

    def _unpack(self, digest: bytes, record: bytes) -> CacheEntry | None:
        """Return a record as an entry, or None if the record is not valid now."""
        facts = facts_of(record)
        validity = self._validities.get(facts.validity)
        if (
            validity is None
            or not facts.valid_from <= self._wall() < facts.valid_until
            or self._monotonic() >= facts.valid_until_monotonic
        ):
            return None
        entry = CacheEntry(unpack(record), *facts[:3], validity)
        entry.size = size_of(entry.token)
        with self._lock:
            if (
                self._store.get(digest) is record
                and digest not in self._objects
                and not self._writing
            ):
                self._writing = True
                entry.record = self._store.mark_used(digest)
                if entry.size <= self._largest_object:
                    self._add_unpacked(digest, entry)
                self._writing = False
        return entry
