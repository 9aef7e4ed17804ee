"""What the recipes say about WebSockets: a refusal comes before the handshake is accepted."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import count
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse

from iiniit_guard import Allow, Policy
from iiniit_guard.asgi import authorize
from tests.contract.hosts.recipe_hosts import TOKEN, code_of

SCOPE = {
    "type": "websocket",
    "asgi": {"version": "3.0", "spec_version": "2.4"},
    "scheme": "ws",
    "path": "/prices",
    "raw_path": b"/prices",
    "query_string": b"",
    "subprotocols": [],
    "client": ("192.0.2.1", 50000),
    "server": ("api.test", 80),
    "extensions": {"websocket.http.response": {}},
}
numbers = count(1)
READ = Policy(scopes=("user:read",))


def litestar_app(guard):
    from litestar import Litestar, WebSocket, websocket

    recipe = code_of("litestar")

    async def prices(socket):
        await socket.accept()
        await socket.send_text(socket.scope[TOKEN].subject)
        await socket.close()

    prices.__annotations__ = {"socket": WebSocket, "return": None}
    handler = websocket("/prices", guards=[recipe.require_scope("user:read")])(prices)
    return recipe.GuardMiddleware(Litestar([handler], logging_config=None), guard)


def quart_app(guard):
    from quart import abort, websocket

    recipe = code_of("quart")
    app = recipe.Quart("prices")
    app.asgi_app = recipe.GuardMiddleware(app.asgi_app, guard)

    @app.websocket("/prices")
    async def prices():
        scope: Any = websocket.scope
        if not isinstance(await authorize(scope, READ, host="quart"), Allow):
            abort(403)
        await websocket.accept()
        await websocket.send(scope[TOKEN].subject)

    return app


def falcon_app(guard):
    recipe = code_of("falcon", 0, 2)

    class Prices:
        async def on_websocket(self, req, ws):
            if not isinstance(await authorize(req.scope, READ, host="falcon"), Allow):
                raise recipe.falcon.HTTPForbidden
            await ws.accept()
            await ws.send_text(req.scope[TOKEN].subject)

    app = recipe.falcon.asgi.App()
    app.add_route("/prices", Prices())
    return recipe.AsgiGuardMiddleware(app, guard)


def sanic_app(guard):
    recipe = code_of("sanic")
    app = recipe.Sanic(f"prices-{next(numbers)}", configure_logging=False)

    @app.websocket("/prices")
    @recipe.require_scope("user:read")
    async def prices(request, ws):
        await ws.send(request.scope[TOKEN].subject)

    return recipe.GuardMiddleware(app, guard)


each_app = pytest.mark.parametrize(
    "make", [litestar_app, quart_app, falcon_app], ids=lambda make: make.__name__
)


def connect(make, guard, lines):
    client = TestClient(make(guard))
    with client.websocket_connect("/prices", headers=dict(lines)) as socket:
        return socket.receive_text()


@each_app
def test_a_token_with_the_scope_connects(make, guard, bearer):
    assert connect(make, guard, bearer("user:read")) == "user-1"


@each_app
def test_a_token_without_the_scope_is_refused(make, guard, bearer):
    with pytest.raises(WebSocketDenialResponse) as refused:
        connect(make, guard, bearer("user:write"))

    assert (refused.value.status_code, refused.value.json()["reason"]) == (403, "missing_scope")


@each_app
def test_without_a_token_is_refused(make, guard):
    with pytest.raises(WebSocketDenialResponse) as refused:
        connect(make, guard, [])

    assert (refused.value.status_code, refused.value.json()["reason"]) == (401, "no_token")


def connect_sanic(guard, lines):
    """Return the messages that the server gets, without those of the lifespan."""

    async def once() -> list[Any]:
        app, sent = sanic_app(guard), []
        lifespan = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        connection = [{"type": "websocket.connect"}]

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive(messages: Any) -> Any:
            return messages.pop(0) if messages else await asyncio.Event().wait()

        await app({"type": "lifespan"}, partial(receive, lifespan), send)
        sent.clear()
        scope = {**SCOPE, "headers": lines}
        await asyncio.wait_for(app(scope, partial(receive, connection), send), 10)
        return sent

    return asyncio.run(once())


def test_sanic_accepts_the_handshake_before_it_runs_the_handler(guard, bearer, events):
    good = connect_sanic(guard, bearer("user:read"))
    assert [message.get("text") for message in good if "text" in message] == ["user-1"]

    accepted, closed = connect_sanic(guard, bearer("user:write"))
    assert accepted["type"] == "websocket.accept"
    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)
    assert events[-1].reason == "missing_scope"

    start, _ = connect_sanic(guard, [])
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert events[-1].reason == "no_token"


@pytest.mark.parametrize(
    ("scope", "status"), [(None, 401), ("user:write", 403), ("user:read", 101)]
)
def test_aiohttp_refuses_before_the_upgrade(guard, bearer, scope, status):
    from aiohttp import WSServerHandshakeError, web
    from aiohttp.test_utils import TestClient as Client
    from aiohttp.test_utils import TestServer

    recipe = code_of("aiohttp")

    @recipe.require_scope("user:read")
    async def prices(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(request[recipe.TOKEN].subject)
        await socket.close()
        return socket

    async def once():
        app = web.Application(middlewares=[recipe.guard_middleware(guard)])
        app.add_routes([web.get("/prices", prices)])
        lines = [] if scope is None else bearer(scope)
        headers = {name.decode(): value.decode() for name, value in lines}
        async with Client(TestServer(app)) as client:
            try:
                async with client.ws_connect("/prices", headers=headers) as socket:
                    return 101, await socket.receive_str()
            except WSServerHandshakeError as refused:
                return refused.status, None

    assert asyncio.run(once()) == (status, "user-1" if status == 101 else None)
