"""Cache entries: a verified token with its validity, as an object and as one `bytes` object.

Only bytes that this process packed are unpacked. They never leave its memory and never come from
outside.
"""

from __future__ import annotations

# Only bytes made in this process; three times as fast as JSON, and keeps types that JSON would
# change.
import marshal
from dataclasses import dataclass, field
from itertools import count
from struct import Struct
from sys import getsizeof
from typing import Final, NamedTuple

from iiniit_guard.core.jose.encodings import CONTAINER_BYTES, TEXT_WIDTH
from iiniit_guard.core.model.access_token import AccessToken, Claims, freeze, thaw
from iiniit_guard.core.model.json_types import ATOMS, Json

_next_number: Final = count().__next__
# A client can make the guard create issuers by tokens without a signature, so the numbers of
# issuers have 64 bits.
_TRAILER: Final = Struct("<dddQQqI?")
_TRAILER_BYTES: Final = _TRAILER.size
# The overhead of a record: the digest, its places in table and queue, its client's sum.
_RECORD_BYTES: Final = 400
SMALLEST_ROOM: Final = _RECORD_BYTES + _TRAILER_BYTES
# Larger objects come from the C library's allocator. They leave holes there, into which other
# objects do not always fit.
_LARGEST_POOLED: Final = 512
_HOLES: Final = 2  # the fraction 1/2 of such an object; measured
NEVER: Final = float("-inf")  # when an ended record was valid
# Upper bounds, in bytes, of the parts of a token without their text. They include the rounding of
# the allocator and the reference to each part.
TOKEN_BYTES: Final = 1024
SCOPE_BYTES: Final = 160
_NAME_BYTES: Final = 200
_VALUE_BYTES: Final = 24


@dataclass(slots=True, eq=False, repr=False)
class IssuerValidity:
    """Whether the cached tokens of one issuer are valid. A withdrawal is permanent."""

    number: int = field(default_factory=_next_number, init=False)
    valid: bool = field(default=True, init=False)


@dataclass(slots=True, eq=False, repr=False)
class KeyValidity:
    """Revocable validity of a key, or of another basis of a cache entry.

    After a key or its issuer is withdrawn, the entries that depend on the key are no longer valid.
    """

    issuer: IssuerValidity = field(default_factory=IssuerValidity)
    number: int = field(default_factory=_next_number, init=False)
    valid: bool = field(default=True, init=False)


@dataclass(slots=True, eq=False, repr=False)
class CacheEntry:
    """A verified token and its period of validity.

    Attributes:
        token: The token.
        valid_from: The start of the period, by the wall clock.
        valid_until: The end of the period, by the wall clock.
        valid_until_monotonic: The end of the period, by the monotonic clock.
        validity: The validity of the key, or of another basis of the entry.
        used: Whether a request used the entry after the last check for eviction.
        size: An upper bound of the bytes that the objects of the token use.
        record: The record that the entry was unpacked from; None for a new entry.
    """

    token: AccessToken
    valid_from: float
    valid_until: float
    valid_until_monotonic: float
    validity: KeyValidity
    used: bool = field(default=False, init=False)
    size: int = field(default=0, init=False)
    record: bytes | None = field(default=None, init=False)

    def outlasts(self, outdated: float | None) -> bool:
        """Return whether the entry ends after `outdated`, by the monotonic clock; True for None."""
        return outdated is None or self.valid_until_monotonic > outdated


class Facts(NamedTuple):
    """The data of a record that can be read without unpacking it.

    Attributes:
        valid_from: By the wall clock.
        valid_until: By the wall clock.
        valid_until_monotonic: By the monotonic clock.
        validity: The number of its `KeyValidity`.
        issuer: The number of its issuer's validity.
        client: A hash of its client's name.
        room: What it takes of the store's bytes.
        used: Whether it was used since its last check for eviction.
    """

    valid_from: float
    valid_until: float
    valid_until_monotonic: float
    validity: int
    issuer: int
    client: int
    room: int
    used: bool


