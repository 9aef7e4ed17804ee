"""The token cache: which entry is evicted."""

from __future__ import annotations

import pytest

from iiniit_guard.core.cache import packed_store as module
from iiniit_guard.core.cache.entry import IssuerValidity, KeyValidity, facts_of
from iiniit_guard.core.cache.tokens import TokenCache
from tests.unit.core.caching import VALIDITY, check_sums, digest, entry, fill, held
from tests.unit.core.stepping import NOW


def issuer():
    return KeyValidity(IssuerValidity())


def test_the_oldest_goes_first(clock):
    """Eviction is first in, first out, and the cache stays within its bound."""
    cache = TokenCache(3, clock.clock)
    for number in range(3):
        fill(cache, [number], client=str(number))
    fill(cache, [3], client="3")
    assert held(cache, range(4)) == [1, 2, 3]
    assert len(cache) == 3


def test_all_that_fit_are_held(clock):
    """New tokens that are not packed yet count as well."""
    cache = TokenCache(160, clock.clock)
    fill(cache, range(170))
    assert [number for number in range(170) if cache.get(digest(number))] == list(range(10, 170))
    assert len(cache) == 160
    check_sums(cache)


def test_a_hit_gives_a_second_chance_once(clock):
    cache = TokenCache(3, clock.clock)
    fill(cache, "abc")
    cache.get(digest("a"))
    fill(cache, "d")
    assert held(cache, "abcd") == ["a", "c", "d"]
    fill(cache, "e")
    assert held(cache, "acde") == ["a", "d", "e"]
    fill(cache, "f")
    assert held(cache, "adef") == ["d", "e", "f"]


def test_a_hit_on_a_new_token_gives_a_second_chance_too(clock):
    cache = TokenCache(32, clock.clock)
    fill(cache, ["a"])
    cache.get(digest("a"))
    fill(cache, range(40))
    assert cache.get(digest("a")) is not None


def test_an_entry_that_no_longer_counts_is_not_kept_by_asking_for_it(clock):
    cache = TokenCache(2, clock.clock)
    cache.keep(digest("a"), entry(valid_until=NOW))
    fill(cache, "b")
    assert cache.get(digest("a")) is None
    fill(cache, "c")
    assert held(cache, "abc") == ["b", "c"]


def test_where_everything_was_used_one_eviction_still_ends_soon(clock):
    cache = TokenCache(15, clock.clock)
    fill(cache, range(15))
    for number in range(15):
        cache.get(digest(number))
    fill(cache, ["new"])
    assert held(cache, range(15)) == list(range(1, 15)), (
        "each got its second chance, then the oldest goes"
    )


@pytest.mark.parametrize(
    "valid_until",
    [{"valid_until": NOW + 60}, {"valid_until_monotonic": 60}],
    ids=["by the wall clock", "by the monotonic clock"],
)
def test_what_has_ended_goes_before_what_was_used(clock, valid_until):
    cache = TokenCache(3, clock.clock)
    if "valid_until_monotonic" in valid_until:
        valid_until = {"valid_until_monotonic": clock.monotonic() + 60}
    cache.keep(digest("a"), entry(**valid_until))
    cache.get(digest("a"))
    clock.advance(60)
    fill(cache, "bcd")
    assert held(cache, "abcd") == ["b", "c", "d"]


def test_a_client_over_a_quarter_loses_its_own(clock):
    """The tokens of one client hold at most a quarter of the cache while others need room."""
    cache = TokenCache(8, clock.clock)
    fill(cache, ["v1", "v2"], client="victim")
    fill(cache, range(6), client="flood")
    fill(cache, range(6, 50), client="flood")
    assert held(cache, ["v1", "v2"]) == ["v1", "v2"]
    assert held(cache, range(50)) == [44, 45, 46, 47, 48, 49]
    for number in range(4):
        fill(cache, [f"n{number}"], client=f"newcomer {number}")
    assert held(cache, ["v1", "v2", "n0", "n1", "n2", "n3"]) == ["v1", "v2", "n0", "n1", "n2", "n3"]
    assert held(cache, range(50)) == [48, 49], "down to its quarter"
    fill(cache, ["n4"], client="newcomer 4")
    check_sums(cache)
    assert len(cache) == 8


def test_an_issuer_over_its_share_loses_its_own_whatever_its_clients_are_called(clock):
    """An issuer chooses the names of its clients, so fairness between clients does not bound it."""
    cache, good, flood = TokenCache(12, clock.clock), issuer(), issuer()
    fill(cache, "abc", validity=good)
    for number in range(100):
        fill(cache, [number], client=f"client {number}", validity=flood)
    assert held(cache, "abc") == [*"abc"]
    assert held(cache, range(100)) == list(range(91, 100))
    fill(cache, "def", validity=good)
    assert held(cache, "abcdef") == [*"abcdef"]
    assert len(held(cache, range(100))) == 6, "down to its half"
    fill(cache, "g", validity=good)
    assert held(cache, "abcdefg") == [*"bcdefg"], "it would be over its half"
    check_sums(cache)


