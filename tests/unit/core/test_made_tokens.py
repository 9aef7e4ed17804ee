"""Tokens made from checked claims, and how long they and the keys are used."""

from __future__ import annotations

import math

import pytest

from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.jose.jwk import JwkSet
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.problem import Problem
from iiniit_guard.testing import Issuer, SettableClock
from tests.unit.core.stepping import API, ISSUER, NOW, make_clock, make_server

GOOD = {"iss": ISSUER, "aud": API, "exp": NOW + 300}


def checked(checks, claims):
    token = checks.check(dict(claims), NOW, introspected=False)
    assert isinstance(token, AccessToken)
    return token


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"a": 1, "b": None},
        {"groups": ["x", {"y": [1]}]},
        {"act": {"sub": "x"}},
        {"groups": ["x"], "act": {"sub": "x"}},
    ],
    ids=str,
)
def test_claims_are_those_of_the_token_and_frozen(more):
    checks = make_server(make_clock()).checks
    for _ in range(2):
        token = checked(checks, {**GOOD, "iss": f"{ISSUER[:8]}{ISSUER[8:]}", **more})
        assert list(token.claims) == [*GOOD, *more]
        assert len(token.claims) == len(GOOD) + len(more)
        assert {name: token.claims[name] for name in GOOD} == GOOD
        for name, value in more.items():
            held = token.claims[name]
            assert not isinstance(held, (list, dict))
            assert (len(held) if isinstance(value, (list, dict)) else held) == (
                len(value) if isinstance(value, (list, dict)) else value
            )


def test_each_token_has_its_own_audience():
    checks = make_server(make_clock()).checks
    for audience in ([API, "x"], [API, "y"], [API, *map(str, range(7))], [API]):
        for _ in range(2):
            assert checked(checks, {**GOOD, "aud": audience}).audience == tuple(audience)


def test_an_issuer_that_was_not_named_stays_unnamed():
    """RFC 7662 §2.2: `iss` is optional, and an omitted member is not a claim."""
    told = {name: value for name, value in GOOD.items() if name != "iss"}
    token = make_server(make_clock()).checks.check(dict(told), NOW, introspected=True)
    assert isinstance(token, AccessToken)
    assert (token.issuer, list(token.claims), len(token.claims)) == (ISSUER, list(told), len(told))


def test_an_audience_that_is_none_is_named():
    problem = make_server(make_clock()).checks.check({**GOOD, "aud": [1]}, NOW, introspected=False)
    assert isinstance(problem, Problem)
    assert problem.description == "The claim aud of the access token is missing or malformed."


def test_what_a_jwt_rests_on_ends_at_whole_seconds():
    """All tokens of one second have the same end."""
    clock = SettableClock(NOW)
    clock.advance(0.5)
    issuer = Issuer(ISSUER, API, clock=clock)
    with issuer.guard() as guard:
        for _ in range(2):  # by the flow, then at once
            token = issuer.token(expires_in=3600)
            guard.verify(token)
            found = guard._engine.resource.cache.find(digest_of(token))
            assert found is not None
            assert found.valid_until == NOW + 300
            assert found.valid_until_monotonic == math.floor(clock.monotonic()) + 300


@pytest.mark.parametrize(
    ("wall", "monotonic", "serves"),
    [(239, 239, True), (240, 239, False), (239, 240, False), (240, 240, False)],
)
def test_keys_are_current_by_both_clocks(wall, monotonic, serves):
    issuer = Issuer(ISSUER, API, clock=SettableClock(NOW))
    with issuer.guard() as guard:
        guard.verify(issuer.token())
        server = guard._engine.resource.only_server
        assert server is not None
        keys = server.keys
        since = keys.fetched
        keys._fresh_until = (since.wall + 240, since.monotonic + 240)
        now = since._replace(wall=since.wall + wall, monotonic=since.monotonic + monotonic)
        assert isinstance(keys.fresh_at(*now), JwkSet) == serves
        keys.value = None
        assert keys.fresh_at(*keys.fetched) is None
