"""Protection of the authorization server: the call limiter and the circuit breaker."""

from __future__ import annotations

import pytest

from iiniit_guard.core.issuer.limits import CallLimiter, CircuitBreaker
from iiniit_guard.core.model.flow import HttpResponse, Unreachable

DOWN = Unreachable("connection", "refused")


@pytest.fixture
def breaker(clock):
    return CircuitBreaker(clock.clock)


def fail(breaker, times=1, outcome=DOWN):
    for _ in range(times):
        breaker.record(outcome, known=True)


def is_closed(breaker):
    return breaker.refusal(5.0) is None


@pytest.mark.parametrize("cause", ["connection", "dropped", "tls", "timeout"])
def test_what_concerns_the_server_alone_opens_it(breaker, cause):
    fail(breaker, 4, Unreachable(cause, "x"))
    assert is_closed(breaker)
    fail(breaker, 1, Unreachable(cause, "x"))
    refusal = breaker.refusal(5.0)
    assert refusal is not None
    assert (refusal.cause, refusal.retry_after_seconds) == ("waiting", 1.0)


@pytest.mark.parametrize(
    "outcome",
    [
        *(HttpResponse(status) for status in (200, 400, 401, 403, 404, 429, 500, 503)),
        *(
            Unreachable(cause, "x")
            for cause in (
                "protocol",
                "too_large",
                "answer",
                "credentials",
                "busy",
                "waiting",
                "file",
            )
        ),  # each is one
    ],
    ids=lambda outcome: str(outcome.status) if isinstance(outcome, HttpResponse) else outcome.cause,
)
def test_no_status_and_no_answer_ever_opens_it(breaker, outcome):
    """A junk token makes some servers answer 400 or 500, so a caller could open the breaker."""
    fail(breaker, 100, outcome)
    assert is_closed(breaker)
    fail(breaker, 4)
    breaker.record(outcome, known=True)
    fail(breaker, 4)
    assert is_closed(breaker)


def test_it_probes_one_call_at_a_time_before_it_closes(breaker, clock):
    fail(breaker, 5)
    clock.advance(0.999)
    assert not is_closed(breaker)
    clock.advance(0.001)
    assert is_closed(breaker), "the probe"
    assert not is_closed(breaker), "while it runs"
    breaker.record(HttpResponse(503), known=False)
    assert is_closed(breaker)
    assert is_closed(breaker)


def test_a_probe_that_never_reports_makes_room_for_another(breaker, clock):
    fail(breaker, 5)
    clock.advance(1)
    assert is_closed(breaker)
    clock.advance(4.999)
    assert not is_closed(breaker)
    clock.advance(0.001)
    assert is_closed(breaker)


def test_a_probe_that_ended_without_an_outcome_is_made_again_at_once(breaker, clock):
    """A call that could not be made (limit, unreadable secret) must not delay other tokens."""
    fail(breaker, 5)
    clock.advance(1)
    assert is_closed(breaker)
    breaker.abandon()
    assert is_closed(breaker)


def test_a_connection_that_a_strangers_token_lost_says_nothing(breaker, clock):
    """A firewall may close the connection for some tokens: an attacker could open the breaker."""
    dropped = Unreachable("dropped", "x")
    for _ in range(100):
        breaker.record(dropped, known=False)
    assert is_closed(breaker)
    fail(breaker, 5)
    clock.advance(1)
    assert is_closed(breaker), "a probe"
    breaker.record(dropped, known=False)
    assert breaker.is_open
    assert is_closed(breaker), "the next probe, at once"


def test_calls_that_were_under_way_when_it_opened_do_not_lengthen_the_pause(breaker, clock):
    """Otherwise 32 concurrent calls of an attacker would lengthen the pause from 1 s to 15 s."""
    fail(breaker, 32)
    clock.advance(1)
    assert is_closed(breaker)
    fail(breaker)
    assert breaker.seconds_left == 2


def test_each_failed_probe_doubles_the_pause_up_to_15_seconds(breaker, clock):
    fail(breaker, 5)
    for pause in (1, 2, 4, 8, 15, 15):
        refusal = breaker.refusal(5.0)
        assert refusal is not None
        assert refusal.retry_after_seconds == pause
        clock.advance(pause - 0.001)
        assert not is_closed(breaker)
        clock.advance(0.001)
        assert is_closed(breaker)
        fail(breaker)


def test_success_forgets_pauses_and_failures(breaker, clock):
    fail(breaker, 5)
    clock.advance(1)
    assert is_closed(breaker)
    fail(breaker)
    clock.advance(2)
    assert is_closed(breaker)
    breaker.record(HttpResponse(200), known=False)
    fail(breaker, 4)
    assert is_closed(breaker)
    fail(breaker)
    clock.advance(1)
    assert is_closed(breaker), "the first pause is 1 s again"


def test_a_forked_child_takes_a_fresh_lock_and_keeps_what_was_learned(breaker):
    fail(breaker, 5)
    breaker._lock.acquire()
    breaker.reset_after_fork()
    assert not is_closed(breaker)


def test_sixty_four_calls_of_which_strangers_get_half():
    calls = CallLimiter()
    assert [calls.enter(known=False) for _ in range(33)] == [True] * 32 + [False]
    assert [calls.enter(known=True) for _ in range(33)] == [True] * 32 + [False]
    calls.leave(known=True)
    assert not calls.enter(known=False), "the free place is not for strangers"
    assert calls.enter(known=True)
    calls.leave(known=False)
    assert calls.enter(known=False)
    assert not calls.enter(known=True)


def test_known_tokens_may_have_all_places():
    calls = CallLimiter()
    assert [calls.enter(known=True) for _ in range(65)] == [True] * 64 + [False]
    assert not calls.enter(known=False)


def test_a_forked_child_has_no_call_in_flight():
    calls = CallLimiter()
    while calls.enter(known=True):
        pass
    calls._lock.acquire()
    calls.reset_after_fork()
    assert [calls.enter(known=False) for _ in range(33)] == [True] * 32 + [False]
