"""Authorization details of a token (RFC 9396), and the arguments of the policies about them."""

from __future__ import annotations

import pickle

import pytest

from iiniit_guard.core.model.access_token import AuthorizationDetail
from iiniit_guard.core.model.demands import demands_of, detail_required
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import SettingsError, UsageError
from iiniit_guard.rules import Rule, Rules
from iiniit_guard.rules.tables import rules_from_tables
from iiniit_guard.testing import Issuer

FULL = {
    "type": "account",
    "locations": ["https://api.test/accounts"],
    "actions": ["list", "read"],
    "datatypes": ["balance"],
    "privileges": ["owner"],
    "identifier": "account-7",
    "limit": {"amount": ["100"]},
}


def test_the_details_of_one_type():
    issuer = Issuer()
    token = issuer.guard().verify(
        issuer.token(authorization_details=[{"type": "other"}, FULL, {"type": "account"}])
    )
    full, bare = token.details_of("account")

    assert (full.type, full.locations) == ("account", ("https://api.test/accounts",))
    assert (full.actions, full.datatypes) == (("list", "read"), ("balance",))
    assert (full.privileges, full.identifier) == (("owner",), "account-7")
    assert full["limit"]["amount"] == ("100",)
    assert (bare.locations, bare.actions, bare.datatypes, bare.privileges) == ((), (), (), ())
    assert bare.identifier is None
    assert full == token.authorization_details[1]
    assert token.details_of("Account") == ()
    with pytest.raises(AttributeError):
        full.type = "x"


def test_a_detail_is_pickled_as_itself():
    detail = AuthorizationDetail(FULL)
    again = pickle.loads(pickle.dumps(detail))

    assert type(again) is AuthorizationDetail
    assert again == detail


def test_a_repr_holds_no_value():
    issuer = Issuer()
    token = issuer.guard().verify(issuer.token(authorization_details=[FULL]))

    assert "account-7" not in repr(
        (token, token.authorization_details, token.details_of("account"))
    )


async def later(detail: AuthorizationDetail) -> bool:
    return True


@pytest.mark.parametrize(
    "make",
    [
        lambda: detail_required(""),
        lambda: detail_required(None),  # type: ignore[arg-type]
        lambda: detail_required("a", "b"),  # type: ignore[arg-type]
        lambda: detail_required("a", later),
        lambda: demands_of(authorization_details=""),
        lambda: demands_of(authorization_details=[]),
        lambda: demands_of(authorization_details={}),
        lambda: demands_of(authorization_details=[1]),  # type: ignore[list-item]
        lambda: demands_of(authorization_details=True),  # type: ignore[arg-type]
        lambda: demands_of(authorization_details={"a": 1}),
    ],
)
def test_unusable_arguments(make):
    with pytest.raises(UsageError, match="authorization_details"):
        make()


def test_a_rule_names_types():
    table = {"method": "GET", "path": "/a", "authorization_details": ["payment", "account"]}
    rules = rules_from_tables([table])
    written = Rules([Rule("GET", "/a", authorization_details=("account", "payment"))])
    asked = Request("GET", "/a")

    assert rules.policy_for(asked) == written.policy_for(asked)
    assert rules.policy_for(asked) == make_policy(
        demands=(detail_required("account"), detail_required("payment"))
    )


def test_a_predicate_that_raises_is_not_a_grant():
    issuer = Issuer()
    token = issuer.guard().verify(issuer.token(authorization_details=[{"type": "a"}]))
    policy = make_policy(demands=(detail_required("a", lambda detail: detail["missing"]),))

    with pytest.raises(KeyError):
        policy.check(token, issuer.clock.wall)


@pytest.mark.parametrize("value", ["", [], None, True, [1], {"a": 1}], ids=repr)
def test_a_rule_with_unusable_types_is_a_fault(value):
    with pytest.raises(SettingsError, match="authorization_details: "):
        rules_from_tables([{"method": "GET", "path": "/a", "authorization_details": value}])


def test_a_public_rule_names_no_types():
    with pytest.raises(SettingsError, match="a public path cannot require anything"):
        Rules([Rule("GET", "/a", public=True, authorization_details="a")])
