"""Policies of handlers: scopes and step-up."""

from __future__ import annotations

import math

import pytest

from iiniit_guard.core.model.access_token import AccessToken, Claims, Principal
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy, make_policy, scope_policy
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.errors import UsageError

NOW = 1_800_000_000
STEP_UP = Reason.INSUFFICIENT_AUTHENTICATION


def token(*scopes, **claims):
    return AccessToken("https://issuer.test", scopes=frozenset(scopes), claims=Claims(claims))


def refusal(policy, who):
    problem = policy.check(who, lambda: NOW)
    return None if problem is None else problem.reason


@pytest.mark.parametrize(
    ("policy", "scopes", "reason"),
    [
        pytest.param(ANY_TOKEN, [], None, id="any token"),
        pytest.param(
            make_policy(["a", "b"]), ["a", "b", "c"], None, id="RFC 6750 §3.1: all of them"
        ),
        pytest.param(make_policy(["a", "b"]), ["a"], Reason.MISSING_SCOPE, id="one of all"),
        pytest.param(make_policy(["a", "b"], match="any"), ["b"], None, id="any of them"),
        pytest.param(
            make_policy(["a", "b"], match="any"), ["c"], Reason.MISSING_SCOPE, id="none of any"
        ),
        pytest.param(
            make_policy(["a"]), ["A"], Reason.MISSING_SCOPE, id="RFC 6749 §3.3: case-sensitive"
        ),
    ],
)
def test_scopes(policy, scopes, reason):
    assert refusal(policy, token(*scopes)) is reason
    assert refusal(policy, Principal("ApiKey", scopes=frozenset(scopes))) is reason


@pytest.mark.parametrize(
    ("policy", "claims", "reason"),
    [
        pytest.param(
            make_policy(acr_values="silver gold"),
            {"acr": "gold"},
            None,
            id="RFC 9470 §4: one of acr_values",
        ),
        pytest.param(
            make_policy(acr_values=["gold"]), {"acr": "silver"}, STEP_UP, id="another acr"
        ),
        pytest.param(make_policy(acr_values=["gold"]), {}, STEP_UP, id="no acr"),
        pytest.param(
            make_policy(acr_values=["gold"]), {"acr": ("gold",)}, STEP_UP, id="acr as a list"
        ),
        pytest.param(make_policy(max_age=60), {"auth_time": NOW - 59}, None, id="max_age - 1"),
        pytest.param(make_policy(max_age=60), {"auth_time": NOW - 60}, None, id="max_age"),
        pytest.param(make_policy(max_age=60), {"auth_time": NOW - 61}, STEP_UP, id="max_age + 1"),
        pytest.param(
            make_policy(max_age=60), {"auth_time": NOW - 60.5}, STEP_UP, id="a fraction over"
        ),
        pytest.param(make_policy(max_age=60), {}, STEP_UP, id="no auth_time"),
        pytest.param(
            make_policy(max_age=60), {"auth_time": str(NOW)}, STEP_UP, id="auth_time as text"
        ),
        pytest.param(
            make_policy(max_age=NOW), {"auth_time": True}, STEP_UP, id="auth_time true is not 1"
        ),
        pytest.param(
            make_policy(max_age=60),
            {"auth_time": NOW + 30},
            None,
            id="auth_time as far ahead as clocks differ",
        ),
        pytest.param(
            make_policy(max_age=60), {"auth_time": NOW + 31}, STEP_UP, id="auth_time still to come"
        ),
        pytest.param(
            make_policy(max_age=60),
            {"auth_time": NOW * 1000},
            STEP_UP,
            id="auth_time in milliseconds",
        ),
        pytest.param(
            make_policy(max_age=60),
            {"auth_time": 10**400},
            STEP_UP,
            id="auth_time too large for arithmetic",
        ),
        pytest.param(
            make_policy(max_age=60), {"auth_time": math.inf}, STEP_UP, id="auth_time infinite"
        ),
        pytest.param(make_policy(max_age=60), {"auth_time": math.nan}, STEP_UP, id="auth_time NaN"),
        pytest.param(make_policy(max_age=0), {"auth_time": NOW}, None, id="max_age 0, just now"),
        pytest.param(
            make_policy(acr_values="gold", max_age=60),
            {"acr": "gold", "auth_time": NOW - 99},
            STEP_UP,
            id="strong but old",
        ),
    ],
)
def test_step_up(policy, claims, reason):
    """RFC 9470 §3, §5."""
    assert refusal(policy, token(**claims)) is reason


