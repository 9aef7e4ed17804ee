"""Key sources: freshness, fetches that a token causes, and entries of dropped keys."""

from __future__ import annotations

import pytest

from iiniit_guard.core.model.flow import Fetch, HttpResponse, ReadFile, Unreachable
from iiniit_guard.testing.keys import make_key
from tests.unit.core.key_sources import begin, obtain, validity
from tests.unit.core.stepping import (
    DOWN,
    JWKS,
    KEY,
    OTHER_KEY,
    Steps,
    answer,
    key_set,
    make_server,
)


def lasts(source, clock, seconds):
    """Return whether the set is served for exactly `seconds`, without a refresh ahead."""
    clock.advance(seconds * 0.79)
    assert obtain(source).result is source.value
    clock.advance(seconds * 0.011)
    steps = obtain(source)
    assert steps.later
    steps.close()
    clock.advance(seconds * 0.199 - 0.01)
    steps = obtain(source)
    if not steps.ended:
        steps.send(None)
    assert steps.result is source.value
    clock.advance(100)  # even if a refresh is running
    return isinstance(obtain(source).effect, (Fetch, ReadFile))


def test_it_asks_for_a_jwk_set(source, clock):
    """RFC 7517 §8.5.2."""
    request = obtain(source).fetch
    assert (request.method, request.url, request.body) == ("GET", JWKS, b"")
    assert request.headers == (("Accept", "application/jwk-set+json, application/json"),)
    assert request.connection.timeout_seconds == 5


@pytest.mark.parametrize(
    ("control", "seconds"),
    [
        pytest.param(None, 600, id="none: 10 minutes"),
        pytest.param("max-age=1200", 1200, id="RFC 9111 §5.2.2.1"),
        pytest.param("public, Max-Age = 1200", 1200, id="case and spaces"),
        pytest.param('max-age="1200"', 1200, id="RFC 9111 §5.2: quoted too"),
        pytest.param("max-age=299", 300, id="the least is 5 minutes"),
        pytest.param("max-age=301", 301, id="just over the least"),
        pytest.param("max-age=0, must-revalidate", 300, id="max-age 0"),
        pytest.param("max-age=3600", 3600, id="the most"),
        pytest.param("max-age=86400", 3600, id="keys_max_age_seconds bounds it"),
        pytest.param("max-age=99999999999999999999", 3600, id="a number without end"),
        pytest.param("s-maxage=1200", 600, id="not for us"),
        pytest.param("max-age=-5", 600, id="no number"),
        pytest.param("no-store", 300, id="RFC 9111 §5.2.2.5"),
        pytest.param(
            "No-Cache, max-age=1200", 300, id="RFC 9111 §5.2: directives are case-insensitive"
        ),
    ],
)
def test_how_long_a_set_counts(source, clock, control, seconds):
    begin(source, control=control)
    assert lasts(source, clock, seconds)


def test_a_shorter_age_set_by_hand_is_obeyed(clock):
    source = make_server(clock, keys_max_age_seconds=60).keys
    begin(source, max_age=1200)
    assert lasts(source, clock, 60)


@pytest.mark.parametrize(
    ("reply", "cause", "seconds"),
    [
        (DOWN, "connection", 5.0),
        (HttpResponse(500), "answer", 5.0),
        (HttpResponse(304), "answer", 5.0),
        (HttpResponse(429, (("retry-after", "20"),)), "answer", 20.0),
        (answer(b"<html>"), "answer", 5.0),
        (answer({"keys": {}}), "answer", 5.0),
    ],
    ids=["down", "500", "304", "429", "no JSON", "no list"],
)
def test_what_is_no_set_is_an_outage(source, reply, cause, seconds):
    steps = obtain(source).send(reply)
    assert steps.cause == cause
    assert steps.result.retry_after_seconds == seconds


@pytest.mark.parametrize(
    "jwk", [None, {"kty": "oct", "k": "AAAA"}], ids=["empty", "only unusable keys"]
)
def test_a_set_without_a_usable_key_is_an_outage_and_ends_the_last_one(source, clock, jwk):
    """Such a set is an outage, not a refusal. The keys of the last set end at once."""
    begin(source)
    rests_on = validity(source)
    clock.advance(600)
    steps = obtain(source).send(answer({"keys": [] if jwk is None else [jwk]}))
    assert (steps.cause, steps.result.detail) == ("answer", "jwks: no usable key")
    assert source.value is None
    assert not rests_on.valid
    assert obtain(source).cause == "waiting", "the last good set is not served any more"
    clock.advance(5)
    assert [key.kid for key in begin(source).keys] == [KEY.kid]


