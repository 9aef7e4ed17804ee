"""A refusal carries no header field that controls a server or gateway, in any host."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from django.http import HttpResponse
from django.urls import path
from flask import Flask
from flask import Response as FlaskResponse
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from iiniit_guard import flask, starlette
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.django import public
from iiniit_guard.wsgi import GuardMiddleware as WsgiGuardMiddleware
from tests.contract.hosts.calling import drive
from tests.contract.hosts.django_site import Site, dropped
from tests.contract.hosts.flask_views import lines as text
from tests.contract.hosts.wsgi_layouts import ask, serve, value

ACTED_ON = {
    "X-Accel-Redirect": "/internal/secret.pdf",
    "X-Sendfile": "/srv/secret.pdf",
    "X-Lighttpd-Send-File": "/srv/secret.pdf",
    "X-Reproxy-URL": "http://10.0.0.1/secret",
    "X-Accel-Expires": "86400",
    "CDN-Cache-Control": "public, max-age=86400",
    "Surrogate-Control": "max-age=86400",
}
ADDED = {
    "Content-Security-Policy": "default-src 'none'",
    "Strict-Transport-Security": "max-age=9",
    "X-Request-ID": "7",
    "Server-Timing": "db",
}
FIELDS = {**ACTED_ON, **ADDED}


def by_wsgi(guard, lines) -> Any:
    def app(environ, start_response):
        ask(environ)
        start_response("200 OK", list(FIELDS.items()))
        return [b"secret"]

    status, fields, _, _ = serve(WsgiGuardMiddleware(app, guard), value(lines))
    return status, fields


def by_flask(guard, lines):
    app = Flask("x")
    flask.IiniitGuard(app, guard)

    @flask.require_scope("user:write")
    def helper():
        raise AssertionError

    @app.get("/x")
    def view():
        with contextlib.suppress(Exception):
            helper()
        return FlaskResponse("secret", headers=FIELDS)

    answer = app.test_client().get("/x", headers=text(lines))
    return answer.status, answer.headers.items()


def by_flask_after_request(guard, lines):
    """The extension refuses before the view, and the application adds the fields to each of its
    responses.
    """
    app = Flask("x")
    flask.IiniitGuard(app, guard)
    app.get("/x")(flask.require_scope("user:write")(lambda: ""))

    @app.after_request
    def add(response):
        response.headers.extend(FIELDS)
        return response

    answer = app.test_client().get("/x", headers=text(lines))
    return answer.status, answer.headers.items()


def by_starlette(guard, lines):
    @starlette.require_scope("user:write")
    async def helper(request):
        raise AssertionError

    async def view(request):
        with contextlib.suppress(Exception):
            await helper(request)
        return Response("secret", headers=FIELDS)

    answer = drive(
        GuardMiddleware(Starlette(routes=[Route("/x", view)]), guard), "GET", "/x", tuple(lines)
    )
    return f"{answer.status} ", answer.headers


def by_django(guard, lines):
    def view(request):
        dropped(request)
        return HttpResponse("secret", headers=FIELDS)

    answer = Site(False, [path("x", view)], IINIIT_GUARD=guard).answer("/x", lines)
    return f"{answer.status} ", answer.headers


class AnswersByItself:
    """Middleware that answers the path of a public view, which the guard withholds."""

    def __init__(self, get_response):
        pass

    def __call__(self, request):
        return HttpResponse("secret", headers=FIELDS)


def by_django_withheld(guard, lines):
    middleware = ["iiniit_guard.django.GuardMiddleware", f"{__name__}.AnswersByItself"]
    answer = Site(
        False,
        [path("x", public(lambda request: HttpResponse("")))],
        IINIIT_GUARD=guard,
        MIDDLEWARE=middleware,
    ).answer("/x")
    return f"{answer.status} ", answer.headers


HOSTS = [by_wsgi, by_flask, by_flask_after_request, by_starlette, by_django, by_django_withheld]


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.__name__)
def test_the_fields_of_the_replaced_response_do_not_make_a_gateway_serve_it(guard, bearer, host):
    status, fields = host(guard, bearer("other"))

    names = {name.lower() for name, _ in fields}
    assert status.partition(" ")[0] == ("401" if host is by_django_withheld else "403")
    assert names & {name.lower() for name in ACTED_ON} == set()
    assert names >= {name.lower() for name in ADDED}
