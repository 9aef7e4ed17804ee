"""The selection of the rule for a request."""

from __future__ import annotations

import pytest

from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.request import Request, request_from_scope
from iiniit_guard.rules import Rule, Rules
from tests.unit.rules.answers import scoped, seen

RULES = Rules(
    [
        Rule("GET", "/v1/user/profile", scopes="user:read"),
        Rule(["PATCH", "put"], "/v1/user/profile", scopes=["user:read", "user:write"]),
        Rule("*", "/v1/user/<name>", scopes="admin"),
        Rule("GET", "/v1/items/<int:number>", any_scope="items all"),
        Rule("GET", "/v1/items/<any(new,old):which>", scopes="age"),
        Rule("GET", "/v1/items/<name>", scopes="names"),
        Rule("GET", "/v1/items/<name>:archive", scopes="archive"),
        Rule("GET", "/files/<path:name>", scopes="files"),
        Rule("GET", "/logs/<path:name>", scopes="logs"),
        Rule("GET", "/logs/<path:name>/history", scopes="history"),
        Rule("GET", "/files/secret/<path:name>", scopes="secret"),
        Rule("GET", "/branch/", scopes="branch"),
        Rule("HEAD", "/branch/", scopes="look"),
        Rule("GET", "/", public=True),
        Rule("*", "/healthz", public=True),
        Rule("GET", "/open", optional_token=True),
        Rule("POST", "/strong", acr_values="gold silver", max_age=60),
    ]
)

MATCHES = [
    ("text before a variable", "GET", "/v1/user/profile", "user:read"),
    ("a method in lower case in the rule", "PUT", "/v1/user/profile", "user:read user:write"),
    (
        "another method of that path is not passed to the looser rule",
        "DELETE",
        "/v1/user/profile",
        "no_rule",
    ),
    ("GET covers HEAD", "HEAD", "/v1/user/profile", "user:read"),
    ("unless HEAD has its own", "HEAD", "/branch/", "look"),
    ("* is every method that is not named", "PROPFIND", "/v1/user/ann", "admin"),
    (
        "a method in lower case reaches DELETE in Flask and Django",
        "delete",
        "/v1/user/ann",
        "no_rule",
    ),
    ("an empty method", "", "/v1/user/ann", "no_rule"),
    ("case counts", "GET", "/V1/user/profile", "no_rule"),
    ("no such path", "GET", "/v1", "no_rule"),
    ("int", "GET", "/v1/items/7", "items|all"),
    ("any", "GET", "/v1/items/new", "age"),
    ("string", "GET", "/v1/items/newer", "names"),
    ("fixed characters beside a variable", "GET", "/v1/items/7:archive", "archive"),
    ("a text shorter than those", "GET", "/v1/items/:a", "names"),
    ("path", "GET", "/files/a/b/c", "files"),
    ("path with a slash at its end", "GET", "/files/a/b/", "files"),
    ("path with text after it", "GET", "/logs/a/b/history", "history"),
    ("path is not empty before text", "GET", "/logs/history", "logs"),
    ("the left counts more", "GET", "/files/secret/x/y", "secret"),
    ("a slash more", "GET", "/v1/user/profile/", "user:read"),
    ("a slash less", "GET", "/branch", "branch"),
    ("root", "GET", "/", "pass"),
    ("an empty path is the root", "GET", "", "pass"),
    ("public", "POST", "/healthz", "pass"),
    ("public is to the letter", "GET", "/healthz/", "no_rule"),
    ("optional_token", "GET", "/open", "optional "),
    ("optional_token is to the letter too", "GET", "/open/", "no_rule"),
]


@pytest.mark.parametrize("name, method, path, expected", MATCHES, ids=[row[0] for row in MATCHES])
def test_the_most_specific_path_decides(name, method, path, expected):
    assert seen(RULES.policy_for(Request(method, path))) == expected
    if path and method:
        assert seen(RULES.policy_for_target(method, path)) == expected


def test_a_rule_becomes_its_policy():
    assert RULES.policy_for(Request("POST", "/strong")) == Policy(
        acr_values=("gold", "silver"), max_age=60
    )
    assert RULES.policy_for(Request("PATCH", "/v1/user/profile")) == Policy(
        ("user:read", "user:write")
    )


def test_a_websocket_is_a_get():
    scope = {"type": "websocket", "path": "/v1/user/profile", "headers": []}
    assert seen(RULES.policy_for(request_from_scope(scope))) == "user:read"


def test_the_middleware_takes_the_rules():
    admission = make_admission(rules=RULES)
    assert seen(admission.policy_for(Request("GET", "/v1/items/7"))) == "items|all"
    assert seen(admission.policy_for(Request("GET", "/x"))) == "no_rule"


def test_the_order_of_rules_is_of_no_matter():
    backwards = Rules(reversed(RULES.rules))
    for _, method, path, expected in MATCHES:
        assert seen(backwards.policy_for(Request(method, path))) == expected


SETTLED = [  # rules that overlap without a fault, a path of both, its required scope
    (["/a/<x>/c", "/a/b/<y>", "/a/b/c"], "/a/b/c", "/a/b/c"),
    (["/a/<path:x>", "/<y>/b", "/a/b"], "/a/b", "/a/b"),
    (["/<int:x>", "/<uuid:x>", "/<float:x>", "/<x>"], "/5", "/<int:x>"),
    (["/<int:x>", "/@<x>"], "/@5", "/@<x>"),
    (["/<int(signed=True):x>", "/<float(signed=True):x>"], "/-5.5", "/<float(signed=True):x>"),
    (["/<x>:a", "/<x>:b", "/<x>"], "/1:b", "/<x>:b"),
    (["/v<int:x>", "/v<x>"], "/v1", "/v<int:x>"),
    (["/<float:x>", "/<x>.<y>"], "/1.5", "/<float:x>"),
    (["/<any(a,b):x>", "/<x>"], "/b", "/<any(a,b):x>"),
    (["/<default:x>", "/<any(a,b):x>-<any(c,d):y>"], "/b-c", "/<any(a,b):x>-<any(c,d):y>"),
    (["/<string(minlength=2):x>", "/<x>"], "/bb", "/<string(minlength=2):x>"),
    (["/<int:x>", "/<int(max=9):x>"], "/9", "/<int(max=9):x>"),
    (["/<int(min=1):x>", "/<int:x>", "/a<x>", "/<x>"], "/ab", "/a<x>"),
    (["/<path:p>/x", "/<path:p>"], "/a/x", "/<path:p>/x"),
    (["/<path:p>/y/x", "/<path:p>/x"], "/a/y/x", "/<path:p>/y/x"),
]


@pytest.mark.parametrize("paths, path, expected", SETTLED, ids=str)
def test_the_narrower_pattern_wins(paths, path, expected):
    for order in (paths, paths[::-1]):
        assert seen(scoped(*order).policy_for(Request("GET", path))) == expected


def test_rules_that_cross_may_want_the_same():
    rules = Rules(
        [
            Rule("GET", "/a/<x>/c", scopes="s t"),
            Rule("GET", "/a/b/<y>", scopes="t s"),
            Rule("POST", "/a/b/<y>", scopes="u"),
        ]
    )
    assert seen(rules.policy_for(Request("GET", "/a/b/c"))) == "t s"


def test_a_rule_is_copied():
    scopes = ["a"]
    rule = Rule(iter(["GET"]), "/x", scopes=scopes)
    scopes.clear()
    assert seen(Rules([rule]).policy_for(Request("GET", "/x"))) == "a"
