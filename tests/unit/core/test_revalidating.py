"""A revalidated document: fresh, refreshed ahead, stale while the server fails."""

from __future__ import annotations

import pytest

from iiniit_guard.core.issuer.revalidating import RevalidatedDocument
from iiniit_guard.core.model.flow import TIMED_OUT, Fetch, HttpRequest, Unreachable
from tests.unit.core.stepping import DOWN, Steps

LIFE, STALE, LONGEST_WAIT, TIMEOUT = 600.0, 3600.0, 30.0, 15.0


def load():
    return (yield Fetch(HttpRequest("GET", "https://issuer.test/")))


def make_kept(clock, jitter=0.0, stale=STALE):
    return RevalidatedDocument(
        "document",
        load,
        stale_seconds=stale,
        longest_wait_seconds=LONGEST_WAIT,
        timeout_seconds=TIMEOUT,
        clock=clock.clock,
        random=lambda: jitter,
    )


@pytest.fixture
def kept(clock):
    return make_kept(clock)


def obtain(kept):
    return Steps(kept.get())


def begin(kept, document="first"):
    """Load the first document."""
    assert obtain(kept).send((document, LIFE)).result == document


def is_refreshed(kept, document="first"):
    """Return whether a caller is served at once and a background refresh is started."""
    steps = obtain(kept)
    if steps.ended:
        assert steps.result == document
        return None
    later = steps.later
    assert steps.send(None).result == document
    return Steps(later.start())


def test_it_is_loaded_once_and_served_from_memory(kept, clock):
    assert kept.age == float("inf")
    steps = obtain(kept)
    assert kept.loading
    assert steps.send(("first", LIFE)).result == "first"
    assert not kept.loading
    clock.advance(479.999)
    assert obtain(kept).result == "first"


def test_two_who_ask_first_share_one_load(kept):
    leader, follower = obtain(kept), obtain(kept)
    assert follower.join.timeout_seconds == TIMEOUT
    leader.send(("first", LIFE))
    assert follower.follow().result == "first"


@pytest.mark.parametrize(
    ("jitter", "seconds", "refreshes"),
    [
        (0.0, 479.9, False),
        (0.0, 480.0, True),
        (1.0, 480.0, False),
        (1.0, 539.9, False),
        (1.0, 540.1, True),
        (0.5, 511.0, True),
    ],
)
def test_it_is_refreshed_ahead_at_80_percent_with_jitter(clock, jitter, seconds, refreshes):
    """The refresh runs outside the request, so no request waits for it."""
    kept = make_kept(clock, jitter)
    begin(kept)
    clock.advance(seconds)
    assert (is_refreshed(kept) is not None) is refreshes


def test_one_refresh_at_a_time(kept, clock):
    begin(kept)
    clock.advance(480)
    refresh = is_refreshed(kept)
    assert refresh is not None
    assert is_refreshed(kept) is None
    refresh.send(("second", LIFE))
    assert obtain(kept).result == "second"
    clock.advance(479)
    assert is_refreshed(kept, "second") is None
    clock.advance(1)
    assert is_refreshed(kept, "second") is not None


def test_a_refresh_that_never_ran_does_not_end_refreshing(kept, clock):
    """The tasks of a closed event loop never run."""
    begin(kept)
    clock.advance(480)
    assert is_refreshed(kept) is not None
    clock.advance(TIMEOUT - 0.001)
    assert is_refreshed(kept) is None
    clock.advance(0.001)
    assert is_refreshed(kept) is not None


def test_nobody_waits_for_a_refresh_that_outlasts_the_end(kept, clock):
    begin(kept)
    clock.advance(599)
    refresh = is_refreshed(kept)
    assert refresh is not None
    clock.advance(1)
    assert obtain(kept).result == "first"
    clock.advance(13.999)
    assert obtain(kept).result == "first"
    clock.advance(0.001)
    assert obtain(kept).join.load is not None, (
        "for as long as one call may take; then they wait for it"
    )
    assert refresh.send(("second", LIFE)).result == "second"


def test_a_clock_that_jumped_ahead_ends_it_even_while_it_is_refreshed(kept, clock):
    """The wall clock alone can end it."""
    begin(kept)
    clock.advance(599)
    refresh = is_refreshed(kept)
    assert refresh is not None
    clock.set_wall(clock.wall() + 86_400)
    assert obtain(kept).join


def test_the_age_counts_from_the_moment_the_request_was_sent(kept, clock):
    """A slow answer does not extend it."""
    steps = obtain(kept)
    clock.advance(100)
    steps.send(("first", LIFE))
    assert kept.age == 100
    clock.advance(380)
    assert is_refreshed(kept) is not None


