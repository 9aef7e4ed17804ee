"""Which claims name the client and the token."""

from __future__ import annotations

import pytest

from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.problem import Problem
from tests.unit.core.test_claim_checks import GOOD, check, without


@pytest.mark.parametrize(
    ("claims", "client_id", "token_id"),
    [
        ({"client_id": "a", "azp": "b", "cid": "c", "appid": "d"}, "a", None),
        ({"azp": "b", "cid": "c", "appid": "d", "jti": "1", "uti": "2"}, "b", "1"),
        ({"cid": "c", "appid": "d", "uti": "2"}, "c", "2"),
        ({"appid": "d"}, "d", None),
        ({"client_id": None, "appid": "d", "jti": None, "uti": "2"}, "d", "2"),
        ({}, None, None),
        ({"client_id": "a", "appid": 7, "jti": "1", "uti": 7}, "a", "1"),
    ],
)
def test_who_the_client_is_by_the_first_claim_that_names_it(claims, client_id, token_id):
    """Okta sends `cid`; Entra ID sends `appid` and `uti`."""
    bare = without(without(GOOD, "client_id"), "jti")
    token = check({**bare, **claims})
    assert isinstance(token, AccessToken)
    assert (token.client_id, token.token_id) == (client_id, token_id)


@pytest.mark.parametrize("claim", ["cid", "appid", "uti"])
def test_the_claim_that_is_used_is_a_string(claim):
    bare = without(without(GOOD, "client_id"), "jti")
    outcome = check({**bare, claim: 7})
    assert isinstance(outcome, Problem)
    assert outcome.description == f"The claim {claim} of the access token is missing or malformed."


def test_the_claims_that_name_the_client_are_a_setting():
    token = check({**GOOD, "app": "x", "tid": "y"}, client_id_claims=["app"], token_id_claims="tid")
    assert isinstance(token, AccessToken)
    assert (token.client_id, token.token_id) == ("x", "y")
    token = check({**GOOD}, client_id_claims=["app"], token_id_claims=["tid"])
    assert isinstance(token, AccessToken)
    assert (token.client_id, token.token_id) == (None, None)