def test_a_third_issuer_takes_its_room_from_the_largest(clock):
    cache, small, big, third = TokenCache(12, clock.clock), issuer(), issuer(), issuer()
    fill(cache, range(4), validity=small)
    fill(cache, range(10, 18), validity=big)
    fill(cache, "abcd", validity=third)
    assert held(cache, [*range(4), *"abcd"]) == [*range(4), *"abcd"]
    assert len(cache) == 12


def test_an_issuer_over_its_share_pays_itself_though_another_takes_more(clock):
    cache, small, middle, big = TokenCache(12, clock.clock), issuer(), issuer(), issuer()
    fill(cache, "s", validity=small)
    fill(cache, range(5), validity=middle)
    fill(cache, range(10, 16), validity=big)
    fill(cache, "x", validity=middle)
    assert held(cache, [*range(5), *range(10, 16), "s", "x"]) == [
        1,
        2,
        3,
        4,
        *range(10, 16),
        "s",
        "x",
    ]


def test_what_idle_issuers_left_goes_first_once_it_has_ended(clock):
    cache, idle, busy = TokenCache(12, clock.clock), issuer(), issuer()
    for number in range(6):
        cache.keep(digest(number), entry(validity=idle, valid_until=NOW + 60))
    fill(cache, "abcdef", validity=busy)
    clock.advance(60)
    fill(cache, "ghijkl", validity=busy)
    assert held(cache, "abcdefghijkl") == [*"abcdefghijkl"]
    assert list(cache._store._issuers) == [busy.issuer.number]


def test_the_quota_of_a_client_grows_when_other_issuers_are_gone(clock):
    cache, one = TokenCache(15, clock.clock), issuer()
    others = [issuer() for _ in range(4)]
    for number, other in enumerate(others):
        fill(cache, [f"o{number}"], validity=other)
    fill(cache, "ab", client="client", validity=one)
    fill(cache, range(9), validity=one)
    assert cache._store._issuers[one.issuer.number].over_quota
    for other in others:
        other.issuer.valid = False
    fill(cache, range(20, 24), client="x", validity=one)
    for number in range(30, 45):
        fill(cache, [number], client=str(number), validity=one)
    assert list(cache._store._issuers) == [one.issuer.number]
    check_sums(cache)


def test_the_records_of_others_are_passed_over_and_the_steps_are_bounded(clock, monkeypatch):
    monkeypatch.setattr(module, "_STEPS", 3)
    cache = TokenCache(12, clock.clock)
    fill(cache, "abcdef", client="victim")
    fill(cache, range(6), client="flood")
    cache._store._issuers[VALIDITY.issuer.number].over_quota.pop(hash("victim"))
    fill(cache, ["x"], client="x")
    assert held(cache, "abcdef") == [*"abdef"], "two were passed over"


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_smallest_bounds_hold(clock, size):
    cache = TokenCache(size, clock.clock)
    for number in range(20):
        fill(cache, [number], client=str(number % 3))
        assert cache.get(digest(number)) is not None
        assert len(cache) == min(size, number + 1)
    check_sums(cache)


def test_a_token_that_comes_again_keeps_its_place(clock):
    """A repeated request does not postpone eviction."""
    cache = TokenCache(3, clock.clock)
    for name in "abca":
        fill(cache, name, client=name)
    fill(cache, "d", client="d")
    assert held(cache, "abcd") == ["b", "c", "d"]


def test_a_dropped_token_keeps_its_place_without_its_content(clock):
    """Dropping and storing one token in turn must not fill the eviction order."""
    cache = TokenCache(4, clock.clock)
    cache.keep(digest("a"), entry(name="a" * 1000))
    for _ in range(10):
        assert cache.drop(digest("a"))
        assert len(cache._store.get(digest("a")) or b"") < 100
        check_sums(cache)
        fill(cache, "a")
    fill(cache, "bcd")
    assert len(cache) == 4
    fill(cache, "e")
    assert held(cache, "abcde") == [*"bcde"]


def test_a_token_of_another_issuer_under_the_same_digest(clock):
    """The issuer was replaced by one with other settings, so the entries are independent."""
    cache, old, new = TokenCache(4, clock.clock), issuer(), issuer()
    fill(cache, "ab", validity=old)
    fill(cache, "a", validity=new)
    store = cache._store
    assert facts_of(store.get(digest("a")) or b"").issuer == new.issuer.number
    assert store._issuers[old.issuer.number].room == store._issuers[new.issuer.number].room
    fill(cache, "cd", validity=new)
    assert held(cache, "abcd") == [*"abcd"]
    fill(cache, "ef", validity=new)
    assert held(cache, "abcdef") == [*"bdef"], "the old issuer keeps what is its own"
    old.issuer.valid = False
    fill(cache, "ghij", validity=new)
    assert list(store._issuers) == [new.issuer.number]
    check_sums(cache)


def test_what_is_lost_elsewhere_is_passed_over(clock):
    cache, old, new = TokenCache(2, clock.clock), issuer(), issuer()
    fill(cache, "ab", validity=old)
    fill(cache, "a", validity=new)
    cache._store._issuers[new.issuer.number].queue.clear()
    del cache._store.tables[0][digest("a")]
    assert cache._store._oldest_ended(cache._store._issuers[old.issuer.number])
    cache._store._lose_of(cache._store._issuers[old.issuer.number], ())
    assert held(cache, "ab") == ["b"]
