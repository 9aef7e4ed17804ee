"""Introspection with a shared store: an answer serves other processes to the same deadline."""

from __future__ import annotations

import json

import pytest

from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.issuer.introspection import introspect
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.flow import Fetch, StoreGet, StoreSet
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing.jws import write_jws
from tests.unit.core.stepping import (
    CREDENTIALS,
    INACTIVE,
    ISSUER,
    KEY,
    NOW,
    Steps,
    active,
    make_clock,
    make_resource,
)

SECRET = "s" * 32


class Store:
    """The store that all processes share."""

    def __init__(self):
        self.values = {}

    def serve(self, steps):
        """Answer the effects that concern the store."""
        while isinstance(steps.effect, (StoreGet, StoreSet)):
            effect = steps.effect
            if isinstance(effect, StoreGet):
                steps.send(tuple(self.values.get(name) for name in effect.names))
            else:
                self.values[effect.name] = effect.value
                steps.send(None)
        return steps


class Process:
    def __init__(self, clock, store, **settings):
        shared = {"store_url": "redis://store.test", "store_secret": SECRET}
        self.clock, self.store = clock, store
        self.resource = make_resource(clock, introspection=CREDENTIALS, **shared, **settings)
        (self.server,) = self.resource.servers

    def ask(self, token="opaque"):
        return self.store.serve(
            Steps(introspect(token, digest_of(token), self.server, self.resource.cache))
        )

    def learn(self, reply, token="opaque"):
        steps = self.ask(token)
        assert isinstance(steps.effect, Fetch), steps.effect or steps.result
        return self.store.serve(steps.send(reply))

    def remembered(self, token="opaque"):
        return self.resource.find(digest_of(token))


@pytest.fixture
def one(clock):
    return Process(clock, Store())


@pytest.fixture
def other(one, clock):
    return Process(clock, one.store)


@pytest.mark.parametrize(("elapsed", "held"), [(59, True), (60, False), (61, False)])
def test_every_copy_inherits_the_deadline(one, other, clock, elapsed, held):
    """A copy does not start a new deadline."""
    one.learn(active(clock))
    clock.advance(50)
    assert isinstance(other.ask().result, AccessToken)
    clock.advance(elapsed - 50)
    assert (other.remembered() is not None) is held


def test_an_answer_past_its_deadline_is_asked_for_anew(one, other, clock):
    one.learn(active(clock))
    clock.advance(60)
    assert isinstance(other.ask().effect, Fetch)


def test_the_copy_is_judged_by_the_one_who_reads_it(one, clock):
    """The store holds answers, never decisions."""
    one.learn(active(clock, exp=NOW + 20))
    strict = Process(clock, one.store, require_claim={"tenant": "acme"})
    assert isinstance(strict.ask().effect, Fetch)
    clock.advance(25)
    assert isinstance(Process(clock, one.store).ask().effect, Fetch)


def test_the_end_is_heard_by_all(one, other, clock):
    """An older active answer in the store does not revive the token either."""
    one.learn(active(clock))
    before = dict(one.store.values)
    clock.advance(60)
    assert one.learn(INACTIVE).reason is Reason.INACTIVE
    one.store.values.update(before)
    clock.set_wall(NOW + 59)
    assert isinstance(other.ask().effect, Fetch)


def test_whoever_heard_of_the_end_takes_no_older_answer_from_the_store(one, clock):
    one.learn(active(clock))
    before = dict(one.store.values)
    clock.advance(60)
    one.learn(INACTIVE)
    one.store.values.clear()
    one.store.values.update(before)
    clock.advance(2)
    clock.set_wall(NOW + 30)
    assert isinstance(one.ask().effect, Fetch)


@pytest.mark.parametrize(
    "withheld", [False, True], ids=["as it is", "the store's owner withholds the end"]
)
@pytest.mark.parametrize(
    ("behind", "after", "taken"),
    [(1, -1, False), (2, 0, False), (2, 0.5, False), (0, 2, False), (0, 2.5, True)],
)
def test_no_way_back_from_a_clock_that_is_ahead(clock, behind, after, taken, withheld):
    """Clocks are up to 2 s apart: a request within 2 s of the end counts as sent before it."""
    store, slow = Store(), make_clock()
    slow.set_wall(NOW - behind)

    def pass_time(seconds):
        for each in (clock, slow):
            each.advance(seconds)

    one, other = Process(clock, store), Process(slow, store)
    other.learn(active(slow))
    pass_time(61)
    late = one.ask() if after <= 0 else None
    pass_time(max(0, -after))
    other.learn(INACTIVE)
    pass_time(max(0, after))
    answers = _names_of_answers(store, late or one.ask(), clock)
    for name in set(store.values) - answers if withheld else ():
        del store.values[name]
    pass_time(1.5)
    steps = other.ask()
    assert steps.ended is taken
    assert isinstance(steps.result if taken else steps.effect, AccessToken if taken else Fetch)


def _names_of_answers(store, late, clock):
    """Return the keys under which an answer that arrives now is stored."""
    before = dict(store.values)
    store.serve(late.send(active(clock)))
    return {name for name, value in store.values.items() if before.get(name) != value}


def test_an_inactive_answer_about_a_stranger_leaves_nothing_in_the_store(one):
    """A flood of garbage must not fill it."""
    one.learn(INACTIVE, "garbage")
    assert one.store.values == {}


def test_neither_names_nor_values_hold_the_token_or_a_claim(one, clock):
    one.learn(active(clock, sub="canary"), "canary")
    assert one.store.values
    assert "canary" not in repr(one.store.values)
    assert ISSUER not in repr(one.store.values)
    assert digest_of("canary").hex() not in repr(one.store.values)


def test_a_copy_does_not_hide_that_the_token_itself_is_bound(one, clock):
    """RFC 7800 §3.1: a process that did not look at the token may have stored the answer."""
    for token, taken in (
        (write_jws({"cnf": {}}, {}, KEY), False),
        (write_jws({"sub": "s"}, {}, KEY), True),
    ):
        answer = {
            name: value
            for name, value in json.loads(active(clock).body).items()
            if name != "active"
        }
        one.store.serve(Steps(one.server.store.keep(digest_of(token), answer, clock.clock.now())))
        steps = one.ask(token)
        assert isinstance(steps.effect, Fetch) is not taken
        if not taken:
            assert (
                one.store.serve(steps.send(active(clock))).reason is Reason.UNSUPPORTED_CONFIRMATION
            )
        assert (one.remembered(token) is not None) is taken


@pytest.mark.parametrize("delay", [1, 60])
def test_an_answer_from_a_clock_that_is_ahead_counts_no_longer_than_one_of_now(clock, delay):
    """A small `revocation_delay_seconds` must not be lengthened by the 2 s that clocks may be
    apart.
    """
    store, ahead = Store(), make_clock()
    ahead.set_wall(NOW + 2)
    Process(ahead, store, revocation_delay_seconds=delay).learn(active(ahead))
    one = Process(clock, store, revocation_delay_seconds=delay)
    assert isinstance(one.ask().result, AccessToken)
    clock.advance(delay - 0.5)
    assert one.remembered() is not None
    clock.set_wall(NOW + delay)
    assert one.remembered() is None


def test_a_shared_answer_proves_its_issuer(one, other, clock):
    """Otherwise invented issuers could evict it, with its cached data."""
    one.learn(active(clock))
    assert other.server.confirmed is False
    assert isinstance(other.ask().result, AccessToken)
    assert other.server.confirmed is True