@pytest.mark.parametrize("move", ["wall", "monotonic"])
def test_either_clock_ends_it(kept, clock, move):
    begin(kept)
    if move == "wall":
        clock.set_wall(clock.wall() + LIFE)
    else:
        clock.advance(LIFE)
        clock.set_wall(clock.wall() - 2 * LIFE)
    assert obtain(kept).fetch


def test_the_last_good_one_serves_while_the_server_fails_then_none(kept, clock):
    """The document is used until `stale` seconds after its expiry."""
    begin(kept)
    clock.advance(LIFE)
    assert obtain(kept).send(DOWN).result == "first"
    assert kept.failure is not None
    assert kept.failure.cause == DOWN.cause
    clock.advance(STALE - 0.001)
    retry = is_refreshed(kept)
    assert retry is not None, (
        "off the request path: a server that hangs must not hold up a caller at each retry"
    )
    assert is_refreshed(kept) is None, "one at a time"
    retry.send(DOWN)
    assert kept.usable
    clock.advance(0.001)
    assert not kept.usable
    steps = obtain(kept)
    assert (steps.cause, steps.result.detail) == (
        "waiting",
        "document: the last attempt failed (refused)",
    )
    clock.advance(LONGEST_WAIT)
    assert obtain(kept).send(DOWN).cause == DOWN.cause
    clock.advance(LONGEST_WAIT)
    assert obtain(kept).send(("second", LIFE)).result == "second"
    assert kept.failure is None


def test_failed_attempts_are_spread_out(kept, clock):
    """The wait is 5 s, doubling to its maximum; no request is sent in between."""
    for wait in (5, 10, 20, 30, 30):
        steps = obtain(kept).send(DOWN)
        assert steps.cause == DOWN.cause
        assert steps.result.retry_after_seconds == kept.retry_after == wait, (
            "whoever came back sooner would come in vain"
        )
        clock.advance(wait - 0.001)
        steps = obtain(kept)
        assert steps.cause == "waiting"
        assert steps.result.retry_after_seconds == 1.0
        clock.advance(0.001)
    obtain(kept).send(("first", LIFE))
    clock.advance(LIFE)
    obtain(kept).send(DOWN)
    assert kept.retry_after == 5, "a success forgets the failures"


def test_failures_never_overflow(kept, clock):
    for _ in range(40):
        obtain(kept).send(DOWN)
        clock.advance(LONGEST_WAIT)
    assert obtain(kept).send(DOWN).cause == DOWN.cause


@pytest.mark.parametrize(("asked", "waited"), [(1.0, 5), (12.0, 12), (60.0, LONGEST_WAIT)])
def test_retry_after_is_heeded_up_to_the_longest_wait(kept, asked, waited):
    """RFC 9110 §10.2.3."""
    obtain(kept).send(Unreachable("answer", "429", asked))
    assert kept.retry_after == waited


def test_a_failed_refresh_ahead_waits_too_and_serves_on(kept, clock):
    begin(kept)
    clock.advance(480)
    refresh = is_refreshed(kept)
    assert refresh is not None
    refresh.send(DOWN)
    assert is_refreshed(kept) is None
    clock.advance(5)
    assert is_refreshed(kept) is not None


def test_whoever_comes_to_lead_after_another_loaded_does_not_load_again(kept):
    first, second = obtain(kept), obtain(kept)
    first.close()
    late = Steps(kept.load())
    assert late.fetch
    late.send(("found", LIFE))
    assert second.follow().result == "found"


def test_an_answer_that_was_overtaken_brings_nothing_back(kept, clock):
    """The leader hung so long that the other requests stopped waiting and fetched again."""
    stuck, waiting = obtain(kept), obtain(kept)
    waiting.send(TIMED_OUT)
    assert waiting.cause == "timeout"
    clock.advance(1)
    begin(kept, "newer")
    assert stuck.send(("older", LIFE)).result == "newer"
    assert kept.value == "newer"


def test_a_failure_that_was_overtaken_is_none(kept, clock):
    stuck, waiting = obtain(kept), obtain(kept)
    waiting.send(TIMED_OUT)
    clock.advance(1)
    begin(kept, "newer")
    assert stuck.send(DOWN).result == "newer"
    assert kept.failure is None


def test_a_forked_child_waits_for_nothing_of_its_parents(kept, clock):
    begin(kept)
    clock.advance(480)
    assert is_refreshed(kept) is not None
    obtain(kept)
    kept._lock.acquire()
    kept.reset_after_fork()
    assert not kept.loading
    refresh = is_refreshed(kept)
    assert refresh is not None
    refresh.send(("second", LIFE))
    assert obtain(kept).result == "second"
