"""Tokens with an unknown key cause one forced refresh in the cool-down."""

from __future__ import annotations

from iiniit_guard.core.model.flow import Unreachable
from tests.unit.core.key_sources import begin
from tests.unit.core.stepping import DOWN, KEY, OTHER_KEY, Steps, key_set

COOLDOWN = 30.0


def refresh(source, used=None):
    return Steps(source.refresh_for(source.value if used is None else used))


def test_an_unknown_key_causes_one_fetch_in_the_cool_down(source, clock):
    """OpenID Connect Core §10.1.1."""
    begin(source)
    assert refresh(source).send(key_set(KEY, OTHER_KEY)).result is source.value
    for _ in range(100):
        assert refresh(source).result is None
    clock.advance(COOLDOWN - 0.001)
    assert refresh(source).result is None
    clock.advance(0.001)
    assert refresh(source).fetch


def test_whoever_used_an_older_set_gets_the_newer_one_for_nothing(source, clock):
    used = begin(source)
    refresh(source).send(key_set(OTHER_KEY))
    assert refresh(source, used).result is source.value


def test_a_failed_fetch_counts_and_makes_the_difference_between_401_and_503(source, clock):
    """401 if the last fetch succeeded, 503 if it failed."""
    begin(source)
    steps = refresh(source).send(DOWN)
    assert (steps.cause, steps.result.retry_after_seconds) == (DOWN.cause, COOLDOWN)
    clock.advance(10)
    steps = refresh(source)
    assert (steps.cause, steps.result.retry_after_seconds) == ("waiting", 20.0)
    clock.advance(19.5)
    assert refresh(source).result.retry_after_seconds == 1.0
    clock.advance(0.5)
    refresh(source).send(key_set(KEY))
    assert refresh(source).result is None


def test_many_unknown_keys_share_one_fetch(source):
    begin(source)
    leader, followers = refresh(source), [refresh(source) for _ in range(3)]
    leader.send(key_set(OTHER_KEY))
    assert [follower.follow().result for follower in followers] == [source.value] * 3


def test_those_who_share_a_fetch_that_changes_nothing_are_refused(source):
    used = begin(source)
    leader, follower = refresh(source), refresh(source)
    leader.send(Unreachable("timeout", "x"))
    assert follower.follow().cause == "timeout"
    assert source.value is used


def test_a_client_that_hangs_up_does_not_burn_the_one_fetch(source):
    """Otherwise an attacker could hang up every 30 s, and a rotated key would stay unknown."""
    begin(source)
    leader, follower = refresh(source), refresh(source)
    led = leader.hang_up()
    assert refresh(source).join.load is follower.join.load
    led.send(key_set(OTHER_KEY))
    assert follower.follow().result is source.value
    assert refresh(source, source.value).result is None, "the fetch of this cool-down was made"


def test_a_fetch_that_ended_with_its_loop_was_not_the_one_of_this_time(source):
    begin(source)
    leader, follower = refresh(source), refresh(source)
    leader.close()
    follower.follow().send(key_set(OTHER_KEY))
    assert follower.result is source.value


def test_whoever_comes_to_lead_in_the_cool_down_fetches_nothing(source, clock):
    """The bound also holds for requests that waited for another load, which has ended."""
    used = begin(source)
    leader, follower = refresh(source), refresh(source)
    leader.close()
    successor = refresh(source)
    successor.send(key_set(KEY))
    assert source.value is not used
    assert follower.follow().result is source.value


def test_whoever_comes_to_lead_after_a_failed_one_does_not_know(source):
    begin(source)
    leader, follower = refresh(source), refresh(source)
    leader.close()
    refresh(source).send(DOWN)
    assert follower.follow().cause == "waiting"


def test_whoever_comes_to_lead_after_another_fetched_gets_that(source, clock):
    used = begin(source)
    leader, follower = refresh(source), refresh(source)
    load = follower.join.load
    leader.close()
    clock.advance(COOLDOWN)
    refresh(source).send(key_set(OTHER_KEY))
    assert load.done()
    assert follower.follow().result is source.value is not used


def test_a_fetch_that_the_token_caused_anyway_counts_as_its_forced_one(source, clock):
    begin(source)
    source.count_as_forced()
    assert refresh(source).result is None
    clock.advance(COOLDOWN)
    assert refresh(source).fetch
