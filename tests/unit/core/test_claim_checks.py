"""Claim checks: limits, order and result; tests/contract/cases/claims.py has more rows."""

from __future__ import annotations

import math

import pytest

from iiniit_guard.core.model.access_token import AccessToken, is_time
from iiniit_guard.core.model.problem import Problem, Reason
from tests.unit.core.stepping import API, CREDENTIALS, ISSUER, NOW, make_clock, make_server

GOOD = {"iss": ISSUER, "aud": API, "exp": NOW + 300}
STRICT = {**GOOD, "sub": "s", "client_id": "c", "iat": NOW, "jti": "j"}


def check(claims, *, introspected=False, now=NOW, **settings):
    return make_server(make_clock(), **settings).checks.check(
        dict(claims), now, introspected=introspected
    )


def reason_of(claims, **arguments):
    outcome = check(claims, **arguments)
    return outcome.reason if isinstance(outcome, Problem) else None


def without(claims, name):
    return {key: value for key, value in claims.items() if key != name}


@pytest.mark.parametrize("introspected", [False, True])
@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        pytest.param({"exp": NOW - 4}, None, id="exp, leeway - 1"),
        pytest.param({"exp": NOW - 5}, Reason.EXPIRED, id="RFC 7519 §4.1.4: on or after"),
        pytest.param({"exp": NOW - 6}, Reason.EXPIRED, id="exp, leeway + 1"),
        pytest.param({"exp": "1"}, Reason.MALFORMED_CLAIM, id="exp as text"),
        pytest.param({"nbf": NOW + 29}, None, id="nbf, leeway - 1"),
        pytest.param({"nbf": NOW + 30}, None, id="nbf, leeway"),
        pytest.param({"nbf": NOW + 31}, Reason.NOT_YET_VALID, id="RFC 7519 §4.1.5"),
        pytest.param({"nbf": None}, None, id="nbf null"),
        pytest.param({"iat": NOW + 30}, None, id="iat, leeway"),
        pytest.param({"iat": NOW + 31}, Reason.ISSUED_IN_FUTURE, id="RFC 7519 §4.1.6"),
        pytest.param({"iat": "now"}, Reason.MALFORMED_CLAIM, id="iat as text"),
        pytest.param(
            {"exp": NOW - 99, "nbf": NOW + 99}, Reason.EXPIRED, id="exp is looked at first"
        ),
    ],
)
def test_times(claims, reason, introspected):
    assert reason_of({**GOOD, **claims}, introspected=introspected) is reason


@pytest.mark.parametrize(
    ("claims", "begins"),
    [
        ({"iat": NOW}, NOW - 30),
        ({"nbf": NOW + 5}, NOW - 25),
        ({"iat": NOW, "nbf": NOW - 5}, NOW - 30),
        ({"iat": NOW - 5, "nbf": NOW}, NOW - 30),
        ({"iat": NOW, "nbf": None}, NOW - 30),
        ({"iat": None}, -math.inf),
        ({}, -math.inf),
    ],
)
def test_before_which_moment_a_token_is_refused(claims, begins):
    """RFC 7519 §4.1.5; also if the clock is set back while the token is cached."""
    assert make_server(make_clock()).checks.valid_from(claims) == begins


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, True),
        (1.5, True),
        (253_402_300_799, True),
        (253_402_300_800, False),
        (-1, False),
        (-0.5, False),
        (True, False),
        ("1", False),
        (None, False),
        (math.nan, False),
        (math.inf, False),
        (2**63, False),
    ],
)
def test_a_time_is_a_number_between_1970_and_9999(value, expected):
    """RFC 7519 §2, NumericDate."""
    assert is_time(value) is expected


@pytest.mark.parametrize(
    ("missing", "signed", "introspected"),
    [
        ("iss", Reason.MALFORMED_CLAIM, None),
        ("exp", Reason.MALFORMED_CLAIM, None),
        ("aud", Reason.WRONG_AUDIENCE, Reason.WRONG_AUDIENCE),
    ],
)
def test_what_may_be_missing(missing, signed, introspected):
    """RFC 9068 §2.2. RFC 7662 §2.2 makes every member optional, but `aud` is required."""
    claims = without(GOOD, missing)
    assert reason_of(claims) is signed
    assert reason_of(claims, introspected=True) is introspected


