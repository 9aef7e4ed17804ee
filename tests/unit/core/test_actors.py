"""Actors of a token (RFC 8693 §4.1), and the arguments of the policies about them."""

from __future__ import annotations

import pickle
from copy import deepcopy

import pytest

from iiniit_guard.core.cache.entry import pack, unpack
from iiniit_guard.core.model.access_token import AccessToken, Claims
from iiniit_guard.core.model.actor import Actor
from iiniit_guard.core.model.demands import actor_forbidden, actor_required, demands_of
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import SettingsError, UsageError
from iiniit_guard.rules import Rule, Rules
from iiniit_guard.rules.tables import rules_from_tables
from iiniit_guard.starlette import forbid_actor, require_actor
from iiniit_guard.testing import Issuer


def test_the_actors_of_a_token_current_one_first():
    act = {
        "sub": "https://service16.example.com",
        "iss": "https://partner.test",
        "sub_profile": "service AI_agent",
        "level": [1, 2],
        "act": {"client_id": "https://service77.example.com"},
    }
    issuer = Issuer()
    current, previous = issuer.guard().verify(issuer.token(act=act)).actors

    assert (current.subject, current.issuer) == (
        "https://service16.example.com",
        "https://partner.test",
    )
    assert (current.client_id, current.profiles) == (None, {"service", "ai_agent"})
    assert current.claims["level"] == (1, 2)
    assert "act" not in current.claims
    assert (previous.subject, previous.client_id) == (None, "https://service77.example.com")
    assert "service16" not in repr(current)
    with pytest.raises(TypeError):
        current.claims["sub"] = "x"  # type: ignore[index]


def test_a_token_without_delegation_has_no_actors():
    assert AccessToken("https://issuer.test").actors == ()


def test_the_actors_of_a_token_made_by_hand_are_checked():
    with pytest.raises(ValueError, match="act is malformed"):
        AccessToken("https://issuer.test", claims=Claims({"act": {}})).actors  # noqa: B018


def test_a_packed_token_has_the_same_actors():
    token = AccessToken("https://issuer.test", claims=Claims({"act": {"sub": "a"}}))

    assert (
        unpack(pack(token)).actors
        == token.actors
        == (Actor("a", None, None, frozenset(), {"sub": "a"}),)
    )
    assert pickle.loads(pickle.dumps(token)).actors == deepcopy(token).actors == token.actors


@pytest.mark.parametrize(
    "make",
    [
        lambda: actor_required([""]),
        lambda: actor_required([1]),  # type: ignore[list-item]
        lambda: actor_required(profile=""),
        lambda: actor_required(profile="two words"),
        lambda: actor_required(issuer=""),
        lambda: actor_required(profile=1),  # type: ignore[arg-type]
        lambda: actor_forbidden([""]),
        lambda: require_actor(None),  # type: ignore[arg-type]
        lambda: forbid_actor(True),  # type: ignore[arg-type]
        lambda: demands_of(require_actor=""),
        lambda: demands_of(require_actor=()),
        lambda: demands_of(require_actor=None),  # type: ignore[arg-type]
        lambda: demands_of(require_actor=1),  # type: ignore[arg-type]
        lambda: demands_of(require_actor={}),
        lambda: demands_of(require_actor={"sub": "a"}),
        lambda: demands_of(forbid_actor=[]),
        lambda: demands_of(forbid_actor=""),
    ],
)
def test_unusable_arguments(make):
    with pytest.raises(UsageError, match="actor"):
        make()


@pytest.mark.parametrize("decorator", [require_actor, forbid_actor])
def test_a_decorator_without_parentheses(decorator):
    with pytest.raises(UsageError, match=r"called without parentheses; write @\w+_actor\(\)"):
        decorator(lambda request: None)


def test_demands_are_part_of_a_policy():
    one = make_policy(demands=demands_of("billing", ["ai_agent"]))

    assert one == make_policy(demands=demands_of(["billing"], "ai_agent"))
    assert one != make_policy(demands=demands_of("payroll", ["ai_agent"]))
    assert demands_of() == ()


def test_a_rule_names_actors():
    table = {"method": "GET", "path": "/a", "require_actor": {"profile": "ai_agent"}}
    made = rules_from_tables(
        [
            table,
            {"method": "GET", "path": "/b", "require_actor": ["billing", "payroll"]},
            {"method": "GET", "path": "/c", "forbid_actor": True},
            {"method": "GET", "path": "/d", "forbid_actor": "robot ai_agent"},
        ]
    )
    written = Rules(
        [
            Rule("GET", "/a", require_actor={"profile": ["ai_agent"]}),
            Rule("GET", "/b", require_actor=iter(("billing", "payroll"))),
            Rule("GET", "/c", forbid_actor=True),
            Rule("GET", "/d", forbid_actor=("robot", "ai_agent")),
        ]
    )

    for path in ("/a", "/b", "/c", "/d"):
        asked = Request("GET", path)
        assert made.policy_for(asked) == written.policy_for(asked)
        assert made.policy_for(asked) != make_policy()


@pytest.mark.parametrize("name", ["require_actor", "forbid_actor"])
@pytest.mark.parametrize("value", ["", [], None, 0, 1.5, [1], {"unknown": 1}], ids=repr)
def test_a_rule_with_an_unusable_actor_is_a_fault(name, value):
    with pytest.raises(SettingsError, match="actor"):
        rules_from_tables([{"method": "GET", "path": "/a", name: value}])


@pytest.mark.parametrize(
    "rule",
    [
        Rule("GET", "/a", public=True, require_actor=True),
        Rule("GET", "/a", public=True, forbid_actor=True),
    ],
)
def test_a_public_rule_names_no_actor(rule):
    with pytest.raises(SettingsError, match="a public path cannot require anything"):
        Rules([rule])


def test_members_without_meaning_are_not_read():
    issuer = Issuer()
    act = {"sub": "billing", "exp": 1, "nbf": "never", "aud": ["elsewhere"]}

    (actor,) = issuer.guard().verify(issuer.token(act=act)).actors

    assert actor.subject == "billing"
