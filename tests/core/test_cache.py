"""Verified tokens: when an entry counts, who loses one when there is no room, and that reads need no lock."""

from __future__ import annotations

import threading
from collections import deque
from hashlib import sha256

import pytest

from iiniit_guard.core import cache as module
from iiniit_guard.core.access_token import AccessToken
from iiniit_guard.core.cache import Remembered, TokenCache, Voucher, digest_of
from tests.core.stepping import NOW, make_clock

FOR_EVER = float("inf")


@pytest.fixture
def clock():
    return make_clock()


def token_of(client=None, name="t"):
    return AccessToken("https://issuer.test", subject=name, client_id=client)


def entry(client=None, *, begins=0.0, ends=FOR_EVER, ends_monotonic=FOR_EVER, voucher=None, name="t"):
    return Remembered(token_of(client, name), begins, ends, ends_monotonic, voucher or Voucher())


def digest(name):
    return digest_of(str(name))


def fill(cache, names, client=None):
    for name in names:
        cache.keep(digest(name), entry(client))


def held(cache, names):
    return [name for name in names if digest(name) in cache._tables[digest(name)[0]]]


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


def test_the_oldest_goes_first(clock):
    """DESIGN §5: FIFO; the bound holds."""
    cache = TokenCache(3, clock.clock)
    for number in range(3):
        fill(cache, [number], client=str(number))
    fill(cache, [3], client="3")
    assert held(cache, range(4)) == [1, 2, 3]
    assert len(cache) == 3
    assert len(cache._queues) == 3


def test_a_hit_gives_a_second_chance_once(clock):
    """DESIGN §5."""
    cache = TokenCache(3, clock.clock)
    fill(cache, "abc")
    cache.recall(digest("a"))
    fill(cache, "d")
    assert held(cache, "abcd") == ["a", "c", "d"]
    fill(cache, "e")
    assert held(cache, "acde") == ["a", "d", "e"]
    fill(cache, "f")
    assert held(cache, "adef") == ["d", "e", "f"]


def test_an_entry_that_no_longer_counts_is_not_kept_by_asking_for_it(clock):
    cache = TokenCache(2, clock.clock)
    cache.keep(digest("a"), entry(ends=NOW))
    fill(cache, "b")
    assert cache.recall(digest("a")) is None
    fill(cache, "c")
    assert held(cache, "abc") == ["b", "c"]


def test_where_everything_was_used_one_eviction_still_ends_soon(clock):
    cache = TokenCache(200, clock.clock)
    fill(cache, range(200))
    for number in range(200):
        cache.recall(digest(number))
    fill(cache, ["new"])
    assert held(cache, [*range(200), "new"]) == [*range(32), *range(33, 200), "new"]


class _Counting(deque):
    """Turns that count how often one is taken."""

    taken = 0

    def popleft(self):
        self.taken += 1
        return super().popleft()


def test_turns_that_were_lost_are_passed_over_a_few_at_a_time(clock):
    """One client fills all but one place, and is pushed back to its quarter; nobody pays for all those turns at once."""
    cache = TokenCache(400, clock.clock)
    cache._turns = _Counting()
    fill(cache, range(399), client="heavy")
    most = 0
    for number in range(399, 1200):
        before = cache._turns.taken
        fill(cache, [number], client=f"client {number}")
        most = max(most, cache._turns.taken - before)
        assert len(cache) == 400
        assert len(cache._turns) == sum(queue.count + queue.passed_over for queue in cache._queues.values())
    assert most == 33


def test_no_table_holds_more_than_its_part(clock):
    """A `dict` is rebuilt as a whole now and then: in 50 ms where it holds a million."""
    cache = TokenCache(65_536, clock.clock)
    fill(cache, range(65_536))
    assert max(map(len, cache._tables)) < 65_536 / 16 * 1.1


def test_what_ends_all_at_one_moment_goes_one_at_a_time(clock):
    """Nobody who comes next pays for sweeping up what others left."""
    cache = TokenCache(200, clock.clock)
    for number in range(200):
        cache.keep(digest(number), entry(ends=NOW + 60, ends_monotonic=clock.monotonic() + 60))
    clock.advance(60)
    assert cache.recall(digest(0)) is None
    fill(cache, ["new"])
    assert held(cache, [*range(200), "new"]) == [*range(1, 200), "new"]


def test_a_client_over_a_quarter_loses_its_own(clock):
    """DESIGN §5: one client's tokens hold at most a quarter while others want room."""
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
    assert held(cache, ["v1", "v2", 48, 49]) == ["v2", 48, 49], "nobody is over a quarter: the oldest goes"


def test_the_order_of_turns_survives_turns_lost_out_of_turn(clock):
    cache = TokenCache(8, clock.clock)
    fill(cache, range(8), client="heavy")
    for name in "abcdef":
        fill(cache, [name], client=name)
    assert held(cache, range(8)) == [6, 7]
    fill(cache, ["x"], client="x")
    assert held(cache, [6, 7, *"abcdefx"]) == [7, *"abcdefx"]
    fill(cache, ["y"], client="y")
    assert held(cache, [7, *"abcdefxy"]) == [*"abcdefxy"]
    assert "heavy" not in cache._queues
    fill(cache, ["z"], client="z")
    assert held(cache, "abcdefxyz") == [*"bcdefxyz"]


def test_a_client_that_lost_everything_out_of_turn_leaves_nothing_behind(clock):
    cache = TokenCache(4, clock.clock)
    for round_ in range(60):
        fill(cache, [f"{round_}-{number}" for number in range(round_ % 5 + 1)], client=f"client {round_ % 7}")
        assert len(cache) <= 4
        assert sum(queue.count for queue in cache._queues.values()) == len(cache)
        assert len(cache._turns) == sum(queue.count + queue.passed_over for queue in cache._queues.values())
        assert {client for client, queue in cache._queues.items() if queue.count > 1} == cache._heavy


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_smallest_bounds_hold(clock, size):
    cache = TokenCache(size, clock.clock)
    for number in range(20):
        fill(cache, [number], client=str(number % 3))
        assert cache.recall(digest(number)) is not None
        assert len(cache) == min(size, number + 1)


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


def test_a_client_with_one_entry_keeps_it_through_all_the_turns_it_lost(clock):
    """The bound on lost turns must not take its last entry while turns of it are left: they would be nobody's."""
    cache = TokenCache(8, clock.clock)
    fill(cache, ["mine"], "lost")
    fill(cache, range(7), "other")
    cache._queues["lost"].passed_over = 40
    cache._turns.extendleft(["lost"] * 40)
    cache._heavy.clear()

    fill(cache, ["new"], "newcomer")

    assert held(cache, ["mine", "new"]) == ["new"], "its own turn came, after those that it had lost"
    assert "lost" not in cache._queues
    assert len(cache._turns) == sum(queue.count + queue.passed_over for queue in cache._queues.values())