def test_a_missing_audience_is_accepted_only_where_that_was_named_for_its_harm():
    claims = without(GOOD, "aud")
    opened = {"insecure_accept_missing_audience": True, "introspection": CREDENTIALS}
    assert reason_of(claims, introspected=True, **opened) is None
    assert reason_of(claims, **opened) is Reason.WRONG_AUDIENCE
    assert reason_of({**claims, "aud": None}, introspected=True, **opened) is Reason.MALFORMED_CLAIM
    assert reason_of({**claims, "aud": "x"}, introspected=True, **opened) is Reason.WRONG_AUDIENCE
    assert reason_of({**claims, "aud": []}, introspected=True, **opened) is None, (
        "an empty list names no audience (Ory Hydra)"
    )
    assert reason_of({**claims, "aud": []}, **opened) is Reason.WRONG_AUDIENCE
    assert reason_of({**claims, "aud": ["x"]}, introspected=True, **opened) is Reason.WRONG_AUDIENCE


@pytest.mark.parametrize(
    ("aud", "reason"),
    [
        ([API, "x"], None),
        (["x"], Reason.WRONG_AUDIENCE),
        ([], Reason.WRONG_AUDIENCE),
        ([API, 1], Reason.MALFORMED_CLAIM),
        ({API: 1}, Reason.MALFORMED_CLAIM),
        (API + "/", Reason.WRONG_AUDIENCE),
    ],
)
def test_audience(aud, reason):
    """RFC 7519 §4.1.3: compared exactly."""
    assert reason_of({**GOOD, "aud": aud}) is reason


def test_another_claim_can_name_the_audience():
    outcome = check(
        {**GOOD, "aud": "x", "client_id": "api-client"},
        audience=["api-client"],
        audience_claim="client_id",
    )
    assert isinstance(outcome, AccessToken)
    assert outcome.audience == ("api-client",)


@pytest.mark.parametrize("introspected", [False, True])
@pytest.mark.parametrize("iss", [ISSUER + "/", "https://evil.test", ""])
def test_another_issuer(iss, introspected):
    """RFC 7519 §4.1.1: compared exactly."""
    assert reason_of({**GOOD, "iss": iss}, introspected=introspected) is Reason.UNKNOWN_ISSUER
    assert reason_of({**GOOD, "iss": [iss]}, introspected=introspected) is Reason.MALFORMED_CLAIM


@pytest.mark.parametrize("claim", ["sub", "client_id", "azp", "jti"])
def test_names_are_strings(claim):
    assert reason_of({**GOOD, claim: None}) is None
    assert reason_of({**GOOD, claim: ["a"]}) is Reason.MALFORMED_CLAIM


@pytest.mark.parametrize("claim", ["sub", "client_id", "iat", "jti"])
def test_rfc9068_demands_all_of_its_claims(claim):
    """RFC 9068 §2.2."""
    assert reason_of(STRICT, profile="rfc9068") is None
    outcome = check(without(STRICT, claim), profile="rfc9068")
    assert isinstance(outcome, Problem)
    assert claim in outcome.description
    assert reason_of(without(STRICT, claim)) is None
    assert reason_of(without(STRICT, claim), profile="rfc9068", introspected=True) is None, (
        "RFC 7662 §2.2: optional"
    )


