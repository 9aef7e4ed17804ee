"""Faults in rules, and the rules of guard.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

import pytest

from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import SettingsError
from iiniit_guard.rules import Rule, Rules, rules_from_tables
from tests.unit.rules.answers import seen


@dataclass
class Wrong:
    rules: list[Rule]
    says: list[str]


WRONG = [
    Wrong(
        [Rule("GET", "/a/<x>"), Rule("GET", "/a/<string:y>")],
        ["rules[2] (GET /a/<string:y>): rules[1] (GET /a/<x>) has the same"],
    ),
    Wrong(
        [Rule("GET", "/a"), Rule(["POST", "GET"], "/a")],
        ["rules[2] (POST,GET /a): rules[1] (GET /a) has the same method"],
    ),
    Wrong(
        [Rule("GET", "/a/<x>/c", scopes="s"), Rule("GET", "/a/b/<y>")],
        ["rules[1] (GET /a/<x>/c): matches the same paths as rules[2]"],
    ),
    Wrong(
        [Rule("GET", "/a/<x>/c", scopes="s"), Rule("*", "/a/b/<y>")],
        ["rules[1] (GET /a/<x>/c): matches the same paths as rules[2]"],
    ),
    Wrong(
        [Rule("GET", "/<path:p>/a", scopes="s"), Rule("GET", "/b/<path:p>")],
        ["matches the same paths"],
    ),
    Wrong([Rule("GET", "/a<x>", scopes="s"), Rule("GET", "/<x>b")], ["matches the same paths"]),
    Wrong(
        [Rule("GET", "/<any(a,b):x>", scopes="s"), Rule("GET", "/<any(b,c):x>")],
        ["matches the same paths"],
    ),
    Wrong(
        [Rule("GET", "/<string(length=2):x>", scopes="s"), Rule("GET", "/<string(maxlength=3):x>")],
        ["matches the same paths"],
    ),
    Wrong(
        [
            Rule("GET", "/<int:x>", scopes="s"),
            Rule("GET", "/<int(max=3):x>/"),
            Rule("GET", "/<int(min=1):x>", scopes="s"),
        ],
        ["matches the same paths"],
    ),
    Wrong(
        [Rule("GET", "/a/<path:p>", scopes="s"), Rule("GET", "/a/<path:p>/")],
        ["matches the same paths"],
    ),
    Wrong(
        [Rule("GET", "/a", scopes="s"), Rule("GET", "/a/", public=True)], ["matches the same paths"]
    ),
    Wrong(
        [Rule("GET", "/<path:p>/b", scopes="s"), Rule("GET", "/<x>/b")], ["matches the same paths"]
    ),  # Flask tries the first one first
    Wrong([Rule("GET", "a")], ["rules[1] (GET a): path: a path must begin with /"]),
    Wrong([Rule("GET", "")], ["path: a path must begin with /"]),
    Wrong([Rule("GET", None)], ["path: must be a string"]),  # type: ignore[arg-type]  # what TOML or a slip may bring
    Wrong([Rule("GET", "/a//b")], ["path: a path must begin with /"]),
    Wrong([Rule("GET", "/a%20b")], ["written decoded"]),
    Wrong([Rule("GET", "/{id}")], ["a variable is written <name>"]),
    Wrong([Rule("GET", "/x/*")], ["a subtree is written <path:name>"]),
    Wrong([Rule("GET", "/x?y")], ["a path has no query"]),
    Wrong([Rule("GET", "/x#y")], ["a path has no fragment"]),
    Wrong([Rule("GET", "/<x")], ["a variable is written <name> or"]),
    Wrong([Rule("GET", "/x>")], ["a variable is written <name> or"]),
    Wrong(
        [Rule("GET", "/<slug:x>")],
        ["unknown converter 'slug'; available are any, float, int, path, string, uuid"],
    ),
    Wrong([Rule("GET", "/<int(most=3):x>")], ["invalid arguments of the converter 'int'"]),
    Wrong([Rule("GET", "/<any(7):x>")], ["invalid arguments of the converter 'any'"]),
    Wrong([Rule("GET", "/<any:x>")], ["the converter 'any' must list the words"]),
    Wrong([Rule("GET", "/<path:a>/x/<path:b>")], ["<path:name> stands once"]),
    Wrong([Rule("GET", "/x<path:a>")], ["<path:name> stands once"]),
    Wrong(
        [Rule("", "/x"), Rule("G/T", "/y")],
        [
            "rules[1] ( /x): methods: must contain at least one method",
            "rules[2] (G/T /y): methods: a method is a word",
        ],
    ),
    Wrong([Rule([1], "/x")], ["methods: a method is a word"]),  # type: ignore[list-item]  # what TOML or a slip may bring
    Wrong([Rule("GET", "/x", scopes="a", any_scope="b")], ["exclude each other"]),
    Wrong([Rule("GET", "/x", scopes="")], ["invalid scope"]),
    Wrong([Rule("GET", "/x", any_scope="")], ["invalid scope"]),
    Wrong([Rule("GET", "/x", acr_values="")], ["invalid acr value"]),
    Wrong([Rule("GET", "/x", public="false")], ["public: must be true or false"]),  # type: ignore[arg-type]  # out of a variable
    Wrong([Rule("GET", "/x", optional_token=0)], ["optional_token: must be true or false"]),  # type: ignore[arg-type]  # a slip
    Wrong(
        [Rule("GET", "/x", allow_encoded_slash="no")],  # type: ignore[arg-type]  # a slip
        ["allow_encoded_slash: must be true or false"],
    ),
    Wrong([Rule("GET", "/x", public=True, scopes="a")], ["public: "]),
    Wrong([Rule("GET", "/x", public=True, max_age=0)], ["public: "]),
    Wrong([Rule("GET", "/x", public=True, optional_token=True)], ["public: "]),
    Wrong(
        [Rule("GET", "/x", scopes='a"b'), Rule("GET", "x", max_age=-1)],
        ["invalid scope", "max_age must be a whole number", "path: "],
    ),
]


@pytest.mark.parametrize(
    "wrong", WRONG, ids=lambda wrong: " ".join(str(rule.path) for rule in wrong.rules)
)
def test_faults_are_reported_together(wrong):
    with pytest.raises(SettingsError) as caught:
        Rules(wrong.rules)
    assert len(caught.value.faults) == len(wrong.says)
    for fault, says in zip(caught.value.faults, wrong.says, strict=True):
        assert says in fault


def test_method_override_is_one_of_two():
    with pytest.raises(SettingsError, match="method_override"):
        Rules([], method_override="yes")  # type: ignore[arg-type]  # what TOML or a slip may bring


TABLES = """
[[rules]]
method = "GET"
path = "/v1/user/profile"
scope = "user:read"
[[rules]]
methods = ["PUT", "PATCH"]
path = "/v1/user/profile"
scopes = ["user:read", "user:write"]
acr_values = ["gold"]
max_age = 300
[[rules]]
method = "GET"
path = "/v1/items/<id>"
any_scope = "items all"
allow_encoded_slash = true
[[rules]]
method = "*"
path = "/healthz"
public = true
[[rules]]
methods = "GET HEAD"
path = "/news"
optional_token = true
"""


def test_toml_tables():
    rules = rules_from_tables(tomllib.loads(TABLES)["rules"])
    assert seen(rules.policy_for(Request("GET", "/v1/user/profile"))) == "user:read"
    assert rules.policy_for(Request("PUT", "/v1/user/profile")) == Policy(
        ("user:read", "user:write"), acr_values=("gold",), max_age=300
    )
    assert seen(rules.policy_for_target("GET", "/v1/items/a%2fb")) == "items|all"
    assert seen(rules.policy_for(Request("GET", "/healthz"))) == "pass"
    assert seen(rules.policy_for(Request("HEAD", "/news"))) == "optional "
    assert seen(rules.policy_for(Request("POST", "/news"))) == "no_rule"


def test_toml_faults_are_reported_together():
    tables: list[dict[str, object]] = [
        {"path": "/a"},
        {"method": "GET"},
        {"method": "GET", "path": "/b", "scop": "x", "public": "yes"},
        {"method": "GET", "methods": ["PUT"], "path": "/c", "scope": "x", "scopes": "y"},
        {"method": "GET", "path": "/d", "scopes": []},
        {"method": "GET", "path": "/e", "any_scope": [1], "acr_values": 5},
        {"method": "GET", "path": "/f", "max_age": "60"},
        {"method": "GET", "path": "/g", "public": True, "scope": "x"},
    ]
    with pytest.raises(SettingsError) as caught:
        rules_from_tables(tables, method_override="refuse")
    assert sorted(caught.value.faults) == sorted(
        [
            'rules[1] (? /a): method: missing; "*" is every method',
            "rules[2] (GET None): path: missing",
            "rules[3] (GET /b): scop: unknown setting of a rule",
            "rules[3] (GET /b): public: true or false",
            "rules[4] (GET /c): method: this and methods are the same setting",
            "rules[4] (GET /c): scope: this and scopes are the same setting",
            "rules[5] (GET /d): scopes: must be a non-empty string or list of strings",
            "rules[6] (GET /e): any_scope: must be a non-empty string or list of strings",
            "rules[6] (GET /e): acr_values: must be a non-empty string or list of strings",
            "rules[7] (GET /f): max_age must be a whole number of seconds, 0 or more",
            (
                "rules[8] (GET /g): public: a public path cannot require anything; leave out scopes, "
                "acr_values, max_age and optional_token"
            ),
        ]
    )
    with pytest.raises(SettingsError, match="method: missing"):
        rules_from_tables(tables[:1])
