"""Faults in rules, and the rules of guard.toml."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import SettingsError
from iiniit_guard.rules import Rule, Rules, rules_from_tables
from tests.unit.rules.answers import seen

# Rules of which two conflict, and the numbers of both, the reported one first.
CONFLICTS = [
    ([Rule("GET", "/a/<x>"), Rule("GET", "/a/<string:y>")], 2, 1),
    ([Rule("GET", "/a"), Rule(["POST", "GET"], "/a")], 2, 1),
    ([Rule("GET", "/a/<x>/c", scopes="s"), Rule("GET", "/a/b/<y>")], 1, 2),
    ([Rule("GET", "/a/<x>/c", scopes="s"), Rule("*", "/a/b/<y>")], 1, 2),
    ([Rule("GET", "/<path:p>/a", scopes="s"), Rule("GET", "/b/<path:p>")], 1, 2),
    ([Rule("GET", "/a<x>", scopes="s"), Rule("GET", "/<x>b")], 1, 2),
    ([Rule("GET", "/<any(a,b):x>", scopes="s"), Rule("GET", "/<any(b,c):x>")], 1, 2),
    (
        [Rule("GET", "/<string(length=2):x>", scopes="s"), Rule("GET", "/<string(maxlength=3):x>")],
        1,
        2,
    ),
    (
        [
            Rule("GET", "/<int:x>", scopes="s"),
            Rule("GET", "/<int(max=3):x>/"),
            Rule("GET", "/<int(min=1):x>", scopes="s"),
        ],
        2,
        3,
    ),
    ([Rule("GET", "/a/<path:p>", scopes="s"), Rule("GET", "/a/<path:p>/")], 1, 2),
    ([Rule("GET", "/a", scopes="s"), Rule("GET", "/a/", public=True)], 1, 2),
    # Flask tries the first one first.
    ([Rule("GET", "/<path:p>/b", scopes="s"), Rule("GET", "/<x>/b")], 1, 2),
]
PATHS = [
    *("a", "", None, "/a//b", "/a%20b", "/{id}", "/x/*", "/x?y", "/x#y", "/<x", "/x>"),
    *("/<slug:x>", "/<int(most=3):x>", "/<any(7):x>", "/<any:x>"),
    *("/<path:a>/x/<path:b>", "/x<path:a>"),
]
# A wrong argument, with the one that the fault must name. TOML or a slip may bring other types.
ARGUMENTS: list[tuple[str, dict[str, Any]]] = [
    ("methods", {"methods": ""}),
    ("methods", {"methods": "G/T"}),
    ("methods", {"methods": [1]}),
    ("scopes", {"scopes": "a", "any_scope": "b"}),
    ("scope", {"scopes": ""}),
    ("scope", {"any_scope": ""}),
    ("acr value", {"acr_values": ""}),
    ("max_age", {"max_age": -1}),
    ("long_lived", {"long_lived": "stop"}),
    ("public", {"public": "false"}),
    ("optional_token", {"optional_token": 0}),
    ("allow_encoded_slash", {"allow_encoded_slash": "no"}),
    ("public", {"public": True, "scopes": "a"}),
    ("public", {"public": True, "max_age": 0}),
    ("public", {"public": True, "optional_token": True}),
]


def faults_of(rules):
    with pytest.raises(SettingsError) as caught:
        Rules(rules)
    return caught.value.faults


@pytest.mark.parametrize(("rules", "reported", "other"), CONFLICTS)
def test_rules_that_conflict(rules, reported, other):
    (fault,) = faults_of(rules)
    assert fault.startswith(f"rules[{reported}] (")
    assert f" rules[{other}] (" in fault


@pytest.mark.parametrize("path", PATHS)
def test_paths(path):
    (fault,) = faults_of([Rule("GET", path)])
    assert fault.startswith(f"rules[1] (GET {path}): path: ")


@pytest.mark.parametrize(("named", "arguments"), ARGUMENTS)
def test_arguments(named, arguments):
    (fault,) = faults_of([Rule(**{"methods": "GET", "path": "/x", **arguments})])
    assert fault.startswith("rules[1] (")
    assert re.match(rf"(invalid )?{named}\b", fault.partition(" /x): ")[2])


def test_faults_are_reported_together():
    found = faults_of(
        [Rule("GET", "/x", scopes='a"b'), Rule("GET", "x", max_age=-1), Rule("G/T", "/y")]
    )
    assert [fault.partition(" (")[0] for fault in found] == [
        *("rules[1]", "rules[2]", "rules[2]", "rules[3]")
    ]


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
long_lived = "off"
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
        ("user:read", "user:write"), acr_values=("gold",), max_age=300, long_lived="off"
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
    starts = [
        *("rules[1] (? /a): method: ", "rules[2] (GET None): path: "),
        *("rules[3] (GET /b): scop: ", "rules[3] (GET /b): public: "),
        *("rules[4] (GET /c): method: ", "rules[4] (GET /c): scope: "),
        *("rules[5] (GET /d): scopes: ", "rules[6] (GET /e): any_scope: "),
        *("rules[6] (GET /e): acr_values: ", "rules[7] (GET /f): max_age"),
        "rules[8] (GET /g): public: ",
    ]
    found = sorted(caught.value.faults)
    assert len(found) == len(starts)
    assert all(map(str.startswith, found, sorted(starts)))
    with pytest.raises(SettingsError, match="method: "):
        rules_from_tables(tables[:1])
