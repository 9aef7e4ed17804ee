"""Real servers end WebSockets and event streams when short-lived tokens end."""

from __future__ import annotations

import asyncio
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.core.model.clock import Clock
from iiniit_guard.starlette import require_token
from iiniit_guard.testing import Issuer, SettableClock
from tests.contract.hosts.test_asgi_servers import SERVERS

SECONDS = 2
"""How long the tokens live; also the revocation delay."""
disconnects: list[int] = []


async def ticks():
    yield "first"
    await asyncio.sleep(60)


async def stream(request):
    return StreamingResponse(ticks())


async def events(request):
    return EventSourceResponse(ticks(), ping=0.2)


async def echo(websocket):
    await websocket.accept()
    await websocket.send_text("first")
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect as error:
        disconnects.append(error.code)
        raise


async def deaf(websocket):
    await websocket.accept()
    await websocket.send_text("first")
    await asyncio.sleep(60)


@require_token(long_lived="off")
async def unwatched(websocket):
    await echo(websocket)


async def passes(request, call_next):
    return await call_next(request)


ROUTES = [
    Route("/stream", stream),
    Route("/events", events),
    WebSocketRoute("/echo", echo),
    WebSocketRoute("/deaf", deaf),
    WebSocketRoute("/off", unwatched),
]
LAYERS = [Middleware(BaseHTTPMiddleware, dispatch=passes)]


class World:
    """An issuer whose tokens live for two seconds, and servers with a guarded application."""

    def __init__(self, stack):
        self.issuer = Issuer(clock=SettableClock(time.time()))
        settings: dict[str, Any] = {
            "clock": Clock(time.time, time.monotonic),
            "expiry_leeway_seconds": 0,
            "revocation_delay_seconds": SECONDS,
        }
        guard = stack.enter_context(self.issuer.guard(**settings))
        inside = Starlette(routes=ROUTES, middleware=LAYERS)
        outside = Starlette(routes=ROUTES)
        outside.add_middleware(GuardMiddleware, guard=guard)
        outside.add_middleware(BaseHTTPMiddleware, dispatch=passes)
        self.ports = {}
        for name, serve in SERVERS.items():
            self.ports[name] = stack.enter_context(serve(GuardMiddleware(inside, guard)))
        [uvicorn, *_] = SERVERS.values()
        self.ports["a guard inside"] = stack.enter_context(uvicorn(outside))

    def token(self, opaque):
        self.issuer.clock.set_wall(time.time())
        make = self.issuer.opaque_token if opaque else self.issuer.token
        return make(expires_in=600 if opaque else SECONDS)


@pytest.fixture(scope="module")
def world():
    with ExitStack() as stack:
        yield World(stack)


def read_stream(port, path, token):
    """Return the body of a response on the wire, until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        raw = b""
        while chunk := client.recv(65536):
            raw += chunk
    return raw


def read_socket(port, path, token):
    """Return the messages of a WebSocket, the code and the reason with which it is closed."""
    fields = {"Authorization": f"Bearer {token}"}
    with connect(f"ws://127.0.0.1:{port}{path}", additional_headers=fields) as client:
        messages = [client.recv(timeout=10)]
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=10)
        frame: Any = closed.value.rcvd
        return messages, frame.code, frame.reason


READS = {
    "/stream": read_stream,
    "/events": read_stream,
    "/echo": read_socket,
    "/deaf": read_socket,
}
PLACES = [*SERVERS, "a guard inside"]


@pytest.fixture(scope="module")
def ends(world):
    """Open every connection at once; return how each ended, and after how many seconds."""

    def end_of(name, path, token):
        started = time.monotonic()
        return READS[path](world.ports[name], path, token), time.monotonic() - started

    tokens = {opaque: world.token(opaque) for opaque in (False, True)}
    with ThreadPoolExecutor(len(PLACES) * len(READS) * 2) as threads:
        waiting = {
            (name, path, opaque): threads.submit(end_of, name, path, token)
            for name in PLACES
            for path in READS
            for opaque, token in tokens.items()
        }
        time.sleep(0.7)
        world.issuer.revoke(tokens[True])
        return {key: each.result(20) for key, each in waiting.items()}


@pytest.mark.parametrize("opaque", [False, True], ids=["expired", "revoked"])
@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("name", PLACES)
def test_a_connection_ends_with_its_token(ends, name, path, opaque):
    end, seconds = ends[name, path, opaque]
    if READS[path] is read_stream:
        assert end.startswith(b"HTTP/1.1 200")
        assert b"first" in end
        assert not end.endswith(b"0\r\n\r\n")  # truncated: no last chunk
    else:
        assert end == (["first"], 1008, "inactive" if opaque else "expired")
    assert seconds < 2 * SECONDS + 2


def test_the_handler_of_a_websocket_can_clean_up(ends):
    assert disconnects == [1008] * 2 * len(PLACES)


def test_a_route_may_keep_its_connection(world):
    port, token = world.ports["uvicorn h11"], world.token(False)
    fields = {"Authorization": f"Bearer {token}"}
    with connect(f"ws://127.0.0.1:{port}/off", additional_headers=fields) as client:
        assert client.recv(timeout=5) == "first"
        with pytest.raises(TimeoutError):
            client.recv(timeout=SECONDS + 1)
        client.send("still")
        assert client.recv(timeout=5) == "still"
