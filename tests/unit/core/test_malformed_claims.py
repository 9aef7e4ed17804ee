"""A claim of the wrong type is named; valid claims become fields of the token."""

from __future__ import annotations

import pytest

from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.problem import Problem, Reason
from tests.unit.core.stepping import API, ISSUER, NOW, make_clock, make_server


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"iss": 7}, "iss"),
        ({"exp": "7"}, "exp"),
        ({"exp": None}, "exp"),
        ({"nbf": "7"}, "nbf"),
        ({"iat": True}, "iat"),
        ({"aud": 7}, "aud"),
        ({"aud": ["https://api.test", 7]}, "aud"),
        ({"sub": 7}, "sub"),
        ({"client_id": 7}, "client_id"),
        ({"azp": 7}, "azp"),
        ({"jti": 7}, "jti"),
        ({"scope": 7}, "scope"),
        ({"authorization_details": {}}, "authorization_details"),
    ],
    ids=str,
)
def test_a_malformed_claim_is_named(claims, name):
    clock = make_clock()
    usual = {"iss": ISSUER, "aud": API, "exp": NOW + 300}
    problem = make_server(clock).checks.check({**usual, **claims}, NOW, introspected=False)
    assert isinstance(problem, Problem)
    assert (problem.reason, problem.description) == (
        Reason.MALFORMED_CLAIM,
        f"The claim {name} of the access token is missing or malformed.",
    )


def test_a_claim_and_its_field_are_one_object():
    checks = make_server(make_clock()).checks
    usual = {"iss": ISSUER, "aud": API, "exp": NOW + 300}
    first = checks.check({**usual, "client_id": f"client-{len(usual)}"}, NOW, introspected=False)
    assert isinstance(first, AccessToken)
    assert first.claims["client_id"] is first.client_id
    token = checks.check({"iss": ISSUER, "aud": API, "exp": NOW + 300}, NOW, introspected=False)
    assert isinstance(token, AccessToken)
    assert token.authorization_details == ()
