"""Nested guards with a layer between them that hides refusals: the client gets the refusal."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.urls import path
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from iiniit_guard import flask, starlette
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.django import public, require_scope
from iiniit_guard.rules import Rule, Rules
from iiniit_guard.wsgi import GuardMiddleware as WsgiGuardMiddleware
from tests.contract.hosts import django_project
from tests.contract.hosts.asgi_exchange import OK, Application, exchange, http
from tests.contract.hosts.asgi_refusing import After, body, start
from tests.contract.hosts.calling import drive
from tests.contract.hosts.django_site import GUARD, Site
from tests.contract.hosts.test_asgi_websocket_refusals import CONNECT, denied, websocket
from tests.contract.hosts.wsgi_layouts import ADDED, returns_a_list, serve, value

NOBODY = Rules([Rule("GET", "/x", scopes="user:write")])


@pytest.fixture(params=["the same guard", "another guard"])
def inner(request, guard, issuer):
    if request.param == "the same guard":
        yield guard
        return
    with issuer.guard() as another:
        yield another


def succeeds(app):
    """Return a WSGI application that replaces every response of `app` by a success."""

    def between(environ: Any, start_response: Any) -> Any:
        for _ in app(environ, lambda *started: None):
            pass
        start_response("200 OK", [ADDED])
        return [b"answered with success"]

    return between


def good(environ, start_response):
    start_response("200 OK", [])
    return [b"good"]


def flask_application(guard):
    app = Flask("inner")
    flask.IiniitGuard(app, guard)
    app.get("/x")(flask.require_scope("user:write")(lambda: "secret"))
    return app


def django_application(guard, view, **settings):
    def app(environ, start_response):
        with django_project.configured(
            ROOT_URLCONF=(path("x", view),), IINIIT_GUARD={"guard": guard, **settings}
        ):
            return list(WSGIHandler()(environ, start_response))

    return app


def plain_view(request):
    return HttpResponse("secret")


WSGI = {
    "a handler": lambda guard: WsgiGuardMiddleware(returns_a_list, guard),
    "the middleware": lambda guard: WsgiGuardMiddleware(good, guard, rules=NOBODY),
    "Flask": flask_application,
    "a Django decorator": lambda guard: django_application(
        guard, require_scope("user:write")(plain_view)
    ),
    "Django's middleware": lambda guard: django_application(guard, plain_view, rules=NOBODY),
}


@pytest.mark.parametrize("name", WSGI)
def test_a_refusal_below_an_inner_wsgi_guard_is_final(guard, inner, bearer, name):
    app = WsgiGuardMiddleware(succeeds(WSGI[name](inner)), guard)

    status, headers, sent, _ = serve(app, value(bearer()))
    assert (status, ADDED in headers) == ("403 Forbidden", True)
    assert b"missing_scope" in sent


def test_a_view_that_hands_its_environ_to_another_guarded_application_answers_by_its_refusal(
    guard, inner, bearer
):
    outer, below = Flask("outer"), flask_application(inner)
    flask.IiniitGuard(outer, guard)

    @outer.get("/x")
    def view():
        from flask import request

        outer.response_class.from_app(below.wsgi_app, request.environ)
        return "answered with success"

    answer = outer.test_client().get("/x", headers=[("Authorization", value(bearer()))])
    assert (answer.status_code, answer.get_json()["reason"]) == (403, "missing_scope")


@pytest.mark.parametrize("name", WSGI)
def test_without_the_record_it_is_a_request_of_its_own(guard, inner, bearer, name):
    below = WSGI[name](inner)

    def apart(environ, start_response):
        return below({**environ, "iiniit_guard.refusal_record": None}, start_response)

    assert (
        serve(WsgiGuardMiddleware(succeeds(apart), guard), value(bearer()))[2]
        == b"answered with success"
    )


# ASGI


def succeeds_async(app):
    async def between(scope, receive, send):
        async def nowhere(message):
            pass

        await app(scope, receive, nowhere)
        await send(start(200, (b"x-request-id", b"7")))
        await send(body())

    return between


ASGI = {
    "a handler": lambda guard: GuardMiddleware(After(start(), body()), guard),
    "the middleware": lambda guard: GuardMiddleware(
        Application(*OK), guard, rules=Rules([Rule("GET", "/x", scopes="admin")])
    ),
}


@pytest.mark.parametrize("name", ASGI)
def test_a_refusal_below_an_inner_asgi_guard_is_final(guard, inner, bearer, own_refusal, name):
    started, sent = exchange(
        GuardMiddleware(succeeds_async(ASGI[name](inner)), guard), http(bearer())
    )

    assert (started["status"], sent["body"]) == (403, own_refusal.body)
    assert (b"x-request-id", b"7") in started["headers"]


@pytest.mark.parametrize("name", ASGI)
def test_a_websocket_that_an_inner_guard_refuses_is_not_accepted(
    guard, inner, bearer, own_refusal, name
):
    async def between(scope, receive, send):
        async def nowhere(message):
            pass

        await ASGI[name](inner)(scope, receive, nowhere)
        await send({"type": "websocket.accept"})

    assert exchange(GuardMiddleware(between, guard), websocket(bearer()), CONNECT) == denied(
        own_refusal
    )


def test_a_mounted_application_with_a_guard_of_its_own(guard, inner, bearer):
    async def changes(request, call_next):
        answer = await call_next(request)
        return PlainTextResponse("changed") if answer.status_code == 403 else answer

    @starlette.require_scope("admin")
    async def endpoint(request):
        raise AssertionError

    part = GuardMiddleware(Starlette(routes=[Route("/y", endpoint)]), inner)
    whole = Starlette(routes=[Mount("/x", part)])
    whole.add_middleware(BaseHTTPMiddleware, dispatch=changes)

    answer = drive(GuardMiddleware(whole, guard), "GET", "/x/y", tuple(bearer()))
    assert (answer.status, answer.json["reason"]) == (403, "missing_scope")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_djangos_middleware_withholds_reaches_the_guard_around_it(
    guard, inner, bearer, asynchronous
):
    """A middleware above Django's turns the refusal into success."""
    site = Site(
        asynchronous,
        [path("x", plain_view)],
        IINIIT_GUARD={
            "guard": inner,
            "rules": Rules([Rule("GET", "/x", scopes="admin"), Rule("GET", "/y")]),
        },
        MIDDLEWARE=[f"{__name__}.Succeeding", GUARD],
    )
    if asynchronous:
        site.app = GuardMiddleware(site.app, guard)
        answer = site.answer("/x", bearer())
        assert (answer.status, answer.json["reason"]) == (403, "missing_scope")
        return

    def app(environ, start_response):
        with site.configured():
            return list(WSGIHandler()(environ, start_response))

    assert serve(WsgiGuardMiddleware(app, guard), value(bearer()))[0] == "403 Forbidden"


