"""Introspection: the request, the checks of the answer, and the load on the server.

tests/contract/cases/introspection.py has rows for single members of an answer.
"""

from __future__ import annotations

import pytest

from iiniit_guard.core.cache.entry import CacheEntry, KeyValidity, size_of
from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.issuer.client_authentication import BearerToken
from iiniit_guard.core.model.access_token import AccessToken, freeze
from iiniit_guard.core.model.flow import TIMED_OUT, HttpResponse, Unreachable
from iiniit_guard.core.model.problem import Reason
from tests.unit.core.introspecting import World
from tests.unit.core.stepping import (
    DOWN,
    INACTIVE,
    INTROSPECT,
    ISSUER,
    NOW,
    active,
    answer,
    metadata_document,
    mint,
    parsed,
)


@pytest.fixture
def world():
    return World()


def test_what_is_sent(world):
    """RFC 7662 §2.1. Without the hint, two servers call a refresh token active."""
    request = world.ask("a+b/c==").fetch
    assert (request.method, request.url) == ("POST", INTROSPECT)
    assert request.headers == (
        ("Accept", "application/json"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    )
    assert world.ask("d+e/f==").form == {
        "token": "d+e/f==",
        "token_type_hint": "access_token",
        "client_id": "api",
        "client_secret": "secret",
    }


def test_credentials_in_a_header():
    steps = World(introspection=BearerToken("ours")).ask()
    assert ("Authorization", "Bearer ours") in steps.fetch.headers
    assert steps.form == {"token": "opaque", "token_type_hint": "access_token"}


def test_the_endpoint_is_discovered_first():
    world = World(introspection_endpoint=None, jwks_uri=None)
    steps = world.ask()
    assert steps.send(answer(metadata_document())).fetch.url == INTROSPECT
    assert World(introspection_endpoint=None, jwks_uri=None).ask().send(DOWN).cause == DOWN.cause


@pytest.mark.parametrize(
    ("elapsed", "held"),
    [(58, True), (59, True), (59.999, True), (60, False), (61, False)],
)
def test_the_deadline_counts_from_the_moment_the_request_was_sent(world, elapsed, held):
    """A slow answer does not extend it."""
    steps = world.ask()
    world.clock.advance(4)
    assert isinstance(steps.send(active(world.clock)).result, AccessToken)
    world.clock.advance(elapsed - 4)
    assert (world.remembered() is not None) is held


@pytest.mark.parametrize("which", ["wall", "monotonic"])
def test_so_it_does_by_each_clock_alone(world, which):
    """Each clock alone ends it, and a slow answer extends it by neither."""
    steps = world.ask()
    world.clock.advance(4)
    steps.send(active(world.clock))
    for seconds, held in ((59, True), (60, False)):
        if which == "wall":
            world.clock.set_wall(NOW + seconds)
        else:
            world.clock.advance(55 if held else 1)
            world.clock.set_wall(NOW + 1)
        assert (world.remembered() is not None) is held


@pytest.mark.parametrize(
    ("exp", "elapsed", "held"),
    [(20, 24, True), (20, 25, False), (20, 26, False), (None, 59, True), (None, 60, False)],
)
def test_exp_ends_it_earlier_and_its_absence_does_not_extend_it(world, exp, elapsed, held):
    """The leeway of `exp` is 5 s."""
    world.ask().send(active(world.clock, exp=None if exp is None else NOW + exp))
    world.clock.advance(elapsed)
    assert (world.remembered() is not None) is held


@pytest.mark.parametrize("which", ["wall", "monotonic"])
def test_either_clock_ends_it(world, which):
    world.ask().send(active(world.clock))
    world.clock.advance(60)
    world.clock.set_wall(NOW if which == "monotonic" else NOW + 60)
    assert world.remembered() is None


def test_a_clock_set_back_to_before_the_token_refuses_it(world):
    world.ask().send(active(world.clock, iat=NOW))
    world.clock.set_wall(NOW - 31)
    assert world.remembered() is None


@pytest.mark.parametrize(
    "outage", [DOWN, HttpResponse(500), HttpResponse(429)], ids=["down", "500", "429"]
)
def test_no_outage_moves_the_deadline(world, outage):
    world.ask().send(active(world.clock))
    world.clock.advance(59)
    assert world.remembered() is not None
    world.clock.advance(1)
    assert isinstance(world.ask().send(outage).result, Unreachable)
    assert world.remembered() is None


def test_a_delay_of_nothing_keeps_nothing():
    world = World(revocation_delay_seconds=0)
    assert isinstance(world.ask().send(active(world.clock)).result, AccessToken)
    assert world.remembered() is None


@pytest.mark.parametrize(
    ("reply", "cause", "seconds"),
    [
        (DOWN, "connection", 1),
        (HttpResponse(401), "credentials", 30),
        (HttpResponse(403), "credentials", 30),
        (HttpResponse(400), "answer", 1),
        (HttpResponse(302), "answer", 1),
        (HttpResponse(503, (("retry-after", "9"),)), "answer", 9),
        (HttpResponse(200, (("content-type", "text/html"),), b"{}"), "answer", 1),
        (HttpResponse(200, (("content-type", "text/x+json"),), b'{"active": true}'), "answer", 1),
        (
            HttpResponse(200, (("content-type", "application/jsonx"),), b'{"active": true}'),
            "answer",
            1,
        ),
        (answer(b"[]"), "answer", 1),
        (answer({}), "answer", 1),
        (answer({"active": "true"}), "answer", 1),
        (answer({"active": 1}), "answer", 1),
    ],
)
def test_what_is_no_answer_is_our_outage_and_is_not_remembered(world, reply, cause, seconds):
    """An outage is 503, never 401: the token may be good."""
    steps = world.ask().send(reply)
    assert (steps.cause, steps.result.retry_after_seconds) == (cause, seconds)
    assert world.ask().fetch, "asked again at once"


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/token-introspection+json",
    ],
)
def test_media_types(world, kind):
    headers = () if kind is None else (("content-type", kind),)
    assert world.ask().send(HttpResponse(200, headers, INACTIVE.body)).reason is Reason.INACTIVE


