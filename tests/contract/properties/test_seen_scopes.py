"""The cached scopes of earlier tokens must not change the decision about the next one."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiniit_guard.core.model.access_token import LATEST, AccessToken, Claims
from tests.contract.properties.profile import examples
from tests.unit.core.stepping import API, ISSUER, NOW, make_clock, make_server

# Values of every type and on both sides of every bound, for any claim.
VALUES = [
    *(
        ISSUER,
        API,
        "app",
        "user:read",
        "user:read user:write",
        "bad\u00a0scope",
        "",
        "access",
        "Bearer",
        "DPoP",
        "id",
        "refresh_token",
    ),
    *(
        NOW,
        NOW + 30,
        NOW + 31,
        NOW + 0.5,
        NOW - 5,
        NOW - 4,
        NOW - 6.0,
        0,
        -1,
        -1.0,
        1.0,
        1,
        True,
        False,
        None,
        LATEST,
        math.inf,
        math.nan,
    ),
    *([API], [API, "x"], ["x"], [], {}, {"type": "payment"}, [{"type": "payment"}]),
]
OPTIONAL = (
    *(
        "sub",
        "client_id",
        "azp",
        "jti",
        "nbf",
        "acr",
        "typ",
        "token_use",
        "token_type",
        "cnf",
        "authorization_details",
        "groups",
    ),
    *("nonce", "at_hash", "code"),
)
GOOD = {
    "iss": ISSUER,
    "aud": API,
    "scope": "user:read",
    "exp": NOW + 300,
    "iat": NOW,
    "nbf": NOW,
    "sub": "alice",
    "client_id": "app",
    "azp": "app",
    "jti": "1",
    "groups": ["x"],
    "acr": "2",
}
SETTINGS = {
    "generic": {"profile": "generic"},
    "rfc9068": {},
    "required": {"require_claim": {"acr": "2"}},
    "audience in client_id": {
        "profile": "generic",
        "audience_claim": "client_id",
        "audience": [API, "app"],
    },
    "roles": {"profile": "generic", "scope_claims": ("groups",)},
}


def good_tokens():
    """Good tokens without up to two claims, and with the times as floats."""
    for count in range(3):
        for absent in combinations(GOOD, count):
            claims = {name: value for name, value in GOOD.items() if name not in absent}
            yield claims
            yield {**claims, "token_use": "access"}
            yield {
                name: float(value) if type(value) is int else value
                for name, value in claims.items()
            }


def outcome_of(said):
    return (said, said.claims) if isinstance(said, AccessToken) else (said.reason, said.description)


def taught_by_good_tokens(settings):
    checks = make_server(make_clock(), **settings).checks
    for claims in good_tokens():
        checks.check(claims, NOW, introspected=False)
    assert settings.get("scope_claims") or checks.scopes.seen
    return checks


def compare(taught, claims, settings, *, introspected, typ=None):
    fresh = make_server(make_clock(), **settings).checks
    expected = outcome_of(fresh.check(dict(claims), NOW, introspected=introspected, typ=typ))
    for _ in range(2):  # the second request uses the scopes cached by the first
        taught.check(
            dict(claims), NOW, introspected=not introspected, typ="at+jwt"
        )  # accepted tokens must not cache wrong scopes
        said = outcome_of(taught.check(dict(claims), NOW, introspected=introspected, typ=typ))
        assert said == expected
        assert [repr(dict(part) if isinstance(part, Claims) else part) for part in said] == [
            repr(dict(part) if isinstance(part, Claims) else part) for part in expected
        ], "True is not 1"


@pytest.mark.unmeasured
@pytest.mark.parametrize("introspected", [False, True], ids=["jwt", "introspected"])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_what_was_learned_changes_no_answer_about_one_other_claim(settings, introspected):
    taught = taught_by_good_tokens(settings)
    for name in (*GOOD, *OPTIONAL):
        for value in VALUES:
            compare(taught, {**GOOD, name: value}, settings, introspected=introspected)


@pytest.mark.unmeasured
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_what_was_learned_changes_no_answer(settings):
    taught = taught_by_good_tokens(settings)
    names = st.lists(st.sampled_from([*GOOD, *OPTIONAL]), max_size=3, unique=True)
    changes = names.flatmap(
        lambda chosen: st.fixed_dictionaries(dict.fromkeys(chosen, st.sampled_from(VALUES)))
    )

    @examples(300)
    @given(
        changed=changes,
        absent=names,
        introspected=st.booleans(),
        typ=st.sampled_from([None, "jwt", "at+jwt"]),
    )
    def property_(changed, absent, introspected, typ):
        claims = {name: value for name, value in {**GOOD, **changed}.items() if name not in absent}
        compare(
            taught, claims, settings, introspected=introspected, typ=None if introspected else typ
        )

    property_()
