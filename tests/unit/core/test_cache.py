"""The token cache: validity of entries, and reads without a lock."""

from __future__ import annotations

import threading
from hashlib import sha256

import pytest

from iiniit_guard.core.cache import tokens as module
from iiniit_guard.core.cache.entry import IssuerValidity, KeyValidity, facts_of
from iiniit_guard.core.cache.tokens import TokenCache, digest_of
from tests.unit.core.caching import ISSUER, check_sums, digest, entry, fill, held
from tests.unit.core.stepping import NOW


def test_the_key_is_the_tokens_sha_256():
    """No cache holds a token."""
    assert digest_of("abc") == sha256(b"abc").digest()
    assert digest_of("abc", "https://issuer.test") == sha256(b"https://issuer.test\nabc").digest()


@pytest.fixture(params=[4, 64], ids=["as records", "as objects"])
def cache(request, clock):
    """Return a cache that packs each token at once, and one that keeps the first four
    as objects.
    """
    return TokenCache(request.param, clock.clock)


def test_it_is_found_by_its_digest(cache):
    remembered = entry()
    cache.keep(digest("a"), remembered)
    found = cache.find(digest("a"))
    assert found is not None
    assert found.token == cache.get(digest("a")) == remembered.token
    assert (found.valid_from, found.valid_until, found.valid_until_monotonic) == (
        remembered.valid_from,
        remembered.valid_until,
        remembered.valid_until_monotonic,
    )
    assert found.validity is remembered.validity
    assert cache.find(digest("a")) is found, "unpacked once"
    assert cache.get(digest("b")) is None
    assert cache.find(digest("b")) is None
    assert len(cache) == 1


@pytest.mark.parametrize(
    ("wall", "monotonic", "good"),
    [
        pytest.param(0, 0, True, id="at once"),
        pytest.param(59, 59, True, id="limit - 1"),
        pytest.param(60, 60, False, id="limit"),
        pytest.param(61, 61, False, id="limit + 1"),
        pytest.param(60, 0, False, id="the monotonic clock stood still"),
        pytest.param(0, 60, False, id="the wall was set back"),
        pytest.param(-30, 30, True, id="the wall was set back as far as the leeway"),
        pytest.param(-31, 31, False, id="the wall was set back to before the token"),
    ],
)
def test_either_clock_ends_an_entry(cache, clock, wall, monotonic, good):
    cache.keep(
        digest("a"),
        entry(
            valid_from=NOW - 30, valid_until=NOW + 60, valid_until_monotonic=clock.monotonic() + 60
        ),
    )
    clock.advance(monotonic)
    clock.set_wall(NOW + wall)
    assert (cache.get(digest("a")) is not None) is good
    assert (cache.remaining(digest("a")) > 0) is (good or wall < -30)


def test_what_remains_is_counted_by_the_clock_that_says_less(cache, clock):
    cache.keep(
        digest("a"), entry(valid_until=NOW + 60, valid_until_monotonic=clock.monotonic() + 50)
    )
    assert cache.remaining(digest("a")) == 50
    clock.set_wall(NOW + 20)
    assert cache.remaining(digest("a")) == 40
    assert cache.remaining(digest("b")) == 0


def test_what_a_withdrawn_key_vouched_for_is_gone_at_once(cache):
    validity = KeyValidity(ISSUER)
    cache.keep(digest("a"), entry(validity=validity))
    cache.keep(digest("b"), entry())
    validity.valid = False
    assert cache.get(digest("a")) is None
    assert cache.remaining(digest("a")) == 0
    assert cache.get(digest("b")) is not None
    cache.keep(digest("a"), entry(validity=validity))
    assert cache.get(digest("a")) is None


def test_what_an_issuer_vouched_for_is_gone_with_it_and_its_room_too(clock):
    cache, issuer = TokenCache(64, clock.clock), IssuerValidity()
    validity = KeyValidity(issuer)
    fill(cache, range(40), validity=validity)
    cache.get(digest(0))
    fill(cache, "xyz")
    issuer.valid = False
    assert [cache.get(digest(name)) for name in (0, 1, 39)] == [None] * 3
    assert cache.remaining(digest(39)) == 0
    cache.keep(digest(39), entry(validity=validity))
    assert cache.get(digest(39)) is None
    fill(cache, range(100, 108))
    kept = [record for table in cache._store.tables for record in table.values()]
    assert not any(facts_of(record).issuer == issuer.number for record in kept)
    assert list(cache._store._issuers) == [ISSUER.number]
    assert (
        validity.number not in cache._validities
        or not cache._validities[validity.number].issuer.valid
    )
    assert cache.get(digest("x")) is not None


def test_a_second_answer_takes_the_place_of_the_first(clock):
    """A client must not improve its place in the eviction order by repeated requests."""
    cache, validity = TokenCache(3, clock.clock), KeyValidity(ISSUER)
    fill(cache, "abc")
    fresh = entry(
        valid_from=1,
        valid_until=NOW + 9,
        valid_until_monotonic=clock.monotonic() + 9,
        validity=validity,
        name="fresh",
    )
    cache.keep(digest("a"), fresh)
    fill(cache, "b")
    assert cache.remaining(digest("a")) == 9
    assert cache.get(digest("a")) == fresh.token
    validity.valid = False
    assert cache.get(digest("a")) is None
    assert len(cache) == 3
    fill(cache, "de")
    assert held(cache, "abcde") == ["a", "d", "e"], "a was used once, b and c never"


