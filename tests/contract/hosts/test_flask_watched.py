"""Responses of a Flask application that the extension watches to their end, because they may run
code that refuses.
"""

from __future__ import annotations

import pytest
from flask import Flask, Response

from iiniit_guard.flask import IiniitGuard
from tests.contract.hosts.flask_views import lines
from tests.contract.hosts.wsgi_layouts import ignore


def environ_of(app, bearer):
    with app.test_request_context("/x", headers=lines(bearer())) as context:
        return {
            key: found
            for key, found in context.request.environ.items()
            if not key.startswith("werkzeug")
        }


@pytest.mark.parametrize(
    "made", [lambda: "ok", lambda: Response(["a", "b"]), lambda: Response(("a", "b"))]
)
def test_a_whole_response_is_the_servers_without_being_watched(guard, bearer, made):
    app = Flask("profile")
    app.add_url_rule("/x", "x", made)
    bare = type(app.wsgi_app(environ_of(app, bearer), ignore))
    IiniitGuard(app, guard)

    assert type(app.wsgi_app(environ_of(app, bearer), ignore)) is bare


class Own(Response):
    """A response whose iterable may run code of the application."""


@pytest.mark.parametrize(
    "made",
    [
        lambda: Response(iter(["a"])),
        lambda: Own(["a"]),
        lambda: Response(type("List", (list,), {})("a")),
    ],
)
def test_a_response_that_may_run_code_is_watched(guard, bearer, made):
    app = Flask("profile")
    app.add_url_rule("/x", "x", made)
    bare = type(app.wsgi_app(environ_of(app, bearer), ignore))
    IiniitGuard(app, guard)

    assert type(app.wsgi_app(environ_of(app, bearer), ignore)) is not bare
    assert app.test_client().get("/x", headers=lines(bearer())).text == "a"


def test_a_response_that_middleware_wraps_is_watched(guard, bearer):
    app = Flask("profile")
    app.add_url_rule("/x", "x", lambda: "ok")
    inner = app.wsgi_app

    def wrapped(environ, start_response):
        return inner(environ, start_response)

    app.wsgi_app = wrapped  # type: ignore[method-assign]
    bare = type(app.wsgi_app(environ_of(app, bearer), ignore))
    IiniitGuard(app, guard)

    assert type(app.wsgi_app(environ_of(app, bearer), ignore)) is not bare
