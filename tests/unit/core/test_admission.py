"""Requests admitted without a token: preflights with and without rules, public subtrees."""

from __future__ import annotations

import pytest

from iiniit_guard.adapting.admission import PASS, make_admission
from iiniit_guard.adapting.preflight import is_preflight
from iiniit_guard.core.model.policy import ANY_TOKEN, make_policy
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.core.model.request import Request, request_from_environ
from iiniit_guard.errors import SettingsError

HEADERS = ((b"origin", b"https://app.example"), (b"access-control-request-method", b"PUT"))
READ = make_policy(["user:read"])
NO_RULE, AMBIGUOUS, OVERRIDE = (
    PROBLEMS[reason] for reason in (Reason.NO_RULE, Reason.AMBIGUOUS_PATH, Reason.METHOD_OVERRIDE)
)


def preflight(path="/x", *more, query=b""):
    return Request("OPTIONS", path, query, (*HEADERS, *more))


@pytest.mark.parametrize(
    ("header", "is_one"),
    [
        ((b"x_http_method_override", b"DELETE"), False),
        ((b"x_http_method", b"DELETE"), False),
        ((b"x-http_method-override", b"DELETE"), False),
        ((b"transfer_encoding", b"chunked"), False),
        ((b"content_length", b"0"), False),  # no browser sends it in this form
        ((b"x-authorization", b"1"), True),
        ((b"access_control_request_headers", b"authorization"), True),
    ],
)
def test_an_underscore_is_read_as_a_hyphen_for_what_a_preflight_must_not_have(header, is_one):
    """WSGI and CGI fold both names; Starlette's WSGIMiddleware does so behind an ASGI guard."""
    assert is_preflight(preflight("/x", header)) is is_one


def test_an_underscore_is_no_hyphen_for_what_it_must_have():
    """Fetch, CORS-preflight fetch."""
    assert not is_preflight(
        Request("OPTIONS", "/x", headers=(HEADERS[0], (b"access_control_request_method", b"PUT")))
    )


@pytest.mark.parametrize(
    ("query", "is_one"),
    [
        (b"", True),
        (b"a=b&page=%31", True),
        (b"my_method=1&an_access_token=2", True),
        (b"_method=DELETE", False),
        (b"a=b;_method=DELETE", False),
        (b"%5Fmethod=DELETE", False),
        (b"_%6dethod=DELETE", False),
        (b"+_method=DELETE", False),
        (b"_method[]=DELETE", False),
        (b"access_token=x", False),
        (b"a&%61ccess_token=x", False),
    ],
)
def test_a_query_that_overrides_or_carries_a_token_is_no_preflights(query, is_one):
    assert is_preflight(preflight(query=query)) is is_one


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"public": "/x"}, ["public"]),
        ({"public": ["x", "/*", "/a*b", "/a/*/*", 3]}, ["public"] * 5),
        ({"enforce": "some", "preflights": "no"}, ["enforce", "preflights"]),
        *(({"long_lived": value}, ["long_lived"]) for value in ("stop", "", None, True)),
        *(({"optional_token": value}, ["optional_token"]) for value in ("false", "", 0, 1, None)),
        ({"rules": print, "enforce": "declared"}, ["rules", "rules"]),
    ],
)
def test_all_faults_of_the_arguments_are_told_together(arguments, named):
    with pytest.raises(SettingsError) as raised:
        make_admission(**arguments)
    assert [fault.partition(":")[0] for fault in raised.value.faults] == named


class Table:
    """Rules that do not mention preflights."""

    def __init__(self, answer):
        self.answer = answer

    def policy_for(self, request):
        return self.answer


class Preflights(Table):
    """Rules that mention preflights."""

    def policy_for(self, request):
        raise AssertionError

    def preflight_policy_for(self, request):
        return self.answer