@pytest.mark.parametrize("claim", ["sub", "client_id", "jti"])
@pytest.mark.parametrize("scope", [{}, {"scope": "a"}], ids=["", "as others that passed"])
def test_an_empty_text_is_no_value_under_rfc9068(claim, scope):
    """RFC 9068 §2.2."""
    checks = make_server(make_clock(), profile="rfc9068").checks
    assert isinstance(checks.check({**STRICT, **scope}, NOW, introspected=False), AccessToken)
    outcome = checks.check({**STRICT, **scope, claim: ""}, NOW, introspected=False)
    assert isinstance(outcome, Problem)
    assert outcome.description == f"The claim {claim} of the access token is missing or malformed."
    assert isinstance(
        checks.check({**STRICT, **scope, claim: ""}, NOW, introspected=True), AccessToken
    )
    assert reason_of({**STRICT, **scope, claim: ""}) is None


def test_an_answer_about_a_token_of_a_strict_issuer_may_write_scopes_in_its_own_way():
    for claims in ({"scope": ["a"]}, {"scp": "a"}, {"scp": ["a"]}):
        token = check({**GOOD, **claims}, profile="rfc9068", introspected=True)
        assert isinstance(token, AccessToken)
        assert token.scopes == {"a"}
    assert reason_of({**STRICT, "scope": ["a"]}, profile="rfc9068") is Reason.MALFORMED_CLAIM


@pytest.mark.parametrize("cnf", [{"jkt": "x"}, {"x5t#S256": "x"}, {}, None, "x"])
def test_a_bound_token_is_refused(cnf):
    """RFC 7800 §3.1: the guard requires a member that it can check."""
    assert reason_of({**GOOD, "cnf": cnf}) is Reason.UNSUPPORTED_CONFIRMATION


def test_a_malformed_scope():
    assert reason_of({**GOOD, "scope": 1}) is Reason.MALFORMED_CLAIM


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ([{"type": "payment", "amount": {"currency": "EUR"}}], None),
        ([], None),
        ([{"amount": 1}], Reason.MALFORMED_CLAIM),
        ([{"type": 1}], Reason.MALFORMED_CLAIM),
        (["payment"], Reason.MALFORMED_CLAIM),
        ({"type": "payment"}, Reason.MALFORMED_CLAIM),
        (None, Reason.MALFORMED_CLAIM),
    ],
)
def test_authorization_details(details, reason):
    """RFC 9396 §2: an array of objects with a type."""
    assert reason_of({**GOOD, "authorization_details": details}) is reason


def test_what_comes_out():
    details = [{"type": "payment", "actions": ["read"]}]
    token = check(
        {
            **STRICT,
            "aud": [API, "x"],
            "scope": "a b",
            "azp": "z",
            "authorization_details": details,
            "email": "e",
        }
    )
    assert isinstance(token, AccessToken)
    assert (token.issuer, token.subject, token.client_id, token.audience) == (
        ISSUER,
        "s",
        "c",
        (API, "x"),
    )
    assert (token.scopes, token.expires_at, token.issued_at, token.token_id) == (
        {"a", "b"},
        NOW + 300,
        NOW,
        "j",
    )
    assert token.confirmation is None
    assert token.authorization_details[0]["actions"] == ("read",)
    assert token.claims["email"] == "e"
    assert token.claims["azp"] == "z"


def test_what_may_be_absent_is_none():
    token = check({**without(GOOD, "exp"), "azp": "z"}, introspected=True)
    assert isinstance(token, AccessToken)
    assert (token.subject, token.client_id, token.expires_at, token.issued_at, token.token_id) == (
        None,
        "z",
        None,
        None,
        None,
    )
    assert token.authorization_details == ()
    assert token.scopes == frozenset()


def test_refused_tokens_teach_nothing():
    """Other clients of a shared issuer choose scopes; these must not fill the cache."""
    checks = make_server(make_clock()).checks
    for refused in ({"aud": "https://other.test"}, {"exp": NOW - 60}, {"cnf": {}}, {"scope": 1}):
        outcome = checks.check({**GOOD, **refused}, NOW, introspected=False)
        assert isinstance(outcome, Problem)
    assert checks.scopes.seen == {}


def test_its_repr_shows_no_token():
    checks = make_server(make_clock()).checks
    checks.check(
        {**GOOD, "client_id": "canary-client", "scope": "canary-scope"}, NOW, introspected=False
    )
    assert "canary" not in repr(checks)
