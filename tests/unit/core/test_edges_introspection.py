"""Rows for introspection that each kill a mutant that survived all other tests."""

from __future__ import annotations

import pytest

from iiniit_guard.core.cache.entry import CacheEntry, KeyValidity
from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.issuer.introspection import introspect
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.flow import TIMED_OUT, Unreachable
from iiniit_guard.core.model.problem import Reason
from tests.unit.core.introspecting import World
from tests.unit.core.stepping import API, INACTIVE, ISSUER, NOW, Steps, active, make_clock
from tests.unit.core.test_introspection_shared import Process, Store

# Introspection


@pytest.mark.parametrize(
    ("behind", "asked_again"), [(0, True), (29, True), (30, False), (-30, True), (-31, False)]
)
def test_a_young_token_by_what_the_answer_says(behind, asked_again):
    """1 s for a token issued under 30 s ago, by the `iat` of the answer if the JWT is not read."""
    world = World()
    for _ in range(2):  # the second refusal of an older token counts for 2 s
        world.ask().send(
            active(world.clock, iat=int(world.clock.wall()) - behind, aud="https://other.test")
        )
        world.clock.advance(1)
    assert world.ask().ended is not asked_again


def test_what_the_answer_says_counts_before_what_the_jwt_says():
    """The `iat` of an active answer is verified; that of the JWT is not."""
    world = World()
    for _ in range(2):
        world.ask(unread={"iat": int(world.clock.wall())}).send(
            active(world.clock, iat=NOW - 1000, aud="https://other.test")
        )
        world.clock.advance(1)
    assert world.ask().ended


def test_without_one_in_the_answer_the_jwts_counts():
    world = World()
    for _ in range(2):
        world.ask(unread={"iat": int(world.clock.wall())}).send(
            active(world.clock, aud="https://other.test")
        )
        world.clock.advance(1)
    assert not world.ask().ended


def test_active_is_no_claim():
    world = World()
    token = world.ask().send(active(world.clock, sub="s")).result
    assert isinstance(token, AccessToken)
    assert "active" not in token.claims
    assert token.claims["sub"] == "s"


def test_it_is_asked_over_its_own_connection():
    world = World(timeout_seconds=3)
    assert world.ask().fetch.connection.timeout_seconds == 3


def test_a_refusal_costs_neither_a_flight_nor_a_call():
    world = World()
    world.ask().send(INACTIVE)
    steps = world.ask()
    assert steps.reason is Reason.INACTIVE
    assert len(world.server.flights) == 0


# Answers from the store


def shared_process(clock, store):
    return Process(clock, store, jwt="both")


def test_a_copy_rests_on_the_key_that_verified_the_token_here():
    """A dropped key ends the entry at once, also an entry that another process stored."""
    clock, store = make_clock(), Store()
    shared_process(clock, store).learn(active(clock))
    reader = shared_process(clock, store)
    validity = KeyValidity()
    token = reader.server.checks.check(
        {"iss": ISSUER, "aud": API, "exp": NOW + 300}, NOW, introspected=False
    )
    assert isinstance(token, AccessToken)
    verified = CacheEntry(token, 0, NOW + 20, 10_000, validity)
    steps = store.serve(
        Steps(
            introspect(
                "opaque",
                digest_of("opaque"),
                reader.server,
                reader.resource.cache,
                verified=verified,
            )
        )
    )
    assert isinstance(steps.result, AccessToken)
    clock.advance(19)
    assert reader.remembered() is not None
    validity.valid = False
    assert reader.remembered() is None
    validity.valid = True
    clock.advance(1)
    assert reader.remembered() is None


def test_a_copy_is_judged_as_an_introspection_response():
    """RFC 7662 §2.2: exp is optional there."""
    clock, store = make_clock(), Store()
    Process(clock, store).learn(active(clock, exp=None, iss=None))
    assert isinstance(Process(clock, store).ask().result, AccessToken)


def test_a_second_leader_of_one_load_is_told_what_happened():
    world = World()
    first = world.ask()
    second = world.ask()
    assert second.send(TIMED_OUT).result == Unreachable(
        "timeout", "a shared call did not end in time"
    )
    assert isinstance(first.send(active(world.clock)).result, AccessToken)


def test_a_good_tokens_lost_connections_open_the_breaker():
    world = World()
    world.ask("good").send(active(world.clock))
    for _ in range(5):
        world.clock.advance(61)
        world.ask("good").send(Unreachable("dropped", "the connection was dropped"))
    assert world.server.breaker.is_open
