"""An issuer with 1,000 status lists, in the time of the test clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Final

import pytest

from iiniit_guard import Guard
from iiniit_guard.core.errors import IssuerUnavailable
from iiniit_guard.core.issuer.status_list_limits import ListCalls, ListMemory
from iiniit_guard.core.model.flow import HttpRequest
from iiniit_guard.testing import Issuer
from tests.unit.core.status_lists import asked, make, outcome, server_of

LISTS: Final = 1_000


def make_many() -> tuple[Issuer, Guard, Callable[[int], str]]:
    """Return an issuer that publishes any number of lists, a guard, and what issues its tokens."""
    issuer, guard = make(keys_max_age_seconds=86_400)
    numbers = count()

    def transport(request: HttpRequest):
        if "/lists/" in request.url:
            issuer.status_list.uri = request.url
        return issuer.handle(request)

    def token(number: int) -> str:
        entry = {"idx": next(numbers) % 1024, "uri": f"{issuer.issuer}/lists/{number}"}
        return issuer.token(status={"status_list": entry})

    guard._engine._runner.transport = transport
    issuer.status_list.ttl = None
    return issuer, guard, token


def warm_up(issuer: Issuer, guard: Guard, token: Callable[[int], str], lists: int = LISTS) -> None:
    """Let the guard fetch each list, no faster than it fetches new lists."""
    for number in range(lists):
        issuer.clock.advance(1 / ListCalls.PER_SECOND)
        assert outcome(guard, token(number)) == "accepted"
    assert asked(issuer) == lists


def test_a_thousand_lists_are_fetched_once_each():
    issuer, guard, token = make_many()
    warm_up(issuer, guard, token)

    seen = Counter(outcome(guard, token(number)) for number in range(LISTS))

    assert seen == {"accepted": LISTS}
    assert asked(issuer) == LISTS
    _, status = server_of(guard)
    assert len(status._documents) == LISTS
    assert guard._engine.resource._lists.size <= ListMemory.MAX_BYTES


def test_lists_that_do_not_fit_cause_a_limited_number_of_calls():
    """The tokens name the lists in turn, so each list is evicted before it is named again."""
    issuer, guard, token = make_many()
    issuer.status_list.bits, issuer.status_list.size = 1, 1_000_000
    memory, sent = guard._engine.resource._lists, LISTS + 300
    began, seen = issuer.clock.clock.monotonic(), Counter[str]()

    for number in range(sent):
        issuer.clock.advance(1 / 200)
        seen[outcome(guard, token(number % LISTS))] += 1
        assert memory.size <= ListMemory.MAX_BYTES

    seconds = issuer.clock.clock.monotonic() - began
    assert asked(issuer) <= ListCalls.BURST + ListCalls.PER_SECOND * seconds + 1
    assert set(seen) == {"accepted", "issuer_unavailable"}
    # Every list that was fetched served its token, and those in memory served others.
    assert seen["accepted"] >= asked(issuer)


def test_a_token_beyond_the_limit_is_answered_503_with_a_time():
    _, guard, token = make_many()
    for number in range(ListCalls.BURST):
        assert outcome(guard, token(number)) == "accepted"
    for number in range(ListCalls.BURST, ListCalls.BURST + 5):  # the clock of the test moves a bit
        outcome(guard, token(number))

    with pytest.raises(IssuerUnavailable) as caught:
        guard.verify(token(LISTS))

    assert (caught.value.cause, caught.value.retry_after_seconds) == ("busy", 1)
    assert outcome(guard, token(0)) == "accepted"


def test_many_lists_with_a_short_life_are_refreshed_in_time():
    issuer, guard, token = make_many()
    lists = 400
    warm_up(issuer, guard, token, lists)
    issuer.status_list.ttl = 20
    issuer.clock.advance(300)  # the first lists have ended, and each must be fetched again
    issuer.requests.clear()

    seen: Counter[str] = Counter()
    for number in range(2 * lists):
        issuer.clock.advance(20 / lists)
        seen[outcome(guard, token(number % lists))] += 1

    assert seen == {"accepted": 2 * lists}
    assert asked(issuer) <= 2 * lists + 2


def test_a_revocation_in_a_list_that_was_evicted_is_found():
    issuer, guard, token = make_many()
    issuer.status_list.bits, issuer.status_list.size = 1, 8 * 1024 * 1024
    for number in range(40):  # of one MiB each
        assert outcome(guard, token(number)) == "accepted"
    _, status = server_of(guard)
    assert len(status._documents) < 40

    issuer.status_list.statuses = dict.fromkeys(range(1024), 1)

    assert outcome(guard, token(0)) == "revoked_by_status_list"