def record_of(packed: bytes, entry: CacheEntry, least: int) -> tuple[bytes, int, int]:
    """Return the record of a packed token, the hash of its client's name, and its room.

    Args:
        packed: The packed token.
        entry: The token and its validity.
        least: The least room of a record.
    """
    validity, client = entry.validity, hash(entry.token.client_id)
    size = len(packed) + _TRAILER_BYTES
    room = size + _RECORD_BYTES + (size // _HOLES if size > _LARGEST_POOLED else 0)
    if room < least:
        room = least
    trailer = _TRAILER.pack(
        entry.valid_from,
        entry.valid_until,
        entry.valid_until_monotonic,
        validity.number,
        validity.issuer.number,
        client,
        room,
        entry.used,
    )
    return packed + trailer, client, room


def ended_record(facts: Facts, room: int) -> bytes:
    """Return a record that has ended, without a token, in place of the one with these facts."""
    return _TRAILER.pack(
        *facts._replace(valid_until=NEVER, valid_until_monotonic=NEVER, room=room, used=False)
    )


def trailer_of(record: bytes) -> tuple[float, float, float, int, int, int, int, bool]:
    """Return the facts of a record, in their order but without names, in half the time."""
    return _TRAILER.unpack_from(record, -_TRAILER_BYTES)


def facts_of(record: bytes) -> Facts:
    """Return the facts of a record."""
    return Facts(*trailer_of(record))


def pack(token: AccessToken) -> bytes:
    """Return the content of `token` as bytes.

    Args:
        token: Its claims come from JSON.
    """
    claims, confirmation = token.claims, token.confirmation
    details: Json = token.authorization_details or None
    if details:  # usually equal to the claim
        details = claims.get("authorization_details") == details or thaw(details)
    fields = (
        token.issuer,
        token.subject,
        token.client_id,
        token.audience,
        tuple(token.scopes),  # `marshal` sorts a set: 30 ms for 80,000 scopes
        token.expires_at,
        token.issued_at,
        token.token_id,
        None if confirmation is None else thaw(confirmation),
        details,
        claims._members if isinstance(claims, Claims) else thaw(claims),
    )
    return marshal.dumps(fields)


def unpack(packed: bytes) -> AccessToken:
    """Return the token that was packed.

    Args:
        packed: What `pack` returned. Trailing bytes are ignored.
    """
    *fields, bound, details, members = marshal.loads(packed)  # noqa: S302 - see above
    issuer, subject, client_id, audience, scopes, *others = fields
    claims = freeze(members)
    details = claims["authorization_details"] if details is True else freeze(details or ())
    content: tuple[Json, ...] = (*others, freeze(bound), details, claims)
    return AccessToken(issuer, subject, client_id, audience, frozenset(scopes), *content)


def size_of(token: AccessToken) -> int:
    """Return an upper bound of the bytes that the objects of `token` use.

    Args:
        token: Its claims come from JSON.
    """
    claims = token.claims._members if isinstance(token.claims, Claims) else dict(token.claims)
    # Scopes and audience are substrings of the claims.
    size = TOKEN_BYTES + SCOPE_BYTES * (len(token.scopes) + len(token.audience))
    size += _NAME_BYTES * len(claims) + TEXT_WIDTH * sum(map(len, claims))
    size += 2 * sum(map(getsizeof, claims.values()))
    if not ATOMS.issuperset(map(type, claims.values())) or token.confirmation is not None:
        size += sum(map(_size_of, claims.values())) + _size_of(token.confirmation)
        size += _size_of(token.authorization_details)
    return size


def _size_of(value: Json) -> int:
    """Return an upper bound of the bytes that a value uses."""
    if type(value) in ATOMS:
        return getsizeof(value) + _VALUE_BYTES
    if type(value) is Claims:
        value = value._members
    if isinstance(value, dict):
        return CONTAINER_BYTES + sum(
            _NAME_BYTES + TEXT_WIDTH * len(name) + _size_of(inner) for name, inner in value.items()
        )
    return getsizeof(value) + _VALUE_BYTES + sum(map(_size_of, value))
