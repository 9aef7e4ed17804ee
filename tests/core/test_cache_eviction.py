"""Verified tokens: who loses an entry when there is no room."""

from __future__ import annotations

from collections import deque

import pytest

from iiniit_guard.core.cache import TokenCache
from tests.core.caching import digest, entry, fill, held
from tests.core.stepping import NOW, make_clock


@pytest.fixture
def clock():
    return make_clock()


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


def test_of_several_heavy_clients_the_one_that_comes_loses_its_own(clock):
    cache = TokenCache(8, clock.clock)
    fill(cache, "abcd", client="first")
    fill(cache, "efgh", client="second")
    fill(cache, "i", client="second")
    assert held(cache, "abcdefghi") == [*"abcdfghi"]
    fill(cache, "j", client="first")
    assert held(cache, "abcdfghij") == [*"bcdfghij"]


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


def test_an_interrupt_leaves_no_entry_that_nobody_can_evict(clock, monkeypatch):
    """A signal's handler may raise anywhere (SIGALRM as a time limit): what was being kept is then not kept."""
    cache = TokenCache(2, clock.clock)
    fill(cache, "ab")

    def interrupted(newcomer):
        raise KeyboardInterrupt

    monkeypatch.setattr(cache, "_evict", interrupted)
    for number in range(5):
        with pytest.raises(KeyboardInterrupt):
            fill(cache, [number])
    monkeypatch.undo()
    fill(cache, "cd")
    assert held(cache, [*range(5), *"abcd"]) == ["c", "d"]
    assert len(cache) == 2


@pytest.mark.parametrize("disorder", ["no turns", "no queues", "an empty queue", "not in its table"])
def test_a_memory_in_disorder_starts_afresh(clock, disorder):
    """Where such an exception came in the middle of an eviction: a token must not be refused for it, now or later."""
    cache = TokenCache(3, clock.clock)
    for name in "abc":
        fill(cache, name, client=name)
    match disorder:
        case "no turns":
            cache._turns.clear()
        case "no queues":
            cache._queues.clear()
        case "an empty queue":
            cache._queues["a"].first = None
        case _:
            cache._tables[0].clear()
    fill(cache, "d", client="d")
    assert held(cache, "abcd") == ["d"]
    for name in "efg":
        fill(cache, name, client=name)
    assert held(cache, "defg") == ["e", "f", "g"]
    assert len(cache) == 3


def test_a_token_that_comes_again_keeps_its_place(clock):
    """Asking again is not a way to stay."""
    cache = TokenCache(3, clock.clock)
    for name in "abca":
        fill(cache, name, client=name)
    assert len(cache) == len(cache._turns) == 3
    fill(cache, "d", client="d")
    assert held(cache, "abcd") == ["b", "c", "d"]
