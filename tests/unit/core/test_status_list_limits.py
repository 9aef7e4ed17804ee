"""Limits on status lists: calls in flight, calls per second, and memory."""

from __future__ import annotations

from iiniit_guard.core.issuer.status_list_limits import ListCalls, ListMemory
from tests.unit.core.stepping import make_clock


def test_new_lists_get_half_of_the_places():
    calls = ListCalls(make_clock().clock)
    half = ListCalls.PLACES // 2
    assert [calls.enter(known=False) for _ in range(half)] == [None] * half
    assert calls.refusal(known=False) is not None
    assert calls.enter(known=False) is not None
    assert calls.refusal(known=True) is None
    assert [calls.enter(known=True) for _ in range(half)] == [None] * half
    assert calls.enter(known=True) is not None
    assert calls.in_flight == ListCalls.PLACES

    calls.leave()
    assert calls.enter(known=True) is None


def test_the_rate_is_limited_and_known_lists_have_a_part_of_it():
    clock = make_clock()
    calls = ListCalls(clock.clock)

    def made(*, known: bool) -> int:
        for count in range(10_000):
            if calls.enter(known=known) is not None:
                return count
            calls.leave()
        return 10_000

    assert made(known=False) == ListCalls.BURST
    assert made(known=True) == ListCalls.RESERVED
    clock.advance(1)
    assert made(known=True) == ListCalls.PER_SECOND
    clock.advance(3600)
    assert made(known=False) == ListCalls.BURST


def test_a_fork_has_no_calls_in_flight():
    calls = ListCalls(make_clock().clock)
    assert calls.enter(known=True) is None
    calls.reset_after_fork()
    assert calls.in_flight == 0


def test_the_list_that_was_not_used_longest_leaves():
    memory, dropped = ListMemory(), []
    for number in range(ListMemory.MAX_LISTS):
        memory.use(number, 1, lambda number=number: dropped.append(number))
    memory.use(0, 1, lambda: dropped.append(0))
    assert dropped == []

    memory.use("new", 1, lambda: None)
    assert dropped == [1]
    memory.use("large", ListMemory.MAX_BYTES - 1, lambda: dropped.append("large"))
    assert set(dropped) == {*range(ListMemory.MAX_LISTS)}
    assert (len(memory), memory.size) == (2, ListMemory.MAX_BYTES)


def test_a_list_that_changes_its_size_is_counted_once():
    memory = ListMemory()
    for size in (10, 30, 20):
        memory.use("one", size, lambda: None)
    assert (len(memory), memory.size) == (1, 20)
    memory.reset_after_fork()
    assert len(memory) == 1
