"""The bounded registry of dynamic issuers: eviction, and data that outlives it."""

from __future__ import annotations

import pytest

from iiniit_guard.core.cache.tokens import TokenCache, digest_of
from iiniit_guard.core.issuer.introspection import introspect
from iiniit_guard.core.issuer.registry import FoundIssuers
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.flow import StoreGet
from iiniit_guard.core.model.problem import Problem
from tests.unit.core.finding import ask_for_keys, find, make_found, settle
from tests.unit.core.stepping import (
    CREDENTIALS,
    DOWN,
    ISSUER,
    KEY,
    Steps,
    active,
    key_set,
    make_issuer,
    make_resource,
)

OTHER = "https://other.test"


@pytest.fixture
def found(clock):
    return make_found(clock)


def test_one_that_loses_its_place_is_parked_with_what_was_learned(found):
    """Requests for many known tenants in turn must not cause repeated fetches."""
    server = settle(found, ISSUER)
    ask_for_keys(server)
    for number in range(64):
        settle(found, f"https://{number}.test")
    assert server not in found.servers
    assert server.is_trusted
    assert found.remaining(ISSUER) == 0, "the callable is asked before anything counts"
    assert find(found).send(make_issuer()).result is server
    assert server in found.servers


def test_one_that_is_parked_is_withdrawn_like_any_other(found):
    server = settle(found, ISSUER)
    ask_for_keys(server)
    for number in range(64):
        settle(found, f"https://{number}.test")
    assert find(found).send(make_issuer(audience="https://new.test")).result is not server
    assert not server.is_trusted


def test_those_that_are_parked_are_bounded(found, clock):
    server = settle(found, ISSUER)
    ask_for_keys(server)
    for number in range(64):
        settle(found, f"https://idle{number}.test")
    for number in range(1_064):
        assert server.is_trusted
        clock.advance(0.1)  # first loads have a budget
        ask_for_keys(settle(found, f"https://{number}.test"))
    assert not server.issuer_validity.valid
    assert server.is_trusted, "the callable did not withdraw it"
    assert find(found).send(make_issuer()).result is not server


def test_a_proven_one_keeps_its_keys_though_it_was_looked_up_only_once(found):
    real = settle(found, ISSUER, confirmed=True)
    for number in range(70):
        settle(found, f"https://{number}.test")
    assert find(found).result is real


def test_a_forked_child_takes_fresh_locks_for_those_that_are_parked(found):
    server = settle(found, ISSUER)
    ask_for_keys(server)
    for number in range(64):
        settle(found, f"https://{number}.test")
    server.keys._lock.acquire()
    found.reset_after_fork()
    assert Steps(server.keys.load()).send(key_set(KEY)).ended


