"""Verified tokens: the bounds hold, in bytes and after an exception too."""

from __future__ import annotations

import pytest

from iiniit_guard.core import packed_store as module
from iiniit_guard.core.access_token import AccessToken
from iiniit_guard.core.cache import TokenCache
from tests.core.caching import check_sums, digest, entry, fill, held
from tests.core.stepping import make_clock

MIB = 1024 * 1024


@pytest.fixture
def clock():
    return make_clock()


def large(name, size, client=None):
    """Return an entry whose record takes about `size` bytes."""
    return entry(token=AccessToken("https://issuer.test", subject=str(name), client_id=client, claims={"x": "y" * size}))


def test_bytes_are_bounded_and_each_takes_what_it_has(clock):
    cache = TokenCache(65_536, clock.clock, MIB)
    for number in range(400):
        cache.keep(digest(number), large(number, 6000))
        check_sums(cache)
    assert 60 < len(cache) < MIB / 6000
    assert cache.recall(digest(399)) is not None
    fill(cache, ["small"])
    assert cache.recall(digest("small")) is not None


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
    assert cache.recall(digest("a")) is None
    assert cache.recall(digest("b")) is not None
    cache.keep(digest("c"), large("c", MIB // 17))
    assert cache.recall(digest("c")) is not None
    assert digest("c") not in cache._objects, "its objects would take too much"
    check_sums(cache)


def test_an_entry_that_grows_may_be_lost_itself(clock):
    cache = TokenCache(65_536, clock.clock, MIB)
    for number in range(90):
        cache.keep(digest(number), large(number, 6000))
    first = next(number for number in range(90) if held(cache, [number]))
    cache.keep(digest(first), large(first, 40_000))
    assert cache.recall(digest(first)) is not None
    check_sums(cache)


@pytest.mark.parametrize(("size", "tables"), [(1, 1), (4096, 1), (4097, 2), (8192, 2), (65_536, 16), (1_000_000, 256), (5_000_000, 256)])
def test_tables_are_small_and_there_is_one_for_each_octet(size, tables):
    """A `dict` is rebuilt as a whole now and then: in 50 ms where it holds a million."""
    made = module._tables(size)
    assert len(made) == 256
    assert len({id(table) for table in made}) == tables


# --- Exceptions of signal handlers


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("where", ["put", "_take", "_lose_of", "_look_around", "end", "mark_used"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_interrupted_write_leaves_a_cache_that_works(clock, monkeypatch, where, after):
    """A signal's handler may raise anywhere (SIGALRM as a time limit). The next write finds that out."""
    cache = TokenCache(4, clock.clock)
    fill(cache, "abcd")
    real = getattr(cache._store, where)

    def interrupted(*arguments):
        if after:
            real(*arguments)
        raise Interrupted

    monkeypatch.setattr(cache._store, where, interrupted)
    for attempt in (lambda: fill(cache, "e"), lambda: cache.drop(digest("b")), lambda: cache.recall(digest("c"))):
        monkeypatch.setattr(cache._store, where, interrupted)
        try:
            attempt()
        except Interrupted:
            break
    else:
        raise AssertionError("nothing was interrupted")
    monkeypatch.undo()
    for name in "abcde":
        cache.recall(digest(name))
    for number in range(9):
        fill(cache, [number], client=str(number))
        assert cache.recall(digest(number)) is not None
        assert len(cache) <= 4
    check_sums(cache)
    cache._writing = True
    assert not cache.drop(digest(8)), "a drop finds it out too"
