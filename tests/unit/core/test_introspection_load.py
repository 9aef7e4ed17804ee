"""The load of introspection on the server: shared calls, the call limiter, the breaker."""

from __future__ import annotations

import pytest

from iiniit_guard.core.issuer.client_authentication import ClientSecretPost, SecretFile
from iiniit_guard.core.model.flow import HttpResponse, Unreachable
from iiniit_guard.core.model.problem import Reason
from tests.unit.core.introspecting import World
from tests.unit.core.stepping import (
    DOWN,
    INACTIVE,
    active,
)

FLOOD = 32


@pytest.fixture
def world():
    return World()


def test_one_call_for_all_who_ask_about_a_token(world):
    leader, followers = world.ask(), [world.ask() for _ in range(3)]
    assert followers[0].join.timeout_seconds == 20
    token = leader.send(active(world.clock)).result
    assert [follower.follow().result for follower in followers] == [token] * 3


def test_a_failure_is_shared_too(world):
    leader, follower = world.ask(), world.ask()
    leader.send(DOWN)
    assert follower.follow().cause == DOWN.cause


def test_a_cancelled_leader_hands_over_and_gives_its_place_back(world):
    leader, follower = world.ask(), world.ask()
    leader.close()
    assert follower.follow().form["token"] == "opaque"
    for number in range(FLOOD - 1):
        assert world.ask(f"stranger {number}").fetch
    assert world.ask("one more").cause == "busy"


def test_whoever_comes_to_lead_finds_what_another_learned(world):
    leader, good, bad = world.ask(), world.ask(), world.ask("bad")
    late_good, late_bad = world.ask(), world.ask("bad")
    leader.close()
    bad.close()
    assert good.follow().send(active(world.clock)).ended
    again = world.ask("bad").send(INACTIVE)
    assert again.reason is Reason.INACTIVE
    assert late_good.follow().result is good.result
    assert late_bad.follow().reason is Reason.INACTIVE


def test_strangers_get_half_of_the_places_and_known_tokens_all(world):
    world.ask("known").send(active(world.clock))
    world.clock.advance(60)
    strangers = [world.ask(f"stranger {number}") for number in range(FLOOD)]
    refused = world.ask("one more")
    assert (refused.cause, refused.result.retry_after_seconds) == ("busy", 1.0)
    known = world.ask("known")
    assert known.fetch
    known.send(active(world.clock))
    strangers[0].send(INACTIVE)
    assert world.ask("one more").fetch


def test_a_token_that_was_ended_is_a_stranger(world):
    world.end()
    world.clock.advance(10)
    for number in range(FLOOD):
        world.ask(f"stranger {number}")
    assert world.ask().cause == "busy"


@pytest.mark.parametrize(
    "outcome",
    [DOWN, Unreachable("timeout", "x"), Unreachable("tls", "x")],
    ids=lambda outcome: outcome.cause,
)
def test_an_unreachable_server_is_not_called_and_then_probed(world, outcome):
    for number in range(5):
        steps = world.ask(str(number)).send(outcome)
        assert (steps.cause, steps.result.retry_after_seconds) == (outcome.cause, 1)
    assert world.ask().cause == "waiting"
    world.clock.advance(1)
    probe = world.ask()
    assert probe.fetch
    assert world.ask("another").cause == "waiting"
    probe.send(outcome)
    assert probe.result.retry_after_seconds == 2, (
        "the pause doubles, and whoever came back sooner would come in vain"
    )
    world.clock.advance(2)
    probe = world.ask()
    assert world.ask("another").cause == "waiting"
    probe.send(active(world.clock))
    assert world.ask("another").fetch


@pytest.mark.parametrize("cause", ["connection", "dropped", "tls", "timeout"])
def test_what_unknown_tokens_provoke_does_not_count_against_known_ones(world, cause):
    """A probe with an unknown token does not lengthen the pause for a known one either."""
    world.ask("known").send(active(world.clock))
    world.clock.advance(60)
    for number in range(5):
        world.ask(f"stranger {number}").send(Unreachable(cause, "x"))
    known = world.ask("known")
    assert known.fetch
    world.clock.advance(1)
    world.ask("a probe of a stranger").send(Unreachable(cause, "x"))
    assert known.send(active(world.clock)).ended
    world.clock.advance(60)
    assert world.ask("known").send(active(world.clock)).ended


def test_what_known_tokens_meet_opens_the_breaker_for_them(world):
    """Otherwise an attacker could make the guard call a server that is down."""
    for number in range(5):
        world.ask(f"known {number}").send(active(world.clock))
    world.clock.advance(60)
    for number in range(5):
        world.ask(f"known {number}").send(DOWN)
    assert world.ask("known 0").cause == "waiting"
    world.ask("stranger").send(INACTIVE)
    assert world.ask("known 0").cause == "waiting"
    world.clock.advance(1)
    probe = world.ask("known 0")
    assert world.ask("known 1").cause == "waiting"
    assert world.ask("another stranger").fetch, "it is no probe of this breaker"
    probe.send(active(world.clock))
    assert world.ask("known 1").fetch


def test_no_status_opens_the_breaker(world):
    """A junk token can provoke any error status, so a status must not open the breaker."""
    for number in range(50):
        assert world.ask(str(number)).send(HttpResponse(500)).cause == "answer"
    assert world.ask().fetch


def test_a_secret_that_cannot_be_read_is_an_outage_and_costs_no_place():
    world = World(introspection=ClientSecretPost("api", SecretFile("/run/secret")))
    missing = Unreachable("file", "missing")
    for number in range(FLOOD + 1):
        steps = world.ask(str(number))
        assert steps.path == "/run/secret"
        assert steps.send(missing).result == missing
    assert world.ask().send(b"from the file").form["client_secret"] == "from the file"


def test_a_probe_that_finds_no_place_leaves_it_to_the_next(world):
    """Otherwise an attacker who fills the limiter delays all requests by one call."""
    for number in range(5):
        world.ask(f"down{number}").send(DOWN)
    world.clock.advance(1)
    while world.server.calls.enter(known=False):
        pass
    assert world.ask("a").cause == "busy"
    world.server.calls.leave(known=False)
    assert world.ask("b").fetch, "the probe"


def test_a_probe_without_credentials_leaves_it_to_the_next():
    world = World(introspection=ClientSecretPost("api", SecretFile("/run/secret")))
    for number in range(5):
        world.ask(f"down{number}").send(b"secret").send(DOWN)
    world.clock.advance(1)
    assert world.ask("a").send(Unreachable("file", "gone")).cause == "file"
    assert world.ask("b").send(b"secret").fetch, "the probe"