BUSY = {
    "keys": lambda server, cache: Steps(server.keys.get()),
    "metadata": lambda server, cache: Steps(server.metadata.get()),
    "introspection": lambda server, cache: Steps(
        introspect("opaque", digest_of("opaque"), server, cache)
    ),
    "a call that nobody waits for": lambda server, cache: server.calls.enter(known=False),
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("begin", BUSY.values(), ids=BUSY)
@pytest.mark.parametrize("number", [64, 300])
def test_one_that_is_asked_keeps_its_place(found, clock, begin, number):
    server = find(found).send(make_issuer(introspection=CREDENTIALS)).result
    under_way = begin(server, TokenCache(10, clock.clock))
    for each in range(number):
        settle(found, f"https://{each}.test")
    assert server in found.servers
    assert under_way
    assert len(found.servers) == 64


def test_one_whose_token_is_looked_up_in_the_store_keeps_its_place(clock):
    """The guard is about to call the server of this issuer."""
    resource = make_resource(
        clock, issuers=print, store_url="redis://store.test", store_secret="s" * 32
    )
    found = FoundIssuers(print, resource._server, clock.clock)
    server = find(found).send(make_issuer(introspection=CREDENTIALS)).result
    under_way = Steps(introspect("opaque", digest_of("opaque"), server, resource.cache))
    assert isinstance(under_way.effect, StoreGet)
    for number in range(64):
        settle(found, f"https://{number}.test")
    assert server in found.servers


@pytest.mark.unmeasured
def test_names_about_which_nothing_was_asked_push_out_nothing(found):
    """A client can invent them at no cost, so they are not parked."""
    server = settle(found, ISSUER)
    ask_for_keys(server)
    for number in range(1_200):
        settle(found, f"https://{number}.test")
    assert find(found).send(make_issuer()).result is server


def test_so_many_that_are_asked_at_once_lose_nothing(found):
    under_way = [Steps(settle(found, f"https://{number}.test").keys.get()) for number in range(100)]
    assert len(found.servers) == 100
    for steps in under_way:
        steps.send(key_set(KEY))
    settle(found, ISSUER)
    assert len(found.servers) == 101 - 32, "an eviction looks at so many"
    settle(found, OTHER)
    assert len(found.servers) == 64


def test_its_circuit_breakers_and_refusals_outlive_its_place(found, clock):
    server = find(found).send(make_issuer(introspection=CREDENTIALS, jwt="introspect")).result
    cache = TokenCache(10, clock.clock)
    for number in range(5):
        Steps(introspect(f"{number}", digest_of(f"{number}"), server, cache)).send(DOWN)
    for number in range(64):
        settle(found, f"https://{number}.test")
    assert server not in found.servers
    assert (
        find(found).send(make_issuer(introspection=CREDENTIALS, jwt="introspect")).result is server
    )
    assert Steps(introspect("6", digest_of("6"), server, cache)).cause == "waiting"


@pytest.mark.parametrize("withdrawn", [False, True])
def test_only_the_callable_s_word_makes_an_answer_inactive(found, clock, withdrawn):
    """An evicted issuer still answers the request that waits for it."""
    server = find(found).send(make_issuer(introspection=CREDENTIALS)).result
    cache = TokenCache(10, clock.clock)
    steps = Steps(introspect("opaque", digest_of("opaque"), server, cache))
    server.withdraw(replaced=False) if withdrawn else server.forget()
    outcome = steps.send(active(clock)).result
    assert isinstance(outcome, Problem if withdrawn else AccessToken)
    assert cache.get(digest_of("opaque")) is None, "it is not remembered in either case"


@pytest.mark.unmeasured
def test_proven_ones_are_parked_apart(found, clock):
    server = settle(found, ISSUER, confirmed=True)
    for number in range(1_064):
        settle(found, f"https://proven{number}.test", confirmed=True)
    assert server not in found.servers
    for number in range(1_064 + 64):
        clock.advance(0.1)
        ask_for_keys(settle(found, f"https://{number}.test"))
    assert server.issuer_validity.valid
    assert find(found).send(make_issuer()).result is server


def test_one_that_was_proven_in_its_place_is_parked_with_the_proven(found):
    server = settle(found, ISSUER)
    server.confirmed = True
    for number in range(64):
        settle(found, f"https://{number}.test")
    assert server in found.servers


@pytest.mark.unmeasured
@pytest.mark.parametrize("change", ["forgotten", "other settings"])
def test_that_a_name_was_proven_outlives_the_issuer_s_place(found, clock, change):
    server = settle(found, ISSUER, confirmed=True)
    if change == "forgotten":
        for number in range(2_064):
            settle(found, f"https://{number}.test", confirmed=True)
        assert not server.issuer_validity.valid
        again = find(found).send(make_issuer()).result
    else:
        clock.advance(60)
        again = find(found).send(make_issuer(audience="https://new.test")).result
    assert again is not server
    assert (again.confirmed, again.was_proven) == (False, True)
    assert find(found, OTHER).send(make_issuer(issuer=OTHER)).result.was_proven is False
    for number in range(64):
        settle(found, f"https://idle{number}.test")
    assert find(found).send(make_issuer()).result.was_proven is True, (
        "also where it was not proven again"
    )


def test_strangers_do_not_make_a_real_issuer_lose_its_place(found):
    """If a callable accepts any name of a pattern, an attacker can invent issuers."""
    real = settle(found, ISSUER, confirmed=True)
    assert find(found).result is real
    for number in range(70):
        settle(found, f"https://{number}.test")
    assert len(found.servers) == 1 + 64
    assert find(found, "https://5.test").asked, "the oldest of them made room"
    assert find(found).result is real


def test_what_is_remembered_is_bounded(found):
    for number in range(1_003):
        settle(found, f"https://{number}.test", confirmed=True)
        assert find(found, f"https://{number}.test").ended
        find(found, f"https://no{number}.test").send(None)
    assert len(found.servers) == 1_000
    assert find(found, "https://2.test").asked
    assert find(found, "https://3.test").ended
    assert find(found, "https://no2.test").asked
    assert find(found, "https://no3.test").ended
