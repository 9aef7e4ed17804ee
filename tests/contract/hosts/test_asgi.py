"""ASGI specifics: scope types, lifespan, WebSocket refusals, and the keys of the scope."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route as StarletteRoute
from starlette.testclient import TestClient

from iiniit_guard import Guard
from iiniit_guard.asgi import GuardMiddleware, refuse
from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import UsageError
from iiniit_guard.testing import Issuer
from tests.contract.hosts.asgi_exchange import OK, Application, exchange, http
from tests.contract.hosts.calling import drive

KEYS = ("iiniit_guard.access_token", "iiniit_guard.principal", "iiniit_guard.engine")


def websocket(lines=(), **more):
    return {"type": "websocket", "path": "/x", "query_string": b"", "headers": list(lines), **more}


CONNECT = {"type": "websocket.connect"}
DENIAL = {"extensions": {"websocket.http.response": {}}}


def test_the_application_gets_a_copy_of_the_scope(guard, bearer):
    application = Application(*OK)
    scope = http(bearer(subject="alice"), state={"shared": 1})
    before = dict(scope)

    exchange(GuardMiddleware(application, guard), scope)

    assert scope == before
    (seen,) = application.scopes
    assert seen["state"] is scope["state"]
    assert seen[KEYS[0]].subject == "alice"
    assert [seen[key] for key in KEYS[1:]] == [None, guard._engine]


def test_what_an_outer_guard_noted_never_answers_for_an_inner_one(guard, issuer, bearer):
    application = Application(*OK)
    with issuer.guard() as inner:
        exchange(
            GuardMiddleware(GuardMiddleware(application, inner, public=("/x",)), guard),
            http(bearer()),
        )

    assert [application.scopes[0][key] for key in KEYS] == [None, None, inner._engine]


def test_a_mounted_guard_reads_the_path_below_its_mount(guard):
    app = GuardMiddleware(Application(*OK), guard, public=("/healthz",))

    assert exchange(app, http(path="/api/healthz", root_path="/api"))[0]["status"] == 200
    assert exchange(app, http(path="/api/healthz"))[0]["status"] == 401
    assert exchange(app, http(path="/healthz/api", root_path="/api"))[0]["status"] == 401


def test_header_names_of_a_refusal_are_lower_case_bytes(guard):
    start, body = exchange(GuardMiddleware(Application(), guard), http())

    assert start["type"] == "http.response.start"
    assert start["status"] == 401
    assert all(
        type(name) is bytes and name == name.lower() and type(value) is bytes
        for name, value in start["headers"]
    )
    assert json.loads(body["body"])["reason"] == "no_token"


@pytest.mark.parametrize(
    "settings", [{}, {"enforce": "declared"}, {"optional_token": True}, {"public": ["/x"]}], ids=str
)
@pytest.mark.parametrize(
    "kind", ["mqtt", "timer", "HTTP", "http ", "webtransport", "", None, b"http"], ids=repr
)
def test_a_scope_of_another_type_is_refused(guard, bearer, kind, settings):
    application = Application(*OK)

    with pytest.raises(UsageError, match="use http, websocket or lifespan"):
        exchange(GuardMiddleware(application, guard, **settings), http(bearer(), type=kind))

    assert application.scopes == []


def test_refuse_is_for_adapters_above(guard):
    decision = guard.authenticate(Request("GET", "/x"))

    answer = drive(
        lambda scope, receive, send: refuse(scope, receive, send, decision), "GET", "/x", ()
    )

    assert (answer.status, answer.body) == (401, decision.body)


# WebSocket


def test_a_websocket_is_refused_by_a_denial_response_where_the_server_offers_it(guard, events):
    application = Application()

    start, body = exchange(GuardMiddleware(application, guard), websocket(**DENIAL), CONNECT)

    assert application.scopes == []
    assert start["type"] == "websocket.http.response.start"
    assert start["status"] == 401
    assert dict(start["headers"])[b"www-authenticate"].startswith(b"Bearer realm=")
    assert body["type"] == "websocket.http.response.body"
    assert json.loads(body["body"])["reason"] == "no_token"
    assert [(event.host, event.method, event.reason) for event in events] == [
        ("asgi", "GET", "no_token")
    ]


@pytest.mark.parametrize(
    "extensions", [{}, {"extensions": None}, {"extensions": {"http.response.push": {}}}]
)
def test_elsewhere_it_is_closed_before_accept(guard, extensions):
    sent = exchange(GuardMiddleware(Application(), guard), websocket(**extensions), CONNECT)

    assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


def test_a_client_that_went_away_is_sent_nothing(guard):
    assert (
        exchange(
            GuardMiddleware(Application(), guard), websocket(), {"type": "websocket.disconnect"}
        )
        == []
    )


def test_a_websocket_with_a_token_goes_on(guard, bearer):
    application = Application({"type": "websocket.accept"})

    assert exchange(GuardMiddleware(application, guard), websocket(bearer(subject="alice"))) == [
        {"type": "websocket.accept"}
    ]
    assert application.scopes[0][KEYS[0]].subject == "alice"


# Lifespan


class Lifespan:
    """An application with a lifespan that ends as told."""

    def __init__(self, end):
        self.end = end

    async def __call__(self, scope, receive, send):
        assert (await receive())["type"] == "lifespan.startup"
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        await send({"type": self.end})


def closing(log) -> Any:
    """Return a guard that logs when its loop is released."""
    guard: Any = Guard(issuer="https://issuer.test", audience="https://api.test")

    async def release_loop():
        log.append("released")

    guard._engine.release_loop = release_loop
    return guard


@pytest.mark.parametrize("end", ["lifespan.shutdown.complete", "lifespan.shutdown.failed"])
def test_the_guard_lets_go_of_the_loop_after_the_application_and_before_the_server_hears(end):
    log = []

    async def receive():
        return {"type": "lifespan.startup" if not log else "lifespan.shutdown"}

    async def send(message):
        log.append(message["type"])

    asyncio.run(GuardMiddleware(Lifespan(end), closing(log))({"type": "lifespan"}, receive, send))

    assert log == ["lifespan.startup.complete", "released", end]


def test_a_second_start_of_the_application_finds_the_guard_in_working_order():
    issuer = Issuer()
    app = GuardMiddleware(
        Starlette(routes=[StarletteRoute("/", lambda request: PlainTextResponse("in"))]),
        issuer.guard(),
    )
    for _ in range(2):
        with TestClient(app) as client:
            assert (
                client.get("/", headers={"Authorization": f"Bearer {issuer.token()}"}).status_code
                == 200
            )


def test_an_application_without_lifespan_keeps_its_guard():
    log = []

    async def no_lifespan(scope, receive, send):
        raise NotImplementedError

    with pytest.raises(NotImplementedError):  # the server takes it for "no lifespan" and goes on
        exchange(GuardMiddleware(no_lifespan, closing(log)), {"type": "lifespan"})
    assert log == []