def test_authentication_comes_before_scope():
    """RFC 9470 §5: one new authorization request obtains both."""
    assert refusal(make_policy(["a"], max_age=1), token()) is STEP_UP
    assert refusal(make_policy(["a"], max_age=1), token(auth_time=NOW)) is Reason.MISSING_SCOPE


def test_a_principal_has_no_authentication_time():
    assert (
        refusal(make_policy(max_age=1), Principal("ApiKey", details={"auth_time": NOW})) is STEP_UP
    )
    assert refusal(make_policy(acr_values="x"), Principal("ApiKey")) is STEP_UP


def test_what_is_plain_needs_no_clock():
    assert make_policy(["a"]).plain
    assert not make_policy(["a"], match="any").plain
    assert not make_policy(max_age=1).plain
    assert not make_policy(acr_values="x").plain


def test_a_policy_is_a_value():
    """A decorator copies and freezes its settings when it is applied."""
    scopes = ["a", "b", "a"]
    policy = make_policy(scopes)
    scopes.append("c")
    assert policy == Policy(("a", "b"))
    assert hash(policy) == hash(Policy(("a", "b")))
    assert policy.challenge_scope == "a b"
    assert make_policy(["a", "b"], match="any").challenge_scope == "a"
    assert make_policy(anonymous=True).anonymous


@pytest.mark.parametrize("scope", ["", "a b", 'a"b', "a\\b", "é", "a\n", 1, None])
def test_what_is_no_scope_is_a_mistake_in_the_code(scope):
    """RFC 6749 §3.3."""
    with pytest.raises(UsageError, match="invalid scope"):
        make_policy([scope])


@pytest.mark.parametrize("value", ["", "a  b", ["a b"], ["é"], [1]])
def test_what_is_no_acr_value_is_a_mistake_in_the_code(value):
    """RFC 9470 §3: space-separated."""
    with pytest.raises(UsageError, match="invalid acr value"):
        make_policy(acr_values=value)


@pytest.mark.parametrize("value", [-1, 1.5, True, "60"])
def test_what_is_no_max_age_is_a_mistake_in_the_code(value):
    with pytest.raises(UsageError, match="max_age must be a whole number"):
        make_policy(max_age=value)


def test_one_string_is_not_a_list_of_letters():
    with pytest.raises(UsageError, match="scopes must be a list"):
        make_policy("user:read")


def test_the_decorators_policy():
    assert scope_policy(("a", "b"), "any", "x", 5) == Policy(("a", "b"), "any", ("x",), 5)
    with pytest.raises(UsageError, match="at least one scope"):
        scope_policy((), "all", (), None)
    with pytest.raises(UsageError, match="called without scopes"):
        scope_policy((test_scopes,), "all", (), None)  # the argument of a bare decorator


def test_policies_that_are_possible():
    assert make_policy(max_age=0).max_age == 0
    assert make_policy(acr_values="gold silver").acr_values == ("gold", "silver")


@pytest.mark.parametrize("value", ["stop", "", 1, True])
def test_what_is_no_way_to_end_a_connection_is_a_mistake_in_the_code(value):
    with pytest.raises(UsageError, match="long_lived: must be"):
        make_policy(long_lived=value)


def test_a_long_lived_connection_needs_only_some_policies_again():
    lasting = [make_policy(max_age=0), make_policy(acr_values="x"), make_policy(long_lived="off")]
    assert all(policy.lasts for policy in lasting)
    assert not make_policy(["a"], match="any").lasts