class Succeeding:
    sync_capable, async_capable = True, False

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        self.get_response(request)
        return HttpResponse("answered with success")


def test_what_an_inner_guard_lets_pass_passes(guard, inner, bearer):
    assert exchange(
        GuardMiddleware(GuardMiddleware(Application(*OK), inner), guard), http(bearer())
    ) == list(OK)
    assert (
        serve(WsgiGuardMiddleware(WsgiGuardMiddleware(good, inner), guard), value(bearer()))[0]
        == "200 OK"
    )


def test_the_metadata_of_an_inner_resource_is_no_refusal(guard, issuer, bearer):
    with issuer.guard(
        resource="https://api.example/inner", audience="https://api.example/inner"
    ) as below:
        where = below._engine.metadata_path
        answers = drive(
            GuardMiddleware(GuardMiddleware(Application(*OK), below), guard),
            "GET",
            where,
            tuple(bearer()),
        )
        status = serve(
            WsgiGuardMiddleware(WsgiGuardMiddleware(good, below), guard),
            value(bearer()),
            PATH_INFO=where,
        )[0]

    assert (answers.status, answers.json["resource"], status) == (
        200,
        "https://api.example/inner",
        "200 OK",
    )


def test_metadata_in_place_of_what_djangos_middleware_withholds_is_no_refusal(issuer):
    with issuer.guard(resource="https://api.example/x", audience="https://api.example/x") as guard:
        where = guard._engine.metadata_path
        site = Site(
            False,
            [path(where[1:], public(plain_view))],
            IINIIT_GUARD=guard,
            MIDDLEWARE=[GUARD, "tests.contract.hosts.test_refusal_fields.AnswersByItself"],
        )
        answer = site.answer(where)

    assert (answer.status, answer.json["resource"]) == (200, "https://api.example/x")
