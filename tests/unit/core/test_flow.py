"""Effects and single-flight: many flows share one load."""

from __future__ import annotations

import pytest

from iiniit_guard.core.model.flow import (
    ABANDONED,
    TIMED_OUT,
    Call,
    Fetch,
    HttpRequest,
    HttpResponse,
    SingleFlight,
    StoreSet,
    Unreachable,
)
from tests.unit.core.stepping import DOWN, Steps

REQUEST = HttpRequest(
    "POST", "https://issuer.test/", (("Authorization", "canary"),), b"token=canary"
)


def load():
    return (yield Fetch(REQUEST))


def shared(flights, key="k", start=load, timeout=5.0):
    return Steps(flights.share(key, start, timeout))


@pytest.fixture
def flights():
    return SingleFlight()


@pytest.mark.parametrize("outcome", [HttpResponse(200), DOWN], ids=["an answer", "a failure"])
def test_one_load_for_all_who_ask_meanwhile(flights, outcome):
    """Concurrent loads of one key share one call, also if it fails."""
    leader, followers = shared(flights), [shared(flights) for _ in range(3)]
    assert leader.fetch is REQUEST
    assert {follower.join.timeout_seconds for follower in followers} == {5.0}
    assert not followers[0].join.load.done()
    leader.send(outcome)
    assert [steps.result for steps in (leader, *(follower.follow() for follower in followers))] == [
        outcome
    ] * 4
    assert len(flights) == 0


def test_keys_do_not_wait_for_each_other(flights):
    one, other = shared(flights, "one"), shared(flights, "other")
    assert one.fetch is other.fetch is REQUEST
    assert len(flights) == 2
    other.send(1)
    assert one.send(2).result == 2
    assert len(flights) == 0


def test_whoever_comes_after_the_end_loads_anew(flights):
    shared(flights).send(1)
    assert shared(flights).fetch is REQUEST


def test_a_cancelled_leader_hands_over_to_one_of_those_who_wait(flights):
    leader, first, second = shared(flights), shared(flights), shared(flights)
    load_of_leader = first.join.load
    leader.close()
    assert load_of_leader.result(0) is ABANDONED
    assert first.follow().fetch is REQUEST
    assert second.follow().join.load is not load_of_leader
    first.send("found")
    assert second.follow().result == "found"
    assert len(flights) == 0


def test_a_leader_that_fails_in_its_own_code_hands_over_too(flights):
    leader, follower = shared(flights), shared(flights)
    with pytest.raises(TypeError):
        leader.throw(TypeError())
    assert follower.follow().fetch is REQUEST


def test_a_follower_that_is_cancelled_harms_nobody(flights):
    leader, gone, follower = shared(flights), shared(flights), shared(flights)
    assert not gone.join.load.cancel(), "a load that runs cannot be cancelled by who waits for it"
    gone.close()
    leader.send("found")
    assert follower.follow().result == "found"


def test_a_leader_that_outlives_every_deadline_is_replaced(flights):
    leader, follower = shared(flights), shared(flights)
    follower.send(TIMED_OUT)
    assert follower.cause == "timeout"
    successor, waiting = shared(flights), shared(flights)
    assert successor.fetch is REQUEST
    assert leader.send("late").result == "late"
    assert not waiting.join.load.done(), "the late one does not answer for its successor"
    successor.send("in time")
    assert waiting.follow().result == "in time"


def test_a_forked_child_starts_with_an_empty_table(flights):
    parents = shared(flights)
    flights._lock.acquire()
    flights.reset_after_fork()
    child = shared(flights)
    assert child.fetch is REQUEST
    parents.send("the parent's")
    assert len(flights) == 1
    assert child.send("the child's").result == "the child's"


def test_no_repr_shows_a_credential_a_token_or_an_answer():
    shown = [
        REQUEST,
        Fetch(REQUEST),
        HttpResponse(200, (), b"canary"),
        Call(print, ("canary",)),
        StoreSet("name", b"canary", 1.0),
    ]
    assert "canary" not in repr(shown)


def test_the_first_value_of_a_header_counts():
    response = HttpResponse(200, (("a", "1"), ("a", "2")))
    assert response.header("a") == "1"
    assert response.header("b") is None


def test_an_outage_may_be_asked_about_again_after_a_second():
    assert Unreachable("tls", "x").retry_after_seconds == 1.0


def test_a_leader_that_ends_before_its_load_began_hands_over(flights):
    """A request that is cancelled between the two halves of its decision must not make
    others wait.
    """
    leading, waiting = flights.share("k", load, 5.0), flights.share("k", load, 5.0)
    lead, join = next(leading), next(waiting)
    leading.close()
    assert join.load.result(0) is ABANDONED
    assert len(flights) == 0
    with pytest.raises(StopIteration) as late:
        next(lead.start())
    assert late.value.value is ABANDONED, "nobody waits for this load: it does not begin"
