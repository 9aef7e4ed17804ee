"""Ambiguous paths and methods."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest

from iiniit_guard.core.model.request import Request, request_from_environ, request_from_scope
from iiniit_guard.rules import Rule, Rules
from tests.unit.rules.answers import scope, scoped, seen

AMBIGUOUS = [  # raw target; all of them would match /<path:p>, which requires a scope
    ("a slash in an escape", "/a%2fb"),
    ("in upper case", "/a%2Fb"),
    ("a backslash in an escape", "/a%5cb"),
    ("a backslash", "/a\\b"),
    ("dot segment", "/a/../b"),
    ("its first dot escaped", "/a/%2e./b"),
    ("both", "/a/%2E%2e/b"),
    ("at the end", "/a/.."),
    ("one dot", "/a/./b"),
    ("one dot escaped at the end", "/a/%2e"),
    ("behind an escaped slash", "/a%2f..%2fb"),
    ("two slashes", "/a//b"),
    ("at the front, a host for some", "//evil.example/b"),
    ("at the end", "/a//"),
    ("slash, then an escaped one", "/a/%2fb"),
    ("a path parameter", "/a;x=1/b"),
    ("escaped", "/a%3bx/b"),
    ("a dot segment for Java", "/a/..;/b"),
    ("NUL", "/a%00"),
    ("a newline: Starlette's routes end in $", "/a%0a"),
    ("DEL", "/a%7f"),
    ("C1", "/a%C2%85"),
    ("a raw control character", "/a\x01"),
    ("a raw space", "/a b"),
    ("a raw byte beyond ASCII", "/caf\xe9"),
    ("a fragment", "/a#b"),
    ("escaped twice", "/a%252fb"),
    ("escaped twice, harmless to most", "/%2561dmin"),
    ("no hexadecimal digits", "/a%zz"),
    ("cut off", "/a%2"),
    ("invalid UTF-8", "/a%ff"),
    ("overlong", "/a%c0%af"),
    ("a surrogate", "/a%ed%a0%80"),
    ("what invalid UTF-8 becomes", "/a%EF%BF%BD"),
    ("absolute-form", "http://api.example/a"),
    ("authority-form", "api.example:443"),
    ("asterisk-form", "*"),
    ("empty", ""),
    ("without its slash", "a/b"),
]


def environ(raw: str, *, told: bool = True) -> dict[str, str]:
    path = unquote_to_bytes(raw.partition("?")[0].encode("latin-1")).decode("latin-1")
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        **({"RAW_URI": raw} if told else {}),
    }


@pytest.mark.parametrize(
    "name, raw", AMBIGUOUS, ids=[f"{name}: {raw!r}" for name, raw in AMBIGUOUS]
)
def test_a_path_of_two_meanings_is_refused(name, raw):
    rules = scoped("/<path:p>", "/")
    assert seen(rules.policy_for_target("GET", raw.encode("latin-1"))) == "ambiguous_path"
    if raw:
        assert seen(rules.policy_for(request_from_environ(environ(raw)))) == "ambiguous_path"
        asgi = {
            "type": "http",
            "method": "GET",
            "headers": [],
            "path": environ(raw)["PATH_INFO"],
            "raw_path": raw.encode("latin-1"),
        }
        assert seen(rules.policy_for(request_from_scope(asgi))) == "ambiguous_path"


PLAIN = [
    ("escaped letters", "/%61%C3%A9"),
    ("a percent sign", "/100%25"),
    ("a query with anything", "/a?b=//..%2f;"),
    ("three dots", "/..."),
    ("a dot in front", "/.well-known/x"),
    ("what browsers send unescaped", "/a|b^c!$&'()*+,=:@"),
    ("escaped ? and #", "/a%3Fb%23"),
    ("a space", "/a%20b"),
]


@pytest.mark.parametrize("name, raw", PLAIN, ids=[row[0] for row in PLAIN])
def test_a_path_of_one_meaning_is_judged(name, raw):
    rules = scoped("/<path:p>")
    assert seen(rules.policy_for_target("GET", raw)) == "/<path:p>"
    assert seen(rules.policy_for(request_from_environ(environ(raw)))) == "/<path:p>"


@pytest.mark.parametrize(
    "path",
    ["/a\\b", "/a;b", "/a/../b", "/a%2eb", "/a\x00", "/a\ufffd", "/a" + chr(0xD800), "/a//b", "a"],
)
def test_a_decoded_path_of_two_meanings_is_refused_without_its_target(path):
    assert seen(scoped("/<path:p>").policy_for(Request("GET", path))) == "ambiguous_path"


SLASHES = [  # rules (path, allow_encoded_slash), raw target, for the gateway, for the middleware
    (
        [("/p/<id>", True)],
        "/p/a%2Fb",
        "/p/<id>",
        "ambiguous_path",
    ),  # the application routes /p/a/b, for which there is no rule
    ([("/p/<id>", False)], "/p/a%2Fb", "ambiguous_path", "ambiguous_path"),
    ([("/p/<path:id>", True)], "/p/a%2fb", "/p/<path:id>", "/p/<path:id>"),
    ([("/p/<path:id>", False)], "/p/a%2fb", "ambiguous_path", "ambiguous_path"),
    (
        [("/p/<id>", True), ("/p/admin/<x>", False)],
        "/p/admin%2fx",
        "ambiguous_path",
        "ambiguous_path",
    ),
    ([("/p/<id>", True), ("/p/admin/<x>", True)], "/p/admin%2fx", "ambiguous_path", "/p/admin/<x>"),
    ([("/p/<id>", True)], "/p/a%5Cb", "ambiguous_path", "ambiguous_path"),
    ([("/p/<id>", True)], "/p/..%2Fb", "ambiguous_path", "ambiguous_path"),
    ([("/p/<id>", True)], "/q/a%2Fb", "ambiguous_path", "ambiguous_path"),
    ([("/p/<id>", True)], "/p/a", "/p/<id>", "/p/<id>"),
]


@pytest.mark.parametrize("paths, raw, gateway, middleware", SLASHES, ids=str)
def test_encoded_slashes_pass_where_the_rules_allow_them(paths, raw, gateway, middleware):
    rules = Rules(
        [
            Rule("GET", path, scopes=scope(path), allow_encoded_slash=allowed)
            for path, allowed in paths
        ]
    )
    assert seen(rules.policy_for_target("GET", raw)) == gateway
    assert seen(rules.policy_for(request_from_environ(environ(raw)))) == middleware


def test_a_path_of_the_other_reading_that_lacks_the_method_is_no_way_round():
    rules = Rules(
        [
            Rule("GET", "/p/<id>", scopes="s", allow_encoded_slash=True),
            Rule("POST", "/p/a/<x>", scopes="t", allow_encoded_slash=True),
        ]
    )
    assert seen(rules.policy_for_target("GET", "/p/a%2Fb")) == "ambiguous_path"


NEEDLESS = [  # rules, raw target, for the gateway; the middleware decides on the decoded path
    (["!/healthz", "/<name>"], "/%68ealthz", "ambiguous_path", "pass"),
    (["!/healthz"], "/healt%68z", "ambiguous_path", "pass"),
    (["!/<name>", "/healthz"], "/%68ealthz", "ambiguous_path", "/healthz"),
    (["/@me", "/<name>"], "/%40me", "ambiguous_path", "/@me"),
    (["/a.b", "/<name>"], "/a%2eb", "ambiguous_path", "/a.b"),
    (["/u/<int:id>", "/u/<id>"], "/u/%31", "ambiguous_path", "/u/<int:id>"),
    (["/<a>-<b>", "/<name>"], "/x%2Dy", "ambiguous_path", "/<a>-<b>"),
    (["/<name>"], "/%68ealthz%40x", "/<name>", "/<name>"),
    (["/<name>", "!/a b"], "/a%20b", "pass", "pass"),
    (["/<name>", "/m\u00f6bel"], "/m%C3%B6bel", "/m\u00f6bel", "/m\u00f6bel"),
    (["!/x"], "/%79", "no_rule", "no_rule"),
]


@pytest.mark.parametrize("paths, raw, gateway, middleware", NEEDLESS, ids=str)
def test_an_upstream_may_leave_escapes_undecoded_that_need_none(paths, raw, gateway, middleware):
    rules = Rules(
        [
            Rule(
                "GET",
                path.removeprefix("!"),
                public=path[0] == "!",
                scopes=() if path[0] == "!" else str(number),
            )
            for number, path in enumerate(paths)
        ]
    )

    def path_of(answer):
        return paths[int(answer)] if answer.isdigit() else answer

    assert path_of(seen(rules.policy_for_target("GET", raw))) == gateway
    assert path_of(seen(rules.policy_for(request_from_environ(environ(raw))))) == middleware


def test_both_kinds_of_escapes_must_not_change_the_answer():
    rules = Rules(
        [
            Rule("GET", "/<path:p>", scopes="p", allow_encoded_slash=True),
            Rule("GET", "/a/<x>", scopes="x", allow_encoded_slash=True),
        ]
    )
    assert seen(rules.policy_for_target("GET", "/b%2Fc%61")) == "p"
    assert seen(rules.policy_for_target("GET", "/a/%61%20")) == "x"
    for raw in ("/%61/b", "/%61%2Fb"):
        assert seen(rules.policy_for_target("GET", raw)) == "ambiguous_path"


@pytest.mark.parametrize("target", ["/%68ealthz", "/healt%68z"])
def test_a_preflight_for_a_path_with_a_needless_escape_is_ambiguous(target):
    rules = Rules([Rule("OPTIONS", "/healthz", public=True), Rule("OPTIONS", "/<name>")])
    headers = [(b"origin", b"https://a.example"), (b"access-control-request-method", b"GET")]
    request = Request("OPTIONS", "/healthz", headers=headers)
    assert seen(rules.preflight_policy_for_target(request, "/healthz")) == "pass"
    assert seen(rules.preflight_policy_for_target(request, target)) == "ambiguous_path"


OVERRIDES = [  # method, headers, query, refuse, judge
    ("POST", [(b"x-http-method-override", b"DELETE")], b"", "method_override", "delete"),
    ("POST", [(b"x-http-method-override", b" delete ")], b"", "method_override", "delete"),
    ("POST", [(b"x-http-method-override", b"FOO")], b"", "method_override", "method_override"),
    ("POST", [(b"x-http-method-override", b"")], b"", "method_override", "method_override"),
    (
        "POST",
        [(b"x-http-method-override", b"GET"), (b"x-http-method-override", b"DELETE")],
        b"",
        "method_override",
        "method_override",
    ),
    ("DELETE", [(b"x-http-method-override", b"GET")], b"", "method_override", "method_override"),
    ("POST", [(b"x-http-method", b"GET")], b"", "method_override", "method_override"),
    ("POST", [(b"x-method-override", b"GET")], b"", "method_override", "method_override"),
    ("POST", [(b"x_http_method_override", b"GET")], b"", "method_override", "method_override"),
    ("POST", [], b"a=b&_method=DELETE", "method_override", "method_override"),
    ("POST", [], b"%5Fmethod=DELETE", "method_override", "method_override"),
    ("POST", [], b"a;_method[]=DELETE", "method_override", "method_override"),
    (
        "POST",
        [(b"x-http-method-override", b"GET")],
        b"_method=DELETE",
        "method_override",
        "method_override",
    ),
    ("POST", [], b"a=b", "post", "post"),
    ("POST", [(b"access-control-request-method", b"GET")], b"my_method=1&a=%20", "post", "post"),
]


@pytest.mark.parametrize("method, headers, query, refuse, judge", OVERRIDES, ids=str)
def test_a_method_override_is_refused_or_judged(method, headers, query, refuse, judge):
    written = [Rule(name, "/x", scopes=name.lower()) for name in ("GET", "POST", "DELETE")]
    for rules, expected in (
        (Rules(written), refuse),
        (Rules(written, method_override="judge"), judge),
    ):
        assert seen(rules.policy_for(Request(method, "/x", query, headers))) == expected
        assert seen(rules.policy_for_target(method, b"/x?" + query, headers)) == expected
