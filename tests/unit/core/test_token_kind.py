"""Access tokens and other tokens of the same issuer; tests/contract/cases/ has more rows."""

from __future__ import annotations

import math

import pytest

from iiniit_guard.core.model.problem import Problem, Reason
from tests.unit.core.stepping import API, ISSUER, NOW, make_clock, make_server

GOOD = {"iss": ISSUER, "aud": API, "exp": NOW + 300}

JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def reason_of(claims, *, introspected=False):
    outcome = make_server(make_clock()).checks.check(dict(claims), NOW, introspected=introspected)
    return outcome.reason if isinstance(outcome, Problem) else None


@pytest.mark.parametrize(
    "claim", ["at_hash", "c_hash", "s_hash", "nonce", "events", "token_introspection", "code"]
)
def test_what_shows_itself_as_another_kind(claim):
    """RFC 8725 §3.12."""
    assert reason_of({**GOOD, claim: None}) is Reason.WRONG_TYPE


def outcome_of(claims, *, typ=None, **settings):
    outcome = make_server(make_clock(), **settings).checks.check(
        {**GOOD, **claims}, NOW, introspected=False, typ=typ
    )
    return outcome.description if isinstance(outcome, Problem) else None


@pytest.mark.parametrize("claim", ["at_hash", "c_hash", "s_hash"])
def test_a_hash_of_an_id_token_needs_the_mark_of_an_access_token(claim):
    """OpenID Connect Core §3.1.3.6, §3.3.2.11; FAPI 1.0 part 2 §5.2.2."""
    said = f"The token carries the claim {claim} of an ID token and no mark of an access token."
    assert outcome_of({claim: "x", "scope": "user:read"}) == said
    assert outcome_of({claim: "x", "client_id": "c", "typ": "JWT", "token_use": "api"}) == said
    for mark in (
        {"token_use": "access"},
        {"token_use": "Access_Token"},
        {"typ": "Bearer"},
        {"typ": "DPOP"},
    ):
        assert outcome_of({claim: "x", **mark}) is None
    for typ, marked in (
        ("at+jwt", True),
        ("iiniit-assertion+jwt", True),
        ("jwt", False),
        (None, False),
    ):
        assert outcome_of({claim: "x"}, typ=typ) == (None if marked else said)
    assert outcome_of({claim: "x"}, insecure_accept_id_tokens=True) is None


@pytest.mark.parametrize(
    ("claims", "good"),
    [
        ({}, False),
        ({"scope": "openid profile email address phone offline_access allatclaims"}, False),
        ({"scope": "openid Openid"}, True),
        ({"scope": "user:read"}, True),
        ({"scope": ["openid", "user:read"]}, True),
        ({"scp": "user:read"}, True),
        ({"scope": "openid", "scp": "user:read"}, False),
        ({"scope": "bad\u00a0scope"}, False),
        ({"roles": ["user:read"]}, False),
        ({"scope": "profile"}, False),
        ({"token_use": "access"}, True),
        ({"typ": "bearer"}, True),
    ],
)
def test_a_nonce_needs_a_mark_or_a_scope_for_an_api(claims, good):
    """OpenID Connect Core §2. Roles and aliases are no scope of the token: ID tokens carry roles
    too.
    """
    said = (
        "The token carries the claim nonce of an ID token, no mark of an access token and no "
        "scope for an API."
    )
    more = {"scope_claims": ["roles"], "scope_aliases": {"profile": "user:read"}}
    assert outcome_of({"nonce": "n", **claims}, **more) == (None if good else said)


