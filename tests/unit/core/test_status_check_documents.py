"""Status lists in memory: what is counted, which leave, and which calls have a place."""

from __future__ import annotations

import pytest

from iiniit_guard.core.issuer.status_list_limits import ListCalls, ListMemory
from tests.unit.core.status_lists import (
    LIST,
    asked,
    fetch_of,
    make,
    make_known,
    outcome,
    server_of,
)


def test_the_size_and_the_kind_of_a_list_are_counted():
    issuer, guard = make()
    issuer.status_list.size = 8_000
    uri, memory = issuer.status_list.uri, guard._engine.resource._lists
    _, status = server_of(guard)
    issuer.fail("503", at=LIST)
    assert outcome(guard, issuer.listed_token()) == "issuer_unavailable"
    assert (memory.size, memory.fetched(status)) == (4096 + len(uri), 0)
    issuer.fail(None)
    issuer.clock.advance(5)
    assert outcome(guard, issuer.listed_token()) == "accepted"
    assert (memory.size, memory.fetched(status)) == (4096 + len(uri) + 2_000, 1)  # two bits each


def test_a_known_list_is_refreshed_while_new_lists_have_all_their_places():
    issuer, guard = make()
    make_known(issuer, guard)
    _, status = server_of(guard)
    for _ in range(ListCalls.PLACES // 2):
        assert status.calls.enter(known=False) is None
    issuer.clock.advance(60)
    assert outcome(guard, issuer.listed_token()) == "accepted"
    assert asked(issuer) == 2


def test_a_probe_that_breaks_off_leaves_the_next_one_to_another_call():
    issuer, guard = make()
    make_known(issuer, guard)
    issuer.fail("connection", at="other")
    for number in range(5):
        fetch_of(guard, f"{issuer.issuer}/lists/{number}")
    issuer.clock.advance(1)  # the breaker admits one probe

    def interrupted(request):
        raise KeyboardInterrupt

    guard._engine._runner.transport, whole = interrupted, guard._engine._runner.transport
    with pytest.raises(KeyboardInterrupt):
        fetch_of(guard, f"{issuer.issuer}/lists/x")
    guard._engine._runner.transport = whole
    issuer.requests.clear()
    fetch_of(guard, f"{issuer.issuer}/lists/y")
    assert issuer.requests == ["other"]


@pytest.mark.parametrize("fetched", [True, False])
def test_of_two_lists_the_one_in_use_stays(fetched):
    memory, dropped = ListMemory(), []
    memory.use("one", "a", ListMemory.MAX_BYTES, lambda: dropped.append("a"), fetched=True)
    memory.use("one", "b", 1, lambda: dropped.append("b"), fetched=fetched)
    assert (dropped, memory.size) == (["a"], 1)


def test_an_issuer_without_lists_has_none_to_lose():
    memory, dropped = ListMemory(), []
    memory.use("one", "a", 1, lambda: dropped.append("a"), fetched=True)
    for size in (1, 2):
        memory.use("two", "b", ListMemory.MAX_BYTES + size, lambda: None, fetched=True)
    assert (dropped, memory.size) == (["a"], ListMemory.MAX_BYTES + 2)