def subject_of(cache, name):
    found = cache.get(digest(name))
    return None if found is None else found.subject


def test_a_second_answer_counts_also_beside_the_object_of_the_first(clock):
    cache = TokenCache(64, clock.clock)
    fill(cache, ["a", *range(8)])
    assert subject_of(cache, "a") == "a"  # unpacked, and stored as an object
    cache.keep(digest("a"), entry(name="fresh"))
    assert subject_of(cache, "a") == "fresh"
    fill(cache, range(8, 16))
    assert subject_of(cache, "a") == "fresh", "packed in the place of the first"
    assert len(cache) == 17


def test_a_dropped_token_is_gone_and_can_come_back(cache):
    assert not cache.drop(digest("a"))
    fill(cache, "a")
    cache.get(digest("a"))
    assert cache.drop(digest("a"))
    assert cache.get(digest("a")) is None
    assert cache.remaining(digest("a")) == 0
    assert not cache.was_active(digest("a"))
    assert not cache.drop(digest("a"))
    fill(cache, "a")
    assert cache.get(digest("a")) is not None
    assert cache.was_active(digest("a"))


@pytest.mark.parametrize(
    ("seconds", "known"), [(0, True), (3599, True), (3600, False), (3601, False)]
)
def test_good_within_the_last_hour(cache, clock, seconds, known):
    """Some introspection calls are reserved for tokens that were active in the last hour."""
    cache.keep(digest("a"), entry(valid_until_monotonic=clock.monotonic()))
    clock.advance(seconds)
    assert cache.was_active(digest("a")) is known
    assert not cache.was_active(digest("b"))


def test_an_evicted_token_counts_as_one_that_never_came(clock):
    cache = TokenCache(1, clock.clock)
    fill(cache, "ab")
    assert not cache.was_active(digest("a"))
    assert cache.was_active(digest("b"))


def test_clearing_forgets_everything(clock):
    cache = TokenCache(4, clock.clock)
    fill(cache, range(9), client="c")
    cache.clear()
    assert len(cache) == 0
    fill(cache, range(9), client="c")
    assert held(cache, range(9)) == [5, 6, 7, 8]


def test_a_forked_child_takes_a_fresh_lock_and_keeps_what_was_learned(cache):
    fill(cache, "a")
    cache._lock.acquire()
    cache.reset_after_fork()
    fill(cache, "b")
    assert held(cache, "ab") == ["a", "b"]
    assert cache.get(digest("a")) is not None


def test_objects_leave_when_there_are_too_many_and_count_as_used(clock, monkeypatch):
    monkeypatch.setattr(module, "_MAX_UNPACKED", 2)
    cache = TokenCache(8, clock.clock)
    fill(cache, range(8))
    for number in range(4):
        assert cache.get(digest(number)) is not None
    assert set(cache._objects) == {digest(2), digest(3)}
    assert facts_of(cache._store.get(digest(0)) or b"").used
    fill(cache, ["new"])
    assert held(cache, range(8)) == [0, 1, 2, 3, 5, 6, 7], "four were used"


def test_a_dropped_token_has_no_object_to_leave(clock, monkeypatch):
    monkeypatch.setattr(module, "_MAX_UNPACKED", 1)
    cache = TokenCache(3, clock.clock)
    fill(cache, "abc")
    assert cache.get(digest("a")) is not None
    cache.drop(digest("a"))
    assert cache.get(digest("b")) is not None
    fill(cache, "a")
    assert cache.get(digest("a")) is not None
    assert cache.get(digest("c")) is not None
    assert list(cache._objects) == [digest("c")]
    check_sums(cache)


def test_an_object_that_was_not_used_again_leaves_no_mark(clock, monkeypatch):
    monkeypatch.setattr(module, "_MAX_UNPACKED", 1)
    cache = TokenCache(3, clock.clock)
    fill(cache, "abc")
    cache.get(digest("a"))
    fill(cache, "de")
    assert held(cache, "abcde") == ["a", "d", "e"]
    assert cache.get(digest("d")) is not None
    assert not facts_of(cache._store.get(digest("a")) or b"").used


def test_a_hit_during_a_write_adds_no_object(clock):
    """The unpacked entry may be outdated when the write has ended."""
    cache = TokenCache(2, clock.clock)
    fill(cache, "a")
    cache._writing = True
    assert cache.get(digest("a")) is not None
    assert cache._objects == {}


def test_reads_stand_up_to_writers(clock):
    """A read without the lock may miss. It never raises and never returns another token's entry."""
    cache, wrong = TokenCache(80, clock.clock), []
    start = threading.Barrier(8)

    def write(part):
        start.wait(5)
        for number in range(1500):
            name = (number * 3 + part) % 160
            cache.keep(digest(name), entry(f"c{name % 5}", name=str(name)), b"{}")
            if number % 7 == 0:
                cache.drop(digest((number * 3) % 160))

    def read():
        start.wait(5)
        for number in range(3000):
            found = cache.find(digest(number % 160))
            if found is not None and found.token.subject != str(number % 160):
                wrong.append(number)
            cache.remaining(digest(number % 160))

    threads = [
        *(threading.Thread(target=write, args=(part,)) for part in range(3)),
        *(threading.Thread(target=read) for _ in range(5)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert wrong == []
    assert 40 < len(cache) <= 80
    check_sums(cache)