@pytest.mark.parametrize("name", ["token_use", "typ"])
@pytest.mark.parametrize(
    "word",
    [
        *(
            "id",
            "id_token",
            "refresh",
            "refresh_token",
            "offline",
            "logout",
            "logout_token",
            "ID",
            "Refresh_Token",
            "OFFLINE",
            "logout+jwt",
        ),
        *(f"urn:ietf:params:oauth:token-type:{kind}" for kind in ("id_token", "refresh_token")),
    ],
)
def test_a_word_for_another_kind_refuses_whatever_else_is_there(name, word):
    """RFC 8725 §3.12."""
    other = {"typ": "Bearer"} if name == "token_use" else {"token_use": "access"}
    for introspected in (False, True):
        assert (
            reason_of({**GOOD, **other, name: word}, introspected=introspected) is Reason.WRONG_TYPE
        )
    assert (
        outcome_of({**other, name: word}, typ="at+jwt")
        == "This kind of token is not an access token."
    )
    assert (
        outcome_of({**other, name: word}, insecure_accept_id_tokens=True)
        == "This kind of token is not an access token."
    )


@pytest.mark.parametrize("value", [None, 1, True, [], {}, ["access"], {"access": 1}, math.nan])
def test_a_kind_that_is_no_text(value):
    """`token_use` only names the kind; `typ` has other uses too."""
    for introspected in (False, True):
        assert (
            reason_of({**GOOD, "token_use": value}, introspected=introspected) is Reason.WRONG_TYPE
        )
        assert reason_of({**GOOD, "typ": value}, introspected=introspected) is None
        assert (
            reason_of({**GOOD, "typ": ["x", "Refresh"]}, introspected=introspected)
            is Reason.WRONG_TYPE
        )
    assert outcome_of({"at_hash": "x", "typ": ["Bearer"]}) is not None, "only text is a mark"


def test_a_letter_that_folds_to_ascii_makes_no_mark():
    """U+212A, the Kelvin sign, is a k in lower case."""
    assert outcome_of({"at_hash": "x", "token_use": "access_to\u212aen"}) is not None


@pytest.mark.parametrize("claim", ["at_hash", "c_hash", "s_hash", "nonce"])
def test_in_an_answer_only_words_count(claim):
    """RFC 7662 §2.2: a server may add what it knows about the grant."""
    assert reason_of({**GOOD, claim: "x", "scope": "openid"}, introspected=True) is None


@pytest.mark.parametrize(
    ("claims", "signed", "introspected"),
    [
        ({"token_use": "access"}, None, None),
        ({"token_use": "id"}, Reason.WRONG_TYPE, Reason.WRONG_TYPE),
        ({"typ": "Bearer"}, None, None),
        ({"typ": "Refresh"}, Reason.WRONG_TYPE, Reason.WRONG_TYPE),
        ({"typ": 1}, None, None),
        ({"token_type": "DPoP"}, None, Reason.UNSUPPORTED_CONFIRMATION),
        ({"typ": "DPoP"}, None, Reason.UNSUPPORTED_CONFIRMATION),
        ({"typ": ["x", "DPoP"]}, None, Reason.UNSUPPORTED_CONFIRMATION),
        ({"token_use": "access_token"}, None, None),
        ({"token_use": "robot"}, None, None),
        ({"token_type": "dpop"}, None, Reason.UNSUPPORTED_CONFIRMATION),
        ({"token_type": "DPoP", "cnf": {"jkt": JKT}}, None, None),
        ({"token_type": "DPoP", "cnf": {"x5t#S256": JKT}}, None, Reason.UNSUPPORTED_CONFIRMATION),
        ({"token_type": "bearer"}, None, None),
        ({"token_type": "refresh_token"}, None, Reason.WRONG_TYPE),
        ({"token_type": None}, None, Reason.WRONG_TYPE),
    ],
)
def test_kinds(claims, signed, introspected):
    """RFC 7662 §2.2: token_type is a member of the answer; in a JWT it is ignored.

    RFC 9449 §6.1: a JWT is bound by its `cnf`, and by no other claim.
    """
    assert reason_of({**GOOD, **claims}) is signed
    assert reason_of({**GOOD, **claims}, introspected=True) is introspected
