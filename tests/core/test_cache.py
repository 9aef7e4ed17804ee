"""Verified tokens: when an entry counts, and that reads need no lock."""

from __future__ import annotations

import threading
from hashlib import sha256

import pytest

from iiniit_guard.core import cache as module
from iiniit_guard.core.cache import TokenCache, Voucher, digest_of
from tests.core.caching import digest, entry, fill, held
from tests.core.stepping import NOW, make_clock


@pytest.fixture
def clock():
    return make_clock()


def test_the_key_is_the_tokens_sha_256():
    """DESIGN §5: no cache holds a token."""
    assert digest_of("abc") == sha256(b"abc").digest()
    assert digest_of("abc", "https://issuer.test") == sha256(b"https://issuer.test\nabc").digest()


def test_it_is_found_by_its_digest(clock):
    cache = TokenCache(4, clock.clock)
    remembered = entry()
    cache.keep(digest("a"), remembered)
    assert cache.recall(digest("a")) is remembered.token
    assert cache.find(digest("a")) is remembered
    assert cache.recall(digest("b")) is None
    assert cache.find(digest("b")) is None
    assert len(cache) == 1


def test_tokens_of_one_second_share_their_moments(clock, monkeypatch):
    """PERFORMANCE: memory per token."""
    monkeypatch.setattr(module, "_MOMENTS", 6)
    cache = TokenCache(8, clock.clock)
    for name in "abcd":
        at = 0 if name in "ab" else ord(name)
        cache.keep(digest(name), entry(begins=at + 0.5, ends=NOW + at + 60.5, ends_monotonic=at + 1e6 + 0.5))
        assert len(cache._moments) <= module._MOMENTS
    first, second, third = (cache._tables[digest(name)[0]][digest(name)] for name in "abc")
    assert first.begins is second.begins
    assert first.ends is second.ends
    assert first.ends_monotonic is second.ends_monotonic
    assert third.ends == NOW + ord("c") + 60.5


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
def test_either_clock_ends_an_entry(clock, wall, monotonic, good):
    """DESIGN §5."""
    cache = TokenCache(4, clock.clock)
    cache.keep(digest("a"), entry(begins=NOW - 30, ends=NOW + 60, ends_monotonic=clock.monotonic() + 60))
    clock.advance(monotonic)
    clock.set_wall(NOW + wall)
    assert (cache.recall(digest("a")) is not None) is good
    assert (cache.remaining(digest("a")) > 0) is (good or wall < -30)


def test_what_remains_is_counted_by_the_clock_that_says_less(clock):
    cache = TokenCache(4, clock.clock)
    cache.keep(digest("a"), entry(ends=NOW + 60, ends_monotonic=clock.monotonic() + 50))
    assert cache.remaining(digest("a")) == 50
    clock.set_wall(NOW + 20)
    assert cache.remaining(digest("a")) == 40
    assert cache.remaining(digest("b")) == 0


def test_what_a_withdrawn_key_vouched_for_is_gone_at_once(clock):
    """DESIGN §5."""
    cache, voucher = TokenCache(4, clock.clock), Voucher()
    cache.keep(digest("a"), entry(voucher=voucher))
    cache.keep(digest("b"), entry())
    voucher.valid = False
    assert cache.recall(digest("a")) is None
    assert cache.remaining(digest("a")) == 0
    assert cache.recall(digest("b")) is not None


def test_a_second_answer_takes_the_place_of_the_first(clock):
    """An active client that asks again must not gain a place in the order by it."""
    cache, voucher = TokenCache(3, clock.clock), Voucher()
    fill(cache, "abc")
    fresh = entry(begins=1, ends=NOW + 9, ends_monotonic=clock.monotonic() + 9, voucher=voucher, name="fresh")
    cache.keep(digest("a"), fresh)
    fill(cache, "b")
    assert cache.remaining(digest("a")) == 9
    assert cache.recall(digest("a")) is fresh.token
    voucher.valid = False
    assert cache.recall(digest("a")) is None
    assert len(cache) == 3
    fill(cache, "de")
    assert held(cache, "abcde") == ["a", "d", "e"], "a was used once, b and c never"


def test_a_dropped_token_is_gone_and_can_come_back(clock):
    cache = TokenCache(4, clock.clock)
    assert cache.drop(digest("a")) is None
    fill(cache, "a")
    dropped = cache.drop(digest("a"))
    assert dropped is not None
    assert cache.recall(digest("a")) is None
    assert not cache.was_active(digest("a"))
    fill(cache, "a")
    assert cache.recall(digest("a")) is not None


@pytest.mark.parametrize(("seconds", "known"), [(0, True), (3599, True), (3600, False), (3601, False)])
def test_good_within_the_last_hour(clock, seconds, known):
    """DESIGN §5: places for calls are kept for tokens that were active in the last hour."""
    cache = TokenCache(4, clock.clock)
    cache.keep(digest("a"), entry(ends_monotonic=clock.monotonic()))
    clock.advance(seconds)
    assert cache.was_active(digest("a")) is known
    assert not cache.was_active(digest("b"))


def test_clearing_forgets_everything(clock):
    cache = TokenCache(4, clock.clock)
    fill(cache, range(9), client="c")
    cache.clear()
    assert len(cache) == 0
    fill(cache, range(9), client="c")
    assert held(cache, range(9)) == [5, 6, 7, 8]


def test_a_forked_child_takes_a_fresh_lock_and_keeps_what_was_learned(clock):
    cache = TokenCache(4, clock.clock)
    fill(cache, "a")
    cache._lock.acquire()
    cache.reset_after_fork()
    fill(cache, "b")
    assert held(cache, "ab") == ["a", "b"]


def test_reads_without_a_lock_stand_up_to_writers(clock):
    """TRAPS C2: an unlocked read may miss; it never raises, and never gives another token's."""
    cache, wrong = TokenCache(16, clock.clock), []
    start = threading.Barrier(4)

    def write(part):
        start.wait(5)
        for number in range(4000):
            name = number * 2 + part
            cache.keep(digest(name % 40), entry(f"c{name % 5}", name=str(name % 40)))
            if number % 7 == 0:
                cache.drop(digest((number * 3) % 40))

    def read():
        start.wait(5)
        for number in range(8000):
            found = cache.recall(digest(number % 40))
            if found is not None and found.subject != str(number % 40):
                wrong.append(number)

    threads = [
        threading.Thread(target=write, args=(0,)),
        threading.Thread(target=write, args=(1,)),
        *(threading.Thread(target=read) for _ in "ab"),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert wrong == []
    assert len(cache) == 16
