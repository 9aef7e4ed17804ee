"""Decoding of status lists: the vectors of the specification, bombs and broken streams."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest

from iiniit_guard.core.cache.entry import KeyValidity
from iiniit_guard.core.issuer.status_list import MAX_LIST_BYTES, StatusList, decompress
from iiniit_guard.core.jose.encodings import decode_base64url
from iiniit_guard.core.model.clock import Moment
from iiniit_guard.core.model.flow import Checkpoint
from tests.unit.core.status_list_vectors import VECTORS

END = Moment(0.0, 0.0)


def decompressed(data: bytes) -> tuple[bytes | None, int]:
    """Return the result of `decompress`, and how often other tasks could run."""
    flow, breaks = decompress(data), 0
    while True:
        try:
            effect = next(flow)
        except StopIteration as finished:
            return finished.value, breaks
        assert isinstance(effect, Checkpoint)
        breaks += 1


@pytest.mark.parametrize(
    ("size", "bits", "lst", "statuses"), [row[1:] for row in VECTORS], ids=[r[0] for r in VECTORS]
)
def test_vectors_of_the_specification(size, bits, lst, statuses):
    octets, _ = decompressed(decode_base64url(lst.encode()) or b"")
    assert octets is not None
    found = StatusList(bits, octets, 0, END, KeyValidity())

    whole = sum(status << index * bits for index, status in statuses.items())
    assert octets == whole.to_bytes(size * bits // 8, "little")
    assert {index: found.status_at(index) for index in statuses} == statuses
    assert found.status_at(size - 1) == statuses.get(size - 1, 0)
    assert found.status_at(size) is None


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_first_status_is_in_the_least_significant_bits(bits):
    found = StatusList(bits, bytes([1, 0x80]), 0, END, KeyValidity())
    last = 16 // bits - 1
    assert [found.status_at(index) for index in (0, last, last + 1)] == [1, 0x80 >> 8 - bits, None]
    assert all(found.status_at(index) == 0 for index in range(1, last))


@pytest.mark.parametrize("size", [0, 1, 2**20 - 1, 2**20, 2**20 + 1, MAX_LIST_BYTES])
@pytest.mark.parametrize("level", [0, 9])
def test_every_size_up_to_the_maximum_is_read(size, level):
    octets, breaks = decompressed(zlib.compress(bytes(size), level))
    assert octets == bytes(size)
    assert max(0, size - 1) // 2**20 <= breaks <= size // 2**20


@pytest.mark.parametrize("size", [MAX_LIST_BYTES + 1, 2**25])
def test_a_bomb_is_not_decompressed(size):
    octets, breaks = decompressed(zlib.compress(bytes(size), 9))
    assert octets is None
    assert breaks <= MAX_LIST_BYTES // 2**20 + 1


def test_a_bomb_takes_the_memory_of_a_list():
    bomb = zlib.compress(bytes(2**26), 9)
    tracemalloc.start()
    try:
        octets, _ = decompressed(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert octets is None
    assert peak < 3 * MAX_LIST_BYTES


WHOLE = zlib.compress(bytes(range(256)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        WHOLE[:2],
        WHOLE[:-1],
        WHOLE[:-1] + bytes([WHOLE[-1] ^ 1]),
        WHOLE + b"x",
        WHOLE + WHOLE,
        WHOLE[2:-4],
        zlib.compress(bytes(9), wbits=31),
        b"\x78\xbb" + bytes(9),
    ],
)
def test_anything_but_one_zlib_stream_is_refused(data):
    assert decompressed(data)[0] is None


def test_a_list_does_not_show_its_statuses():
    assert "octets" not in repr(StatusList(1, b"\0" * 99, 0, END, KeyValidity()))
