"""The token cache: its bounds hold in bytes, also after an exception."""

from __future__ import annotations

import pytest

from iiniit_guard.core.cache import packed_store as module
from iiniit_guard.core.cache.entry import SMALLEST_ROOM, IssuerValidity, KeyValidity
from iiniit_guard.core.cache.tokens import TokenCache
from iiniit_guard.core.model.access_token import AccessToken
from tests.unit.core.caching import check_sums, digest, entry, fill, held

MIB = 1024 * 1024


def large(name, size, client=None):
    """Return an entry whose record takes about `size` bytes."""
    return entry(
        token=AccessToken(
            "https://issuer.test", subject=str(name), client_id=client, claims={"x": "y" * size}
        )
    )


def test_bytes_are_bounded_and_each_takes_what_it_has(clock):
    cache = TokenCache(65_536, clock.clock, MIB)
    for number in range(400):
        cache.keep(digest(number), large(number, 6000))
        check_sums(cache)
    assert 60 < len(cache) < MIB / 6000
    assert cache.get(digest(399)) is not None
    fill(cache, ["small"])
    assert cache.get(digest("small")) is not None


def test_a_client_is_over_its_quota_by_bytes_too(clock):
    cache = TokenCache(65_536, clock.clock, MIB)
    fill(cache, range(200), client="victim")
    for number in range(1000, 1400):
        cache.keep(digest(number), large(number, 6000, "flood"))
    assert held(cache, range(200)) == list(range(200))


def test_a_token_that_is_too_large_is_not_cached_nor_what_it_replaces(clock):
    cache = TokenCache(100, clock.clock, MIB)
    for name in "ab":
        cache.keep(digest(name), large(name, 100))
    cache.keep(digest("a"), large("a", MIB // 16))
    assert cache.get(digest("a")) is None
    assert cache.get(digest("b")) is not None
    cache.keep(digest("c"), large("c", MIB // 17))
    assert cache.get(digest("c")) is not None
    assert digest("c") not in cache._objects, "its objects would take too much"
    check_sums(cache)


def test_an_entry_that_grows_may_be_lost_itself(clock):
    cache = TokenCache(65_536, clock.clock, MIB)
    for number in range(90):
        cache.keep(digest(number), large(number, 6000))
    first = next(number for number in range(90) if held(cache, [number]))
    cache.keep(digest(first), large(first, 40_000))
    assert cache.get(digest(first)) is not None
    check_sums(cache)


@pytest.mark.parametrize(
    ("size", "tables"),
    [(1, 1), (4096, 1), (4097, 2), (8192, 2), (65_536, 16), (1_000_000, 256), (5_000_000, 256)],
)
def test_tables_are_small_and_there_is_one_for_each_octet(size, tables):
    """Python rebuilds a `dict` as a whole: with a million entries this takes 50 ms."""
    made = module._tables(size)
    assert len(made) == 256
    assert len({id(table) for table in made}) == tables


@pytest.mark.parametrize("each", [1, 444, 445, 446, 1000, 10_000_000])
@pytest.mark.parametrize(("max_records", "more"), [(1, 0), (2, 1), (60, 59), (999, 700)])
def test_the_sum_of_all_rooms_bounds_number_and_bytes(clock, max_records, each, more):
    """The smallest records that fit are at most `max_records`, and no room is lost."""
    max_bytes = max_records * each + more
    store = module.PackedStore(max_records, max_bytes, clock.clock, {}, lambda digest: None)
    fit = store._capacity // max(store._least, SMALLEST_ROOM)
    assert store._capacity <= max_bytes
    assert fit == min(max_records, max_bytes // SMALLEST_ROOM)


def test_the_number_of_created_issuers_and_keys_is_not_bounded(clock):
    """A callable for issuers may be made to return a new one for each token."""
    issuer = IssuerValidity()
    issuer.number = 2**63
    validity = KeyValidity(issuer)
    validity.number = 2**63 + 1
    cache = TokenCache(2, clock.clock, MIB)
    fill(cache, "ab", validity=validity)
    assert cache.get(digest("a")) is not None
    check_sums(cache)
    validity.valid = False
    assert cache.get(digest("a")) is None
