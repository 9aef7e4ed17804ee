"""By default a CORS preflight passes the ASGI middleware only if Starlette's own CORS middleware
answers it.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, make_asgi_app
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.rules import Rule, Rules
from tests.contract.hosts.asgi_exchange import Application, Layer, exchange
from tests.contract.hosts.calling import drive

PREFLIGHT = ((b"origin", b"https://app.example"), (b"access-control-request-method", b"GET"))
SECRET = (
    {"type": "http.response.start", "status": 200, "headers": []},
    {"type": "http.response.body", "body": b"secret"},
)


class Subclass(CORSMiddleware):
    """A subclass that passes every preflight on to the application."""

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


class AnotherCors(Layer):
    """A middleware that has only the name of Starlette's."""


AnotherCors.__name__ = AnotherCors.__qualname__ = "CORSMiddleware"
AnotherCors.__module__ = "starlette.middleware.cors"


def cors(app):
    return CORSMiddleware(app, allow_origins=["https://app.example"])


class AnyMethod(HTTPEndpoint):
    async def options(self, request: Request) -> Response:
        return PlainTextResponse("secret")


async def handler(request: Request) -> Response:
    return PlainTextResponse("secret")


def prometheus():
    registry = CollectorRegistry()
    Counter("logins_of_alice", "x", registry=registry).inc()
    return make_asgi_app(registry)


def fastapi():
    app = FastAPI()
    app.add_api_route("/x", lambda: "secret", methods=["GET", "OPTIONS"])
    return app


APPLICATIONS: dict[str, Any] = {
    "bare": lambda: Application(*SECRET),
    "prometheus": prometheus,
    "a handler that lists OPTIONS": lambda: Starlette(
        routes=[Route("/x", handler, methods=["GET", "OPTIONS"])]
    ),
    "an endpoint class with options()": lambda: Starlette(routes=[Route("/x", AnyMethod)]),
    "an ASGI application as an endpoint": lambda: Starlette(
        routes=[Route("/x", Application(*SECRET))]
    ),
    "a mounted ASGI application": lambda: Starlette(routes=[Mount("/", app=prometheus())]),
    "a handler that does not list OPTIONS": lambda: Starlette(routes=[Route("/x", handler)]),
    "FastAPI": fastapi,
    "a subclass of CORSMiddleware": lambda: Subclass(Application(*SECRET)),
    "a layer of that name": lambda: AnotherCors(Application(*SECRET)),
    "CORSMiddleware below another layer": lambda: Layer(cors(Application(*SECRET))),
    "CORSMiddleware inside Starlette": lambda: Starlette(
        middleware=[Middleware(CORSMiddleware, allow_origins=["*"])]
    ),
    "the class itself": lambda: CORSMiddleware,
}


@pytest.mark.parametrize("settings", [{}, {"preflights": "auto"}, {"preflights": "guard"}], ids=str)
@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_preflight_reaches_no_application_by_default(guard, events, name, settings):
    answer = drive(
        GuardMiddleware(APPLICATIONS[name](), guard, **settings), "OPTIONS", "/x", PREFLIGHT
    )

    assert (answer.status, answer.json["reason"]) == (401, "no_token")
    assert [event.reason for event in events] == ["no_token"]


@pytest.mark.parametrize("framework", [Starlette, FastAPI])
def test_a_preflight_passes_to_the_cors_middleware_that_answers_it(guard, events, framework):
    inner = Application(*SECRET)
    outside = GuardMiddleware(cors(inner), guard)
    middleware = [
        Middleware(GuardMiddleware, guard=guard),
        Middleware(CORSMiddleware, allow_origins=["https://app.example"]),
    ]
    inside = framework(routes=[Mount("/", app=inner)], middleware=middleware)

    for app in (outside, inside):
        answer = drive(app, "OPTIONS", "/x", PREFLIGHT)
        assert (answer.status, answer.header("access-control-allow-origin")) == (
            200,
            "https://app.example",
        )
        # Neither a request that only resembles a preflight passes, nor any other request.
        for method, lines in (
            ("OPTIONS", PREFLIGHT[:1]),
            ("OPTIONS", PREFLIGHT[1:]),
            ("GET", PREFLIGHT),
            ("OPTIONS", (*PREFLIGHT, (b"cookie", b"a=b"))),
        ):
            assert drive(app, method, "/x", lines).status == 401
    assert inner.scopes == []
    assert {event.reason for event in events} == {"no_token"}


def test_the_cors_middleware_outside_answers_before_the_guard_is_asked(guard, events):
    answer = drive(cors(GuardMiddleware(Application(*SECRET), guard)), "OPTIONS", "/x", PREFLIGHT)

    assert (answer.status, events) == (200, [])


def test_a_rule_that_names_options_is_asked_also_before_the_cors_middleware(guard):
    rules = Rules([Rule("OPTIONS", "/x", scopes="admin"), Rule("GET", "/y", scopes="admin")])
    app = GuardMiddleware(cors(Application(*SECRET)), guard, rules=rules)

    assert drive(app, "OPTIONS", "/x", PREFLIGHT).status == 401
    assert drive(app, "OPTIONS", "/y", PREFLIGHT).status == 200


def test_a_websocket_is_never_a_preflight(guard):
    """The CORS middleware passes WebSockets on unchecked."""
    inner = Application({"type": "websocket.accept"})
    scope = {
        "type": "websocket",
        "method": "OPTIONS",
        "path": "/x",
        "query_string": b"",
        "headers": list(PREFLIGHT),
    }

    sent = exchange(GuardMiddleware(cors(inner), guard), scope, {"type": "websocket.connect"})

    assert [message["type"] for message in sent] == ["websocket.close"]
    assert inner.scopes == []


def test_pass_opens(guard):
    answer = drive(
        GuardMiddleware(Application(*SECRET), guard, preflights="pass"), "OPTIONS", "/x", PREFLIGHT
    )

    assert (answer.status, answer.body) == (200, b"secret")


def test_without_starlette_a_preflight_is_guarded():
    """The middleware imports no framework to find out who answers."""
    program = """
import sys
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.testing import Issuer
from tests.contract.hosts.calling import drive

async def application(scope, receive, send):
    raise AssertionError

preflight = ((b"origin", b"o"), (b"access-control-request-method", b"GET"))
answer = drive(GuardMiddleware(application, Issuer().guard()), "OPTIONS", "/x", preflight)
assert answer.status == 401, answer
assert not [name for name in sys.modules if name.startswith("starlette")]
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
