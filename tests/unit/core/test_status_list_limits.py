"""Limits on status lists: calls in flight, calls per second, and memory."""

from __future__ import annotations

from iiniit_guard.core.issuer.status_list_limits import ListCalls, ListMemory
from tests.unit.core.stepping import make_clock

PARTS = 256
PART = ListMemory.MAX_BYTES // PARTS
"""The size of a list of which 256 fit."""


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


def test_many_lists_in_memory_have_a_larger_budget():
    clock, kept = make_clock(), [0]
    calls = ListCalls(clock.clock, lambda: kept[0])

    def made(*, known: bool) -> int:
        count = 0
        while calls.enter(known=known) is None:
            calls.leave()
            count += 1
        return count

    kept[0] = 1_600
    clock.advance(3600)
    assert made(known=True) == 1_600
    assert made(known=False) == ListCalls.BURST
    clock.advance(1)
    assert made(known=True) == 1_600 // ListCalls.REFRESH_SECONDS
    assert made(known=False) == ListCalls.PER_SECOND
    kept[0] = 10
    clock.advance(3600)
    assert made(known=True) == ListCalls.RESERVED


def test_the_list_that_was_not_used_longest_leaves():
    memory, dropped = ListMemory(), []

    def use(uri, size=PART):
        memory.use("one", uri, size, lambda: dropped.append(uri), fetched=True)

    for number in range(PARTS):
        use(str(number))
    use("0")
    assert (dropped, memory.size) == ([], ListMemory.MAX_BYTES)

    use("new", 1)
    assert dropped == ["1"]
    use("large", ListMemory.MAX_BYTES - 1)
    assert set(dropped) == {str(number) for number in range(PARTS)}
    assert (len(memory), memory.size) == (2, ListMemory.MAX_BYTES)
    use("too large", ListMemory.MAX_BYTES + 1)
    assert (len(memory), memory.size) == (1, ListMemory.MAX_BYTES + 1)


def test_a_list_that_was_never_fetched_leaves_first():
    memory, dropped = ListMemory(), []

    def use(uri, *, fetched):
        memory.use("one", uri, PART, lambda: dropped.append(uri), fetched=fetched)

    for number in range(PARTS - 2):
        use(str(number), fetched=True)
    for number in range(5):
        use(f"new {number}", fetched=False)
    assert dropped == ["new 0", "new 1", "new 2"]
    assert (memory.fetched("one"), memory.fetched("other")) == (PARTS - 2, 0)

    use("new 4", fetched=True)
    use("new 4", fetched=False)  # of a thread that was slower
    use("last", fetched=True)
    use("more", fetched=True)
    assert dropped[3:] == ["new 3", "0"]
    assert (len(memory), memory.size) == (PARTS, ListMemory.MAX_BYTES)
    assert memory.fetched("one") == PARTS


def test_an_issuer_with_many_lists_drops_its_own():
    memory, dropped = ListMemory(), []

    def use(owner, uri, size):
        memory.use(owner, uri, size, lambda: dropped.append((owner, uri)), fetched=True)

    use("good", "1", PART)
    for number in range(PARTS + 2):
        use("bad", str(number), PART)
    assert dropped == [("bad", "0"), ("bad", "1"), ("bad", "2")]
    for number in range(10):
        use("bad", f"large {number}", ListMemory.MAX_BYTES // 4)
    assert {owner for owner, _ in dropped} == {"bad"}
    # The list that is used now stays, also if its issuer has most.
    use("third", "1", ListMemory.MAX_BYTES - PART)
    assert {owner for owner, _ in dropped} == {"bad"}
    assert (len(memory), memory.size) == (2, ListMemory.MAX_BYTES)


def test_of_issuers_that_have_equally_much_the_one_that_was_not_used_longest_loses():
    memory, dropped = ListMemory(), []
    for number in [*range(PARTS), 0, PARTS]:
        memory.use(number, "x", PART, lambda number=number: dropped.append(number), fetched=True)
    assert dropped == [1]


def test_a_large_list_replaces_the_lists_of_the_largest_issuer_at_each_step():
    memory, dropped = ListMemory(), []
    for owner, count in (("few", 2), ("many", 6), ("most", 8)):
        for number in range(count):
            memory.use(
                owner,
                f"{owner} {number}",
                ListMemory.MAX_BYTES // 16,
                lambda uri=f"{owner} {number}": dropped.append(uri),
                fetched=True,
            )
    memory.use("large", "x", ListMemory.MAX_BYTES // 2, lambda: None, fetched=True)
    assert dropped == [
        *("most 0", "most 1", "many 0", "most 2", "many 1", "most 3", "many 2", "most 4")
    ]


def test_a_list_that_changes_its_size_is_counted_once():
    memory = ListMemory()
    for size in (10, 30, 20):
        memory.use("one", "1", size, lambda: None, fetched=True)
    assert (len(memory), memory.size) == (1, 20)
    memory.reset_after_fork()
    assert len(memory) == 1