@pytest.mark.parametrize(
    "reply", [DOWN, HttpResponse(503), answer(b"")], ids=["down", "503", "garbage"]
)
def test_a_failure_drops_nothing(source, clock, reply):
    begin(source)
    rests_on = validity(source)
    clock.advance(600)
    assert [key.kid for key in obtain(source).send(reply).result.keys] == [KEY.kid]
    assert rests_on.valid


def test_a_dropped_key_takes_what_it_vouched_for_and_the_others_stay(source, clock):
    begin(source, KEY, OTHER_KEY)
    dropped, kept = validity(source, KEY), validity(source, OTHER_KEY)
    (old,) = source.value.find(KEY.kid, "ES256")
    clock.advance(600)
    obtain(source).send(key_set(OTHER_KEY))
    assert not dropped.valid
    assert kept.valid
    assert validity(source, OTHER_KEY) is kept
    assert not source.validity_of(old).valid, (
        "a key out of an older set vouches for nothing any more"
    )
    clock.advance(600)
    obtain(source).send(key_set(KEY, OTHER_KEY))
    assert validity(source, KEY).valid
    assert not dropped.valid, "a key that comes back does not bring back what was gone"


def test_a_key_id_reused_with_another_key_is_another_key(source, clock):
    """RFC 7517 §4.5."""
    begin(source, KEY)
    rests_on = validity(source)
    reused = make_key("ES256", "somebody else")
    clock.advance(600)
    obtain(source).send(answer({"keys": [reused.jwk(kid=KEY.kid)]}))
    assert not rests_on.valid


def test_a_key_that_changes_its_algorithm_vouches_anew(source, clock):
    rsa = make_key("RS256", "tests of the core")
    obtain(source).send(answer({"keys": [rsa.jwk(alg=None)]}))
    (as_rs256,), (as_ps256,) = (
        source.value.find(rsa.kid, "RS256"),
        source.value.find(rsa.kid, "PS256"),
    )
    first, second = source.validity_of(as_rs256), source.validity_of(as_ps256)
    clock.advance(600)
    obtain(source).send(answer({"keys": [rsa.jwk()]}))
    assert first.valid
    assert not second.valid


def test_a_set_that_was_overtaken_withdraws_nothing(source, clock):
    """The leader of the older load hung, and the waiting requests gave it up."""
    stuck = obtain(source)
    source._flights.reset_after_fork()
    clock.advance(1)
    begin(source, OTHER_KEY)
    rests_on = validity(source, OTHER_KEY)
    assert [key.kid for key in stuck.send(key_set(KEY)).result.keys] == [OTHER_KEY.kid]
    assert rests_on.valid


def test_a_set_that_was_overtaken_by_an_empty_one_does_not_count(source, clock):
    stuck = obtain(source)
    source._flights.reset_after_fork()
    clock.advance(1)
    obtain(source).send(key_set())
    assert stuck.send(key_set(KEY)).cause == "waiting"
    assert source.value is None


@pytest.mark.parametrize(("seconds", "young"), [(299, True), (300, True), (301, False)])
def test_a_set_is_young_for_five_minutes(source, clock, seconds, young):
    begin(source)
    clock.advance(seconds)
    assert source.is_young is young


@pytest.mark.parametrize("content", [b"{}", Unreachable("file", "missing")])
def test_keys_from_a_file_that_cannot_be_used(clock, content):
    source = make_server(clock, jwks_uri=None, jwks_file="/keys.json").keys
    steps = obtain(source)
    assert steps.path == "/keys.json"
    assert steps.send(content).cause == ("answer" if content == b"{}" else "file")


def test_keys_from_a_file_are_read_again_like_any_other(clock):
    """The file of `jwks_file` may be mounted, and then its content changes."""
    source = make_server(clock, jwks_uri=None, jwks_file="/keys.json").keys
    assert [key.kid for key in obtain(source).send(key_set(KEY).body).result.keys] == [KEY.kid]
    assert lasts(source, clock, 600)
    assert obtain(source).path == "/keys.json"


def test_without_a_place_there_are_no_keys(clock):
    source = make_server(clock, jwks_uri=None).keys
    assert obtain(source).send(DOWN).cause == DOWN.cause


def test_a_withdrawn_issuer_vouches_for_nothing_any_longer(clock):
    """Nor does a set that comes later, from a load that was under way."""
    server = make_server(clock)
    source = server.keys
    begin(source)
    before = validity(source)
    late = Steps(source.load())
    assert before.issuer.valid
    server.withdraw(replaced=False)
    late.send(key_set(KEY, OTHER_KEY))
    for each in (before, validity(source), validity(source, OTHER_KEY), server.validity):
        assert not each.issuer.valid
