"""Bypasses of the rules that were found with Starlette, Flask and Django, each of them as a row.

Every row shows with the real framework which route the request reaches, whose policy must apply.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import flask
import pytest
from django.urls import Resolver404, URLResolver, path
from django.urls.resolvers import RegexPattern
from starlette.routing import Match, Route

from iiniit_guard.core.model.request import Request, request_from_environ
from iiniit_guard.errors import SettingsError
from iiniit_guard.rules import Rule, Rules
from tests.unit.rules.answers import UUID, scope, seen


def endpoint(*_: object, **__: object) -> str:
    return ""


def starlette(routes: list[str], raw: str) -> str | None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": unquote_to_bytes(raw).decode(),
        "headers": [],
        "root_path": "",
    }
    for route in routes:
        if (
            Route(route.replace("<", "{").replace(">", "}"), endpoint).matches(scope)[0]
            is not Match.NONE
        ):
            return route
    return None


def flask_lax(routes: list[str], raw: str) -> str | None:
    app = flask.Flask("lax", static_folder=None)
    app.url_map.strict_slashes = False
    for route in routes:
        app.add_url_rule(route, endpoint=route, view_func=endpoint)
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": unquote_to_bytes(raw).decode("latin-1"),
        "SERVER_NAME": "h",
        "SERVER_PORT": "80",
    }
    environ["wsgi.url_scheme"] = "http"
    with app.request_context(environ) as context:
        rule = context.request.url_rule
    return None if rule is None else rule.rule


def django(routes: list[str], raw: str) -> str | None:
    resolver = URLResolver(
        RegexPattern(r"^/"), [path(route[1:], endpoint, name=route) for route in routes]
    )
    try:
        name: str = resolver.resolve(unquote_to_bytes(raw).decode()).url_name
    except Resolver404:
        return None
    return name


AMBIGUOUS = "ambiguous_path"
BARE = UUID.replace("-", "")

# framework, its routes in its own syntax (in its order), path, the route that it selects; the
# rules, their answer
FOUND = [
    (
        "a slash more is another route",
        starlette,
        ["/a/b", "/a/<p:path>"],
        "/a/b/",
        "/a/<p:path>",
        ["!/a/b", "/a/<path:p>"],
        "/a/<path:p>",
    ),
    (
        "of two guarded ones",
        starlette,
        ["/a/b", "/a/<p:path>"],
        "/a/b/",
        "/a/<p:path>",
        ["/a/b", "/a/<path:p>"],
        AMBIGUOUS,
    ),
    (
        "or the same one",
        flask_lax,
        ["/a/b", "/a/<path:p>"],
        "/a/b/",
        "/a/b",
        ["/a/b", "!/a/<path:p>"],
        AMBIGUOUS,
    ),
    (
        "with nothing behind it that has a rule",
        starlette,
        ["/a", "/<p:path>"],
        "/a/",
        "/<p:path>",
        ["!/a"],
        "no_rule",
    ),
    (
        "Starlette's path may be empty",
        starlette,
        ["/a/<p:path>", "/<p:path>"],
        "/a/",
        "/a/<p:path>",
        ["/a/<path:p>", "!/<path:p>"],
        AMBIGUOUS,
    ),
    (
        "Starlette's routes match a newline",
        starlette,
        ["/a", "/<p>"],
        "/a%0A",
        "/a",
        ["/a", "!/<p>"],
        AMBIGUOUS,
    ),
    (
        "Flask's int takes Unicode digits",
        flask_lax,
        ["/<int:i>", "/<x>"],
        "/%D9%A3",
        "/<int:i>",
        ["/<int:i>", "!/<x>"],
        AMBIGUOUS,
    ),
    (
        "Django's does not",
        django,
        ["/<int:i>", "/<x>"],
        "/%D9%A3",
        "/<x>",
        ["!/<int:i>", "/<x>"],
        "/<x>",
    ),
    (
        "more digits than int() takes",
        django,
        ["/<int:i>", "/<x>"],
        "/" + "9" * 5000,
        "/<x>",
        ["!/<int:i>", "/<x>"],
        "/<x>",
    ),
    (
        "Starlette's uuid needs no hyphens",
        starlette,
        ["/<i:uuid>", "/<x>"],
        "/" + BARE,
        "/<i:uuid>",
        ["/<uuid:i>", "!/<x>"],
        AMBIGUOUS,
    ),
    (
        "Django's is lower case",
        django,
        ["/<uuid:i>", "/<x>"],
        "/" + UUID.upper(),
        "/<x>",
        ["!/<uuid:i>", "/<x>"],
        "/<x>",
    ),
    (
        "Starlette's float takes 5",
        starlette,
        ["/<f:float>", "/<x>"],
        "/5",
        "/<f:float>",
        ["/<float:f>", "!/<x>"],
        AMBIGUOUS,
    ),
    (
        "a number out of the rule's range",
        starlette,
        ["/<i:int>", "/<x>"],
        "/12",
        "/<i:int>",
        ["/<int(max=9):i>", "!/<x>"],
        AMBIGUOUS,
    ),
]


@pytest.mark.parametrize(
    "name, framework, routes, raw, taken, rules, expected", FOUND, ids=[row[0] for row in FOUND]
)
def test_a_path_that_the_application_routes_elsewhere(
    name, framework, routes, raw, taken, rules, expected
):
    assert framework(routes, raw) == taken
    made = Rules(
        [
            Rule(
                "*",
                one.removeprefix("!"),
                public=one[0] == "!",
                scopes=() if one[0] == "!" else scope(one),
            )
            for one in rules
        ]
    )
    assert seen(made.policy_for_target("GET", raw)) == expected
    assert seen(made.policy_for(Request("GET", unquote_to_bytes(raw).decode()))) == expected


# If the framework tries the wider route first, no order of the rules is correct, so they are
# refused.
SHADOWED = [
    (flask_lax, ["/<x>/b", "/<path:p>/b"], "/a/b", "/<path:p>/b"),
    (flask_lax, ["/<x>/<path:p>/a", "/<path:p>/<y>"], "/x/y/a", "/<path:p>/<y>"),
    (flask_lax, ["/a/<path:p>/", "/a/<path:p>"], "/a/x", "/a/<path:p>/"),
    (starlette, ["/a/<x>/c", "/a/b/<y>"], "/a/b/c", "/a/<x>/c"),
]


@pytest.mark.parametrize("framework, routes, raw, taken", SHADOWED, ids=str)
def test_rules_of_which_the_application_may_take_either(framework, routes, raw, taken):
    assert framework(routes, raw) == taken
    with pytest.raises(SettingsError, match="neither is more specific"):
        Rules([Rule("GET", route, scopes=str(number)) for number, route in enumerate(routes)])


def test_flask_and_django_put_a_method_in_upper_case():
    rules = Rules([Rule("DELETE", "/x", scopes="strict"), Rule("*", "/x", public=True)])
    environ = {
        "REQUEST_METHOD": "delete",
        "PATH_INFO": "/x",
        "SERVER_NAME": "h",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
    }
    assert flask.Request(environ).method == "DELETE"
    assert seen(rules.policy_for(request_from_environ(environ))) == "no_rule"
