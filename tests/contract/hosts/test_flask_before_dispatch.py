"""The guard decides before Flask runs code of the application, or before the response starts."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Blueprint, Flask, Response, abort, request_started
from flask.sessions import SecureCookieSessionInterface
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.routing import BaseConverter

from iiniit_guard.flask import IiniitGuard
from tests.contract.hosts.flask_views import lines
from tests.contract.hosts.test_flask_other_views import SECRET, internal, reason
from tests.contract.hosts.wsgi_layouts import ignore

ANSWERING: dict[str, Any] = {}


def answering(build):
    """Add an application that answers /x or /nowhere by itself, without its view."""
    ANSWERING[build.__name__] = build
    return build


def answer(*arguments, **more):
    abort(Response(SECRET, 200))


@answering
def url_value_preprocessor_of_a_blueprint(app):
    api = Blueprint("api", "api")
    api.app_url_value_preprocessor(answer)
    app.register_blueprint(api)


@answering
def async_receiver(app):
    async def receive(sender, **more):
        answer()

    request_started.connect(receive, app, weak=False)


@answering
def receiver(app):
    request_started.connect(answer, app, weak=False)


@answering
def error_handler(app):
    app.register_error_handler(404, lambda error: (SECRET, 200))


@answering
def error_handler_of_a_receiver(app):
    def fail(sender, **more):
        raise NotFound(SECRET)

    request_started.connect(fail, app, weak=False)
    app.register_error_handler(404, lambda error: (error.description, 404))


class Failing(BaseConverter):
    def to_python(self, value):
        raise LookupError(SECRET)


@answering
def converter(app):
    app.url_map.converters["failing"] = Failing
    app.add_url_rule("/<failing:name>", "converted", internal)
    app.register_error_handler(500, lambda error: (SECRET, 200))


class Sessions(SecureCookieSessionInterface):
    def open_session(self, app, request):
        raise LookupError(SECRET)


@answering
def session(app):
    app.session_interface = Sessions()
    app.register_error_handler(500, lambda error: (SECRET, 200))


@answering
def session_whose_error_is_the_servers(app):
    app.session_interface = Sessions()
    app.config["PROPAGATE_EXCEPTIONS"] = True


def starting(start_response):
    return start_response("200 OK", [("Content-Type", "text/plain")])


@answering
def middleware(app):
    def wsgi_app(environ, start_response):
        starting(start_response)
        return [SECRET.encode()]

    app.wsgi_app = wsgi_app


@answering
def middleware_that_writes(app):
    def wsgi_app(environ, start_response):
        write = starting(start_response)
        write(SECRET.encode())
        write(SECRET.encode())
        return []

    app.wsgi_app = wsgi_app


@answering
def middleware_that_streams(app):
    def wsgi_app(environ, start_response):
        starting(start_response)
        yield b""
        yield SECRET.encode()

    app.wsgi_app = wsgi_app


@answering
def middleware_without_content(app):
    def wsgi_app(environ, start_response):
        starting(start_response)
        return iter(())

    app.wsgi_app = wsgi_app


@answering
def mounted_application(app):
    app.wsgi_app = DispatcherMiddleware(
        app.wsgi_app,
        {"/mounted": lambda environ, start_response: (starting(start_response), [b""])[1]},
    )


def make_app(guard, build, **middleware):
    app = Flask("profile")
    build(app)
    app.add_url_rule("/x", "x", internal)
    IiniitGuard(app, guard, **middleware)
    return app


# Middleware that is added after the extension stands outside the guard.
INSIDE = [name for name in ANSWERING if name.startswith(("middleware", "mounted"))]


@pytest.mark.parametrize(
    ("name", "is_late"),
    [
        (name, is_late)
        for name in ANSWERING
        for is_late in (False, True)
        if not (is_late and name in INSIDE)
    ],
)
@pytest.mark.parametrize("path", ["/x", "/nowhere", "/mounted/x", "/static/nowhere"])
def test_nothing_is_answered_without_a_token(guard, bearer, events, name, is_late, path):
    app = make_app(guard, ignore if is_late else ANSWERING[name])
    if is_late:
        ANSWERING[name](app)

    def get(headers=()):
        return app.test_client().get(path, headers=headers)

    refused = get()

    assert reason(refused) == (401, "no_token")
    assert SECRET not in refused.text
    assert refused.headers["WWW-Authenticate"].startswith("Bearer ")
    assert reason(get(lines(bearer(expires_in=-60)))) == (401, "expired")
    assert [event.reason for event in events] == ["no_token", "expired"]


def test_a_stranger_learns_of_no_object(guard, bearer):
    items = {"1": "acme"}

    def load(endpoint, values):
        items.get((values or {}).get("item", "")) or abort(404)

    app = make_app(guard, lambda app: app.url_value_preprocessor(load))
    app.add_url_rule("/items/<item>", "item", lambda item: item)

    def get(path, headers=()):
        return app.test_client().get(path, headers=headers)

    assert get("/items/1").data == get("/items/2").data
    assert [get(f"/items/{item}", lines(bearer())).status_code for item in "12"] == [200, 404]


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in ANSWERING
        if name not in ("session_whose_error_is_the_servers", "mounted_application")
    ],
)
def test_a_good_token_gets_what_the_application_answers(guard, bearer, events, name):
    path = "/nowhere" if name in ("error_handler", "converter") else "/x"
    answer = make_app(guard, ANSWERING[name]).test_client().get(path, headers=lines(bearer()))

    assert answer.text in (SECRET, SECRET * 2, "")
    assert [event.decision for event in events] == ["allow"]


def test_the_applications_own_error_stays_its_own_with_a_token(guard, bearer):
    client = make_app(guard, session_whose_error_is_the_servers).test_client()

    with pytest.raises(LookupError):
        client.get("/x", headers=lines(bearer()))


@pytest.mark.parametrize(
    "settings",
    [{"public": ["/x"]}, {"enforce": "declared"}, {"optional_token": True}],
    ids=["public", "declared", "optional"],
)
def test_what_needs_no_token_needs_none_from_middleware(guard, settings):
    assert make_app(guard, middleware, **settings).test_client().get("/x").text == SECRET
