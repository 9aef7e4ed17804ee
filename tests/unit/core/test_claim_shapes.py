"""Cached facts about claim shapes must be correct for each token."""

from __future__ import annotations

import math

import pytest

from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.claims import checks as module
from iiniit_guard.core.claims.shapes import make_claim_shape
from iiniit_guard.core.claims.token_kind import KIND_CLAIMS
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
    for _ in range(2):  # the second from the cached shape
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


FULL = {**GOOD, "scope": "a", "sub": "alice", "client_id": "app", "iat": NOW, "jti": "1"}


@pytest.mark.parametrize(
    ("claims", "usual"),
    [
        ({}, True),
        ({"exp": 1.5, "iat": 1.5, "nbf": 1.5}, True),
        ({"groups": ["x"], "act": {}, "azp": "z"}, True),
        *(
            ({name: None}, False)
            for name in (
                "iss",
                "aud",
                "scope",
                "exp",
                "iat",
                "nbf",
                "sub",
                "client_id",
                "azp",
                "jti",
            )
        ),
        *(({name: True}, False) for name in ("exp", "iat", "nbf")),
        *(({name: "1"}, False) for name in ("exp", "iat", "nbf")),
        *(
            ({name: "x"}, False)
            for name in (*sorted(KIND_CLAIMS), "token_type", "cnf", "authorization_details")
        ),
        ({"aud": [API]}, False),
    ],
    ids=str,
)
def test_usual_is_what_values_alone_can_refuse(claims, usual):
    assert make_claim_shape({**FULL, **claims}, audience_claim="aud", strict=True).usual is usual


@pytest.mark.parametrize("absent", FULL)
def test_usual_is_what_has_every_claim_that_counts(absent):
    claims = {name: value for name, value in FULL.items() if name != absent}
    optional = absent in ("sub", "client_id", "iat", "jti")
    assert not make_claim_shape(claims, audience_claim="aud", strict=True).usual
    assert make_claim_shape(claims, audience_claim="aud", strict=False).usual is optional
    assert make_claim_shape(
        {**claims, "client_id": "app"}, audience_claim="client_id", strict=False
    ).usual is (absent == "aud" or optional)


@pytest.mark.parametrize(
    "claims",
    [
        {"iat": NOW + 30},
        {"nbf": NOW + 30, "more": 1},
        {"iat": 0},
        {"nbf": 0},
        {"exp": NOW - 4},
        {"exp": NOW + 0.5, "iat": NOW - 0.5},
        {"iat": None},
        {"acr": "2"},
    ],
    ids=str,
)
def test_a_token_of_a_known_kind_is_compared_and_not_looked_at_again(claims, monkeypatch):
    checks = make_server(
        make_clock(), profile="generic", require_claim={"acr": "2"} if "acr" in claims else {}
    ).checks
    told = {name: value for name, value in {**FULL, **claims}.items() if value is not None}
    first = checked(checks, told)
    monkeypatch.setattr(type(checks), "_decide", None)  # not asked again
    assert checked(checks, told) == first


def test_a_claim_shape_is_computed_once(monkeypatch):
    checks = make_server(make_clock()).checks
    first = checked(checks, GOOD)
    monkeypatch.setattr(module, "make_claim_shape", None)  # not asked again
    assert checked(checks, GOOD) == first


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        pytest.param([str(100 + number) for number in range(61)], True, id="64 names"),
        pytest.param([str(100 + number) for number in range(62)], False, id="65 names"),
        pytest.param(["x" * 1015], True, id="1,024 characters"),
        pytest.param(["x" * 1016], False, id="1,025 characters"),
    ],
)
def test_only_names_that_are_few_and_short_are_remembered(more, kept):
    checks = make_server(make_clock()).checks
    checked(checks, {**GOOD, **dict.fromkeys(more, 1)})
    assert bool(checks._claim_shapes) == kept


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
        keys._refresh_from = 240.0
        now = keys.fetched._replace(
            wall=keys.fetched.wall + wall, monotonic=keys.fetched.monotonic + monotonic
        )
        assert isinstance(keys.fresh_at(*now), JwkSet) == serves
        keys.value = None
        assert keys.fresh_at(*keys.fetched) is None