def test_a_refusal_is_not_asked_about_again_for_a_moment(world):
    """The guard caches a refusal for 1 s at first, doubling to 10 s."""
    for seconds in (1, 2, 4, 8, 10, 10):
        assert world.ask().send(INACTIVE).reason is Reason.INACTIVE
        world.clock.advance(seconds - 0.001)
        assert world.ask().reason is Reason.INACTIVE
        world.clock.advance(0.001)
    assert world.ask().fetch


@pytest.mark.parametrize(
    ("issued_at", "waits"),
    [
        pytest.param(NOW - 25, 1, id="young: a lagging replica may not know it yet"),
        pytest.param(NOW + 30, 1, id="young: clocks differ"),
        pytest.param(NOW + 32, 2, id="from the future: a stranger's, not young for ever"),
        pytest.param(10**400, 2, id="too large for arithmetic"),
        pytest.param(True, 2, id="true is not 1"),
        pytest.param(NOW - 29, 2, id="a second after the first answer it is 30 s old"),
        pytest.param(None, 2, id="nobody says"),
        pytest.param("now", 2, id="no number"),
    ],
)
def test_a_token_issued_just_now_is_asked_about_again_after_a_second(world, issued_at, waits):
    world.ask(unread={"iat": issued_at}).send(INACTIVE)
    world.clock.advance(1)
    world.ask(unread={"iat": issued_at}).send(INACTIVE)
    world.clock.advance(waits - 0.001)
    assert world.ask(unread={"iat": issued_at}).reason is Reason.INACTIVE
    world.clock.advance(0.001)
    assert world.ask(unread={"iat": issued_at}).fetch


def test_an_active_answer_that_does_not_fit_is_remembered_as_a_refusal(world):
    for iat in (NOW, None):
        assert (
            world.ask(str(iat)).send(active(world.clock, aud="x", iat=iat)).reason
            is Reason.WRONG_AUDIENCE
        )
        assert world.ask(str(iat)).reason is Reason.WRONG_AUDIENCE
    world.clock.advance(1)
    assert world.ask("None").send(active(world.clock)).result.scopes == {"user:read"}
    assert world.remembered("None") is not None


def test_a_good_answer_forgets_the_refusals(world):
    world.ask().send(INACTIVE)
    world.clock.advance(1)
    world.ask().send(active(world.clock))
    world.clock.advance(60)
    world.ask().send(INACTIVE)
    world.clock.advance(1)
    assert world.ask().fetch


def test_inactive_answers_never_evict_active_ones(world):
    """Inactive answers have a cache of their own."""
    world.ask("good").send(active(world.clock))
    for number in range(500):
        world.ask(f"garbage {number}").send(INACTIVE)
    assert world.remembered("good") is not None
    assert len(world.cache) == 1


def test_an_inactive_answer_ends_what_was_remembered(world):
    world.end()
    assert world.remembered() is None


def test_an_active_answer_asked_for_before_the_inactive_one_is_ignored(world):
    """The slow leader was given up; a later request for the same token was answered `inactive`."""
    world.ask().send(active(world.clock))
    world.clock.advance(60)
    slow, waiting = world.ask(), world.ask()
    waiting.send(TIMED_OUT)
    world.clock.advance(1)
    assert world.ask().send(INACTIVE).reason is Reason.INACTIVE
    assert slow.send(active(world.clock)).reason is Reason.INACTIVE
    assert world.remembered() is None
    world.clock.advance(2)
    assert isinstance(world.ask().send(active(world.clock)).result, AccessToken), (
        "asked for after it, so it counts"
    )


def test_no_message_holds_the_token(world):
    for reply in (
        HttpResponse(500, (), b"canary"),
        answer(b"canary"),
        HttpResponse(200, (("content-type", "canary"),)),
        HttpResponse(401),
    ):
        assert "canary" not in repr(world.ask("canary").send(reply).result)


def test_the_size_of_an_entry_includes_the_cnf_of_the_jwt():
    """The response does not have it, so the length of the response says nothing about its size."""
    world = World(jwt="both")
    cnf = {"jkt": "A" * 43, "more": [[] for _ in range(3000)]}
    token = mint(world.clock, cnf=cnf)
    digest, claims = digest_of(token), parsed(token).claims
    verified = CacheEntry(
        AccessToken(ISSUER), 0, NOW + 300, float("inf"), KeyValidity(world.server.issuer_validity)
    )
    assert isinstance(
        world.ask(token, unread=claims, verified=verified).send(active(world.clock)).result,
        AccessToken,
    )
    entry = world.cache.find(digest)
    assert entry is not None
    assert entry.token.confirmation == freeze(cnf)
    assert entry.size >= size_of(entry.token) > 100_000
