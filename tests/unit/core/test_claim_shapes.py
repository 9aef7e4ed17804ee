"""Claim shapes: a token with a known shape gets the same result as the first one of its shape."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from iiniit_guard.core.claims.checks import ClaimChecks
from iiniit_guard.core.model.access_token import LATEST, AccessToken
from iiniit_guard.core.model.problem import Problem, Reason
from tests.unit.core.stepping import API, ISSUER, NOW, make_clock, make_server

GOOD: dict[str, Any] = {
    "iss": ISSUER,
    "aud": API,
    "exp": NOW + 300,
    "iat": NOW,
    "nbf": NOW,
    "sub": "s",
    "client_id": "c",
    "jti": "j",
    "scope": "user:read",
}
# Values of the same type. The limits are the expiry leeway of 5 s and the clock leeway of 30 s.
OTHERS: dict[str, list[Any]] = {
    "iss": ["", "https://other.example.com"],
    "aud": ["", "https://other.example.com"],
    "exp": [NOW - 4, NOW - 5, NOW - 6, 0, -1, LATEST - 1, LATEST, 2**63],
    "iat": [NOW + 30, NOW + 31, 0, -1, LATEST, 2**63],
    "nbf": [NOW + 30, NOW + 31, 0, -1, LATEST, 2**63],
    "sub": ["", "another"],
    "client_id": ["", "another"],
    "jti": ["", "another"],
    "scope": ["", "user:write", 'user:read "', "a  b"],
}
PROFILES = ["generic", "rfc9068"]


def fresh(profile: str = "generic", **settings: Any) -> ClaimChecks:
    return make_server(make_clock(), profile=profile, **settings).checks


def result_of(checks: ClaimChecks, claims: Any) -> Any:
    outcome = checks.check(dict(claims), NOW, introspected=False, typ="at+jwt")
    return outcome.reason if isinstance(outcome, Problem) else (outcome, dict(outcome.claims))


def warmed(claims: Any, profile: str) -> ClaimChecks:
    checks = fresh(profile)
    for scope in ("user:read", *OTHERS["scope"]):  # known scopes are cached
        checks.check({**claims, "scope": scope}, NOW, introspected=False, typ="at+jwt")
    return checks


@pytest.mark.parametrize("profile", PROFILES)
def test_a_known_shape_changes_no_result(profile):
    checks, accepted = warmed(GOOD, profile), 0
    changes: list[Any] = [(name, value) for name, values in OTHERS.items() for value in values]
    for first, second in combinations(changes, 2):
        claims = {**GOOD, **dict([first, second])}
        expected = result_of(fresh(profile), claims)
        assert result_of(checks, claims) == expected, (first, second)
        accepted += isinstance(expected, tuple)
    assert accepted > 50
    assert len(checks._shapes) == 1


@pytest.mark.parametrize(
    ("claims", "known"),
    [
        pytest.param({}, True, id="every name"),
        pytest.param({"sub": None}, False, id="a null"),
        pytest.param({"aud": [API]}, False, id="a list of audiences"),
        pytest.param({"exp": NOW + 0.5}, False, id="a fraction"),
        pytest.param({"nonce": "n", "scope": "user:read"}, False, id="a mark of another kind"),
        pytest.param({"act": {"sub": "a"}}, False, id="an actor"),
        pytest.param({"cnf": {"jkt": "A" * 43}}, False, id="a bound token"),
        pytest.param({"authorization_details": []}, False, id="authorization details"),
        pytest.param({"roles": ["a"], "deep": {"er": None}}, True, id="other nested claims"),
        pytest.param({f"claim-{number}": 1 for number in range(60)}, False, id="many names"),
        pytest.param({"x" * 1024: 1}, False, id="a long name"),
    ],
)
def test_only_a_shape_that_cannot_refuse_a_token_is_stored(claims, known):
    checks = fresh()
    first = checks.check({**GOOD, **claims}, NOW, introspected=False)
    assert isinstance(first, AccessToken)
    assert any(checks._shapes.values()) == known
    again = checks.check({**GOOD, **claims}, NOW, introspected=False)
    assert isinstance(again, AccessToken)
    assert (again, dict(again.claims)) == (first, dict(first.claims))


def test_a_refused_token_stores_no_shape():
    checks = fresh()
    assert result_of(checks, {**GOOD, "aud": "another"}) is Reason.WRONG_AUDIENCE
    assert not checks._shapes


def test_the_same_names_with_another_type_are_another_shape():
    checks = warmed(GOOD, "generic")
    for name, value in (("exp", True), ("exp", "1"), ("sub", 1), ("scope", 1), ("aud", 1)):
        assert result_of(checks, {**GOOD, name: value}) is Reason.MALFORMED_CLAIM


def test_the_missing_identifiers_of_a_known_shape_are_none():
    checks = fresh()
    claims = {name: GOOD[name] for name in ("iss", "aud", "exp", "scope")}
    for _ in range(2):
        token = checks.check(dict(claims), NOW, introspected=False)
        assert isinstance(token, AccessToken)
        assert (token.subject, token.client_id, token.token_id, token.issued_at) == (None,) * 4
    assert len(checks._shapes) == 1


def test_further_checks_apply_to_every_token():
    checks = fresh(require_claim={"tenant": "a"})
    assert isinstance(checks.check({**GOOD, "tenant": "a"}, NOW, introspected=False), AccessToken)
    assert result_of(checks, {**GOOD, "tenant": "b"}) is Reason.REFUSED_BY_VALIDATOR


def test_the_number_of_shapes_is_bounded():
    checks = fresh()
    for number in range(200):
        checks.check({**GOOD, f"claim-{number}": 1}, NOW, introspected=False)
        assert 0 < len(checks._shapes) <= 64
