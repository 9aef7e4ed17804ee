"""The token cache: a new record replaces the oldest, and all sums stay right."""

from __future__ import annotations

import random

import pytest

from iiniit_guard.core.cache import packed_store as store_module
from iiniit_guard.core.cache.entry import IssuerValidity, KeyValidity, facts_of
from iiniit_guard.core.cache.tokens import TokenCache
from iiniit_guard.core.model.clock import Clock
from tests.unit.core.caching import check_sums, digest, entry, fill, held


def issuer():
    return KeyValidity(IssuerValidity())


def test_a_new_issuer_takes_no_place_in_the_queue_of_the_only_one(clock):
    """The first issuer was withdrawn, or has all the room; its oldest record leaves."""
    cache, first, second = TokenCache(4, clock.clock), issuer(), issuer()
    fill(cache, "abcd", validity=first)
    fill(cache, "e", validity=second)
    assert held(cache, "abcde") == [*"bcde"]
    assert list(cache._store._issuers) == [first.issuer.number, second.issuer.number]
    check_sums(cache)
    first.issuer.valid = False
    fill(cache, "fg", validity=second)
    assert held(cache, "abcdefg") == [*"efg"]
    check_sums(cache)


def test_the_oldest_of_another_client_leaves_while_none_is_over_its_quota(clock):
    cache = TokenCache(8, clock.clock)
    for name in "aabbccdd":
        cache.keep(digest(len(cache)), entry(name))
    fill(cache, ["e1"], client="e")
    assert held(cache, range(8)) == [1, 2, 3, 4, 5, 6, 7]
    check_sums(cache)
    fill(cache, ["d1"], client="d")
    assert held(cache, range(8)) == [1, 2, 3, 4, 5, 7], "its own, as it would be over its quarter"
    check_sums(cache)


def test_a_client_below_its_quota_loses_none_while_another_is_over_it(clock):
    cache = TokenCache(8, clock.clock)
    fill(cache, ["v1"], client="victim")
    fill(cache, range(7), client="flood")
    fill(cache, ["v2"], client="victim")
    assert held(cache, ["v1", "v2", *range(7)]) == ["v1", "v2", 1, 2, 3, 4, 5, 6]
    check_sums(cache)


def test_a_client_over_its_quota_pays_itself_though_anothers_record_is_the_oldest(clock):
    cache = TokenCache(8, clock.clock)
    fill(cache, range(4), client="one")
    fill(cache, range(4, 8), client="two")
    fill(cache, [8], client="two")
    assert held(cache, range(9)) == [0, 1, 2, 3, 5, 6, 7, 8]
    check_sums(cache)


def test_the_client_over_its_quota_pays_after_the_quota_has_grown(clock):
    """Another client was over the quota before, when there were two issuers."""
    cache, gone, one = TokenCache(15, clock.clock), issuer(), issuer()
    fill(cache, ["gone"], validity=gone)
    fill(cache, ["oldest"], client="small", validity=one)
    fill(cache, ["b1", "b2"], client="before", validity=one)
    fill(cache, range(11), client="flood", validity=one)
    gone.issuer.valid = False
    fill(cache, [11], client="flood", validity=one)
    assert len(cache._store._issuers[one.issuer.number].over_quota) == 2
    fill(cache, ["b3"], client="before", validity=one)
    assert held(cache, ["oldest", "b1", "b2", "b3"]) == ["oldest", "b1", "b2", "b3"]
    check_sums(cache)


def test_records_of_one_client_differ_in_size(clock):
    """A record takes over the room of one of another size, and returns what it does not need."""
    cache, sizes = TokenCache(65_536, clock.clock, 1024 * 1024), random.Random(7)
    for number in range(1500):
        cache.keep(digest(number), entry("c", name="x" * sizes.randrange(4000)))
        if not number % 25:
            check_sums(cache)
    assert cache._store._free < 16 * 1024
    check_sums(cache)


@pytest.mark.parametrize("size", [6, 40])
def test_the_sums_and_the_bounds_hold_after_any_writes(clock, size):
    """Several issuers and clients write, read, drop and are withdrawn, in random order."""
    cache, chance = TokenCache(size, clock.clock, 64 * 1024), random.Random(size)
    validities = [issuer() for _ in range(3)]
    for number in range(3000):
        place = chance.randrange(3)
        if chance.random() < 0.01:
            validities[place].issuer.valid = False
            validities[place] = issuer()
        validity, name = validities[place], f"{validities[place].number} {chance.randrange(60)}"
        action = chance.random()
        if action < 0.2:
            cache.get(digest(name))
        elif action < 0.3:
            cache.drop(digest(name))
        else:
            client, long = chance.choice("aaab") + str(chance.randrange(2)), chance.random() < 0.1
            ends = clock.wall() + chance.randrange(1, 100)
            text = name + "x" * chance.randrange(1500 if long else 20)
            cache.keep(digest(name), entry(client, validity=validity, name=text, valid_until=ends))
            assert subject(cache, name) == text
        clock.advance(0.1)
        if not number % 5:
            check_sums(cache)
            assert len(cache) <= size


