"""First loads of dynamic issuers: bounded per guard until a good token confirms the issuer."""

from __future__ import annotations

import pytest

from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.issuer.introspection import introspect
from iiniit_guard.core.issuer.limits import FirstLoads
from tests.unit.core.stepping import (
    CREDENTIALS,
    INACTIVE,
    INTROSPECT,
    ISSUER,
    KEY,
    Steps,
    answer,
    key_set,
    make_issuer,
    make_resource,
)


def test_a_burst_and_then_so_many_a_second(clock):
    loads = FirstLoads(clock.clock)
    assert [loads.enter() for _ in range(257)] == [True] * 256 + [False]
    clock.advance(0.5)
    assert [loads.enter() for _ in range(9)] == [True] * 8 + [False]
    clock.advance(3_600)
    assert [loads.enter() for _ in range(257)] == [True] * 256 + [False]


def test_a_part_is_reserved(clock):
    loads = FirstLoads(clock.clock)
    while loads.enter():
        pass
    assert [loads.enter(reserved=True) for _ in range(65)] == [True] * 64 + [False]
    clock.advance(1)
    assert not loads.enter(), "the reserved part is filled first"
    assert [loads.enter(reserved=True) for _ in range(17)] == [True] * 16 + [False]


def test_a_forked_child_takes_a_fresh_lock(clock):
    resource = make_resource(clock, issuers=print)
    assert resource._first_loads is not None
    resource._first_loads._lock.acquire()
    resource.reset_after_fork()
    assert resource._first_loads.enter()


class World:
    def __init__(self, clock):
        self.resource = make_resource(clock, issuers=print)

    def server(self, name=ISSUER, **settings):
        return (
            Steps(self.resource.server_of(name)).send(make_issuer(issuer=name, **settings)).result
        )

    def use_up(self):
        assert self.resource._first_loads is not None
        while self.resource._first_loads.enter():
            pass


@pytest.fixture
def world(clock):
    return World(clock)


def test_a_first_load_waits_while_none_is_left_and_makes_no_call(world, clock):
    server = world.server()
    world.use_up()
    held = Steps(server.keys.get())
    assert (held.cause, held.result.retry_after_seconds) == ("busy", 1.0)
    assert server.keys.failure is None, "it is no failure of the issuer"
    clock.advance(1)
    assert Steps(server.keys.get()).fetch


def test_one_admission_covers_all_documents_of_an_issuer(world):
    discovered = {
        "jwks_uri": None,
        "introspection": CREDENTIALS,
        "introspection_endpoint": None,
        "jwt": "both",
    }
    server = world.server(**discovered)
    steps = Steps(server.keys.get())
    world.use_up()
    document = {
        "issuer": ISSUER,
        "jwks_uri": f"{ISSUER}/jwks",
        "introspection_endpoint": INTROSPECT,
    }
    assert steps.send(answer(document)).send(key_set(KEY)).ended
    assert Steps(server.introspection_endpoint()).result == INTROSPECT
    other = world.server("https://other.test", **discovered)
    assert Steps(other.introspection_endpoint()).cause == "busy"


def test_a_failing_issuer_is_admitted_anew_after_its_cool_down(world, clock):
    server = world.server()
    Steps(server.keys.get()).send(answer({}, status=500))
    clock.advance(29)
    world.use_up()
    assert Steps(server.keys.get()).send(answer({}, status=500)).cause == "answer"
    clock.advance(15)
    world.use_up()
    assert Steps(server.keys.get()).cause == "busy"


def test_an_issuer_of_which_a_good_token_came_needs_none(world):
    server = world.server()
    server.confirmed = True
    world.use_up()
    assert Steps(server.keys.get()).fetch


def test_an_issuer_that_was_proven_before_may_take_the_reserved_part(world):
    server = world.server()
    server.was_proven = True
    world.use_up()
    assert Steps(server.keys.get()).fetch


def test_introspection_counts_too(world, clock):
    """If the settings name its endpoint, no document is loaded before."""
    settings = {
        "jwks_uri": None,
        "introspection": CREDENTIALS,
        "introspection_endpoint": INTROSPECT,
        "jwt": "introspect",
    }
    server, other = world.server(**settings), world.server("https://other.test", **settings)

    def ask(of, token):
        return Steps(introspect(token, digest_of(token), of, world.resource.cache))

    assert ask(server, "one").send(INACTIVE).ended
    assert server.has_asked
    world.use_up()
    assert ask(server, "two").send(INACTIVE).ended, "one admission covers the cool-down"
    held = ask(other, "three")
    assert (held.cause, held.result.retry_after_seconds) == ("busy", 1.0)
    assert not other.has_asked
    clock.advance(30)
    world.use_up()
    assert ask(server, "four").cause == "busy"


def test_who_joins_a_load_needs_none(world, clock):
    server = world.server(keys_cooldown_seconds=1)
    leader = Steps(server.keys.get())
    clock.advance(2)
    world.use_up()
    assert Steps(server.keys.get()).join
    leader.close()


def test_settings_by_hand_have_no_such_bound(clock):
    (server,) = make_resource(clock).servers
    for _ in range(300):
        server.keys.value = None
        steps = Steps(server.keys.get())
        assert steps.fetch
        steps.close()


def test_warnings_about_such_issuers_are_bounded(clock):
    loads = FirstLoads(clock.clock)
    assert [loads.admit_warning() for _ in range(66)] == [True] * 64 + [False] * 2
    clock.advance(3_599)
    assert not loads.admit_warning()
    clock.advance(1)
    assert [loads.admit_warning() for _ in range(65)] == [True] * 64 + [False]


@pytest.mark.parametrize(("confirmed", "lines"), [(False, 0), (True, 1)])
def test_a_proven_issuer_is_reported_although_they_are_used_up(world, caplog, confirmed, lines):
    server, loads = world.server(), world.resource._first_loads
    while loads.admit_warning():
        pass
    server.confirmed = confirmed
    weak = answer({"keys": [KEY.jwk(), {"kty": "oct"}]})
    assert Steps(server.keys.load()).send(weak).ended
    assert len(caplog.messages) == lines
