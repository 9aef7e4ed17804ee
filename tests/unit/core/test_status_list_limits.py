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

    def use(uri, size=1):
        memory.use("one", uri, size, lambda: dropped.append(uri), fetched=True)

    for number in range(ListMemory.MAX_LISTS):
        use(str(number))
    use("0")
    assert dropped == []

    use("new")
    assert dropped == ["1"]
    use("large", ListMemory.MAX_BYTES - 1)
    assert set(dropped) == {str(number) for number in range(ListMemory.MAX_LISTS)}
    assert (len(memory), memory.size) == (2, ListMemory.MAX_BYTES)
    use("too large", ListMemory.MAX_BYTES + 1)
    assert (len(memory), memory.size) == (1, ListMemory.MAX_BYTES + 1)


def test_a_list_that_was_never_fetched_leaves_first():
    memory, dropped = ListMemory(), []

    def use(uri, *, fetched):
        memory.use("one", uri, 1, lambda: dropped.append(uri), fetched=fetched)

    for number in range(ListMemory.MAX_LISTS - 2):
        use(str(number), fetched=True)
    for number in range(5):
        use(f"new {number}", fetched=False)
    assert dropped == ["new 0", "new 1", "new 2"]

    use("new 4", fetched=True)
    use("new 4", fetched=False)  # of a thread that was slower
    use("last", fetched=True)
    use("more", fetched=True)
    assert dropped[3:] == ["new 3", "0"]
    assert len(memory) == memory.size == ListMemory.MAX_LISTS


def test_an_issuer_with_many_lists_drops_its_own():
    memory, dropped = ListMemory(), []

    def use(owner, uri, size):
        memory.use(owner, uri, size, lambda: dropped.append((owner, uri)), fetched=True)

    use("good", "1", 1000)
    for number in range(ListMemory.MAX_LISTS + 2):
        use("bad", str(number), 1)
    assert dropped == [("bad", "0"), ("bad", "1"), ("bad", "2")]
    for number in range(10):
        use("bad", f"large {number}", ListMemory.MAX_BYTES // 4)
    assert {owner for owner, _ in dropped} == {"bad"}
    # The list that is used now stays, also if its issuer has most.
    use("third", "1", ListMemory.MAX_BYTES - 1000)
    assert {owner for owner, _ in dropped} == {"bad"}
    assert (len(memory), memory.size) == (2, ListMemory.MAX_BYTES)


def test_of_issuers_that_have_equally_many_the_one_that_was_not_used_longest_loses():
    memory, dropped = ListMemory(), []
    for number in [*range(ListMemory.MAX_LISTS), 0, ListMemory.MAX_LISTS]:
        memory.use(number, "x", 1, lambda number=number: dropped.append(number), fetched=True)
    assert dropped == [1]


def test_a_list_that_changes_its_size_is_counted_once():
    memory = ListMemory()
    for size in (10, 30, 20):
        memory.use("one", "1", size, lambda: None, fetched=True)
    assert (len(memory), memory.size) == (1, 20)
    memory.reset_after_fork()
    assert len(memory) == 1