def subject(cache, name):
    token = cache.get(digest(name))
    return None if token is None else token.subject


def test_what_a_withdrawn_issuer_left_in_another_queue_is_passed_over(clock):
    """The digest of a token that changed its issuer is in both queues."""
    cache, old, new = TokenCache(4, clock.clock), issuer(), issuer()
    fill(cache, "oab", validity=old)
    fill(cache, "a", validity=new)
    new.issuer.valid = False
    fill(cache, "cdef", validity=old)
    assert held(cache, "oabcdef") == [*"cdef"]
    check_sums(cache)


def test_the_records_of_a_withdrawn_issuer_leave_in_small_numbers(clock):
    cache, bad = TokenCache(64, clock.clock), issuer()
    fill(cache, range(50), validity=bad)
    fill(cache, range(100, 104))
    bad.issuer.valid = False
    fill(cache, [104])
    assert 16 <= 50 - len(held(cache, range(50))) <= 17
    fill(cache, range(105, 109))
    assert held(cache, range(50)) == []
    check_sums(cache)


def test_a_hit_on_the_object_of_a_spared_record_spares_it_again(clock):
    cache = TokenCache(3, clock.clock)
    fill(cache, "abc")
    cache.get(digest("a"))
    fill(cache, "d")
    cache.get(digest("a"))
    fill(cache, "ef")
    assert held(cache, "abcdef") == [*"aef"]


def test_second_chances_are_bounded(clock, monkeypatch):
    monkeypatch.setattr(store_module, "_SECOND_CHANCES", 2)
    cache = TokenCache(15, clock.clock)
    fill(cache, range(15))
    for number in range(15):
        cache.get(digest(number))
    fill(cache, ["new"])
    assert held(cache, range(15)) == [0, 1, *range(3, 15)]
    check_sums(cache)


def test_a_token_cached_twice_is_packed_once(clock):
    """Its digest is twice in the queue of new objects, and the second time it is a record."""
    cache = TokenCache(32, clock.clock)
    fill(cache, "aab")
    assert cache.get(digest("a")) is not None
    fill(cache, "cde")
    assert held(cache, "abcde") == [*"abcde"]
    check_sums(cache)


def test_withdrawn_validities_are_not_kept(clock):
    cache = TokenCache(4, clock.clock)
    for number in range(20):
        validity = issuer()
        fill(cache, [number], validity=validity)
        (validity if number % 2 else validity.issuer).valid = False
    assert len(cache._validities) <= 2


@pytest.mark.parametrize("why", ["its key", "its issuer"])
def test_a_withdrawn_token_is_not_stored_and_ends_what_it_replaces(clock, why):
    cache, validity = TokenCache(4, clock.clock), issuer()
    fill(cache, "a")
    (validity if why == "its key" else validity.issuer).valid = False
    fill(cache, "ab", validity=validity)
    assert cache._store.get(digest("b")) is None
    assert facts_of(cache._store.get(digest("a")) or b"").valid_until < 0
    assert cache.get(digest("a")) is None
    check_sums(cache)


def test_a_token_that_is_too_large_ends_the_record_that_it_replaces(clock):
    cache = TokenCache(4, clock.clock, 64 * 1024)
    fill(cache, "a")
    assert cache._store.get(digest("a")) is not None
    cache.keep(digest("a"), entry(name="x" * 8000))
    assert cache.get(digest("a")) is None
    check_sums(cache)


@pytest.mark.parametrize("size", [4, 64], ids=["by a record", "by an object"])
def test_what_was_replaced_while_it_was_unpacked_is_not_kept(clock, size):
    """A read takes no lock, so that a write may come between its steps."""
    waiting = []

    def wall():
        while waiting:
            waiting.pop()()
        return clock.wall()

    cache = TokenCache(size, Clock(wall, clock.monotonic))
    fill(cache, ["a", *range(4)] if size > 4 else ["a"])
    assert digest("a") not in cache._objects
    waiting.append(lambda: cache.keep(digest("a"), entry(name="fresh")))
    assert subject(cache, "a") == "a"
    assert subject(cache, "a") == "fresh"
    check_sums(cache)


def test_a_large_bound_for_few_tokens(clock):
    """The room of a record is stored in 32 bits."""
    cache = TokenCache(2, clock.clock, 2**50)
    fill(cache, "abc")
    assert held(cache, "abc") == [*"bc"]
    check_sums(cache)