@pytest.mark.parametrize(
    ("rules", "wanted", "as_preflight"),
    [
        (None, PASS, True),
        (Table(READ), PASS, True),
        (Table(PASS), PASS, True),
        (Table(NO_RULE), PASS, True),
        (Table(AMBIGUOUS), AMBIGUOUS, False),
        (Table(OVERRIDE), OVERRIDE, False),
        (Preflights(None), PASS, True),
        (Preflights(PASS), PASS, False),
        (Preflights(READ), READ, False),
        (Preflights(NO_RULE), NO_RULE, False),
        (Preflights(AMBIGUOUS), AMBIGUOUS, False),
    ],
)
def test_rules_are_asked_about_a_preflight_first(rules, wanted, as_preflight):
    admission = make_admission(rules=rules, preflights="pass")
    assert admission.policy_for(preflight()) == wanted
    assert admission.passes_as_preflight(preflight()) is as_preflight


@pytest.mark.parametrize(
    ("settings", "request_", "as_preflight"),
    [
        ({}, preflight(), True),
        ({}, Request("OPTIONS", "/x"), False),
        ({}, Request("GET", "/x", headers=HEADERS), False),
        ({"preflights": "guard"}, preflight(), False),
        ({"public": ["/x"]}, preflight(), False),
        ({"public": ["/y"]}, preflight(), True),
        ({"enforce": "declared"}, preflight(), False),
        ({"optional_token": True}, preflight(), False),
    ],
)
def test_what_would_pass_anyhow_does_not_pass_as_a_preflight(settings, request_, as_preflight):
    assert (
        make_admission(**{"preflights": "pass", **settings}).passes_as_preflight(request_)
        is as_preflight
    )


def test_rules_without_preflights_are_asked_like_about_any_request():
    admission = make_admission(rules=Table(READ), preflights="guard")
    assert admission.policy_for(preflight()) == READ
    assert make_admission(preflights="guard").policy_for(preflight()) == ANY_TOKEN


@pytest.mark.parametrize(
    "part",
    ["\ufffd", "\x80", "\x9f", "\x7f", "\x1f", "\\", ";", "%", "%2e", "/", "./x", "../x"],
    ids=ascii,
)
def test_a_subtree_is_not_entered_by_a_path_of_two_meanings(part):
    """As for rules: CWE-22, CWE-158, and U+FFFD, which replaces invalid UTF-8."""
    admission = make_admission(["/open/*"])
    assert admission.is_public("/open/a")
    assert not admission.is_public(f"/open/{part}")


def test_a_header_name_outside_latin_1_is_survived():
    """Servers that put b"x-\\xb5" in upper case as text leave the environ U+039C."""
    environ = {
        "HTTP_" + b"x-\xb5\xff".decode("latin-1").upper().replace("-", "_"): "1",
        "HTTP_ORIGIN": "o",
    }
    assert request_from_environ(environ).headers == [(b"x-?\xff", b"1"), (b"origin", b"o")]


def test_what_a_middleware_asks_for():
    asked, get = preflight(), Request("GET", "/x")
    usual = make_admission()
    assert (usual.policy_for(get), usual.policy_for(asked)) == (ANY_TOKEN, ANY_TOKEN)
    assert usual.policy_for(asked, host_answers=True) == PASS
    assert make_admission(preflights="pass").policy_for(asked) == PASS
    assert (usual.wants_any_token, usual.has_public_paths) == (True, False)
    guarded = make_admission(preflights="guard")
    assert guarded.policy_for(asked) is ANY_TOKEN
    declared = make_admission(enforce="declared")
    assert declared.policy_for(get) is PASS
    assert not declared.wants_any_token
    assert not make_admission(optional_token=False).policy.anonymous
    assert make_admission(optional_token=True).policy.anonymous is True
    assert make_admission(["/x"]).has_public_paths is True
    assert make_admission(["/x/*"]).has_public_paths is True


@pytest.mark.parametrize(
    ("path", "public"),
    [
        *[(path, True) for path in ("/a/b", "/a/", "/a/b c", "/a/b/c")],
        *[(path, False) for path in ("/a", "/ab", "/a//b", "/a/./b", "/a/../b", "/a/..", "/a/.")],
        *[(path, False) for path in ("/a/b;x", "/a/b\\c", "/a/b%", "/a/\x1f", "/a/\x7f")],
    ],
)
def test_a_public_subtree(path, public):
    assert make_admission(["/a/*"]).is_public(path) is public
