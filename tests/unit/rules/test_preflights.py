"""Rules and CORS preflights: OPTIONS rules apply, ambiguous paths are refused, others pass."""

from __future__ import annotations

import pytest

from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.core.model.request import Request
from iiniit_guard.rules import Rule, Rules
from tests.unit.rules.answers import seen

RULES = Rules(
    [
        Rule("*", "/admin", scopes="admin"),
        Rule("GET", "/items/<int:id>", scopes="items"),
        Rule(("GET", "OPTIONS"), "/reports", scopes="reports"),
        Rule("GET", "/reports/<id>", scopes="reports"),
        Rule("OPTIONS", "/reports/<path:p>", scopes="options"),
        Rule("OPTIONS", "/open", public=True),
        Rule("POST", "/open", scopes="write"),
        Rule("PUT", "/files/<path:p>", scopes="files", allow_encoded_slash=True),
        Rule("PUT", "/locked/<path:p>", scopes="files"),
        Rule("OPTIONS", "/odd/<path:p>", scopes="odd", allow_encoded_slash=True),
        Rule("OPTIONS", "/shut/<path:p>", scopes="shut"),
    ]
)


def preflight(path, raw=None, announced=b"PUT", query=b"", method="OPTIONS"):
    headers = [(b"origin", b"https://app.example"), (b"access-control-request-method", announced)]
    return Request(
        method, path, query, headers, native=None if raw is None else {"raw_path": raw.encode()}
    )


ROWS = [
    ("/admin", None, None),  # * names no method
    ("/items/7", None, None),
    ("/nowhere", None, None),
    ("/reports", None, "reports"),
    ("/reports/7", None, "options"),  # a wider rule is the only one that names OPTIONS
    ("/open", None, "pass"),
    ("", None, None),
    ("/a//admin", None, "ambiguous_path"),
    ("/a/../admin", None, "ambiguous_path"),
    ("/admin;x", None, "ambiguous_path"),
    ("/\ufffd", None, "ambiguous_path"),
    ("/admin", "http://x/admin", "ambiguous_path"),
    ("/admin", "/admin", None),
    ("/files/a/b", "/files/a%2Fb", None),
    ("/locked/a/b", "/locked/a%2Fb", "ambiguous_path"),
    ("/nowhere/b", "/nowhere%2Fb", "ambiguous_path"),
    ("/odd/a/b", "/odd/a%2Fb", "odd"),
    ("/shut/a/b", "/shut/a%2Fb", "ambiguous_path"),
]


@pytest.mark.parametrize("path, raw, expected", ROWS, ids=str)
def test_a_preflight_under_rules(path, raw, expected):
    answer = RULES.preflight_policy_for(preflight(path, raw))
    assert (None if answer is None else seen(answer)) == expected
    assert seen(
        make_admission(rules=RULES, preflights="pass").policy_for(preflight(path, raw))
    ) == (expected or "pass")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/admin", None),
        (b"/reports?a=b", "reports"),
        ("/open", "pass"),
        ("/a//admin", "ambiguous_path"),
        ("http://x/admin", "ambiguous_path"),
        ("/files/a%2Fb", None),
        ("/locked/a%2Fb", "ambiguous_path"),
        ("/odd/a%2Fb", "odd"),
    ],
)
def test_a_gateway_asks_by_the_target(target, expected):
    answer = RULES.preflight_policy_for_target(preflight("/elsewhere"), target)
    assert (None if answer is None else seen(answer)) == expected


def test_what_is_announced_need_not_be_a_method():
    for announced in (b"", b"\xff", b"nonsense"):
        assert RULES.preflight_policy_for(preflight("/admin", announced=announced)) is None
    assert RULES.preflight_policy_for(Request("OPTIONS", "/admin")) is None


@pytest.mark.parametrize("query", [b"_method=DELETE", b"%5fmethod=DELETE"])
def test_what_overrides_its_method_is_refused(query):
    for path in ("/admin", "/reports", "/nowhere"):
        assert (
            seen(make_admission(rules=RULES).policy_for(preflight(path, query=query)))
            == "method_override"
        )


def test_two_rules_that_both_name_options_and_could_both_be_meant():
    rules = Rules(
        [
            Rule("OPTIONS", "/<int:a>", scopes="a"),
            Rule("OPTIONS", "/<b>", scopes="b"),
            Rule("GET", "/٣", scopes="c"),
        ]
    )
    assert seen(rules.preflight_policy_for(preflight("/7"))) == "a"
    assert seen(rules.preflight_policy_for(preflight("/x"))) == "b"
    assert seen(rules.preflight_policy_for(preflight("/٣"))) == "ambiguous_path"
