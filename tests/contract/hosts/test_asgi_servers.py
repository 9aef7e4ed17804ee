"""Responses of real ASGI servers: replaced refusals, aborted responses, trailers."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h11
import hypercorn.asyncio
import pytest
import uvicorn
from hypercorn.config import Config as HypercornConfig
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.starlette import require_scope


@require_scope("admin")
async def admins(connection: Any) -> None:
    raise AssertionError


async def dropped(request: Request) -> Response:
    try:
        await admins(request)
    except HTTPException:
        return JSONResponse({"secret": True})
    raise AssertionError


def streamed(*, catching: bool, length: int | None = None) -> Callable[[Request], Any]:
    async def handler(request: Request) -> Response:
        async def content() -> AsyncIterator[bytes]:
            yield b"public"
            try:
                await admins(request)
            except HTTPException:
                if not catching:
                    raise
            yield b"secret"

        return StreamingResponse(
            content(), headers={} if length is None else {"content-length": str(length)}
        )

    return handler


async def with_task(request: Request) -> Response:
    return PlainTextResponse("answered", background=BackgroundTask(admins, request))


async def echoes_headers(request: Request) -> Response:
    await request.body()
    scope_fields = [[name.decode(), value.decode()] for name, value in request.scope["headers"]]
    return JSONResponse(scope_fields)


async def accepts_anyway(websocket: WebSocket) -> None:
    try:
        await admins(websocket)
    except Exception:  # the fault that is shown
        await websocket.accept()
        await websocket.send_text("secret")


async def accepts_first(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("public")
    try:
        await admins(websocket)
    except Exception:
        await websocket.receive_text()


ROUTES = [
    Route("/dropped", dropped, methods=["GET", "HEAD"]),
    Route("/raised", admins, methods=["GET"]),
    Route("/stream", streamed(catching=False)),
    Route("/stream/caught", streamed(catching=True)),
    Route("/stream/length", streamed(catching=True, length=12)),
    Route("/task", with_task),
    Route("/headers", echoes_headers, methods=["POST"]),
    WebSocketRoute("/accepts", accepts_anyway),
    WebSocketRoute("/late", accepts_first),
]


@contextmanager
def uvicorn_serving(app: Any, http: str) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, http=http, lifespan="off", log_config=None, ws="websockets-sansio")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


@contextmanager
def hypercorn_serving(app: Any) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    config = HypercornConfig()
    config.bind = [f"fd://{listener.detach()}"]  # hypercorn closes it
    config.errorlog = config.accesslog = None
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    run = hypercorn.asyncio.serve(app, config, shutdown_trigger=stop.wait)
    thread = threading.Thread(target=lambda: loop.run_until_complete(run))
    thread.start()
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


SERVERS: dict[str, Callable[[Any], Any]] = {
    "uvicorn httptools": lambda app: uvicorn_serving(app, "httptools"),
    "uvicorn h11": lambda app: uvicorn_serving(app, "h11"),
    "hypercorn": hypercorn_serving,
}


@pytest.fixture(params=SERVERS)
def port(request, guard):
    app = Starlette(routes=ROUTES)
    app.add_middleware(GuardMiddleware, guard=guard)  # inside; the layouts are another test's
    with SERVERS[request.param](app) as port:
        yield port


def speak(
    port: int, raw: bytes, method: str = "GET"
) -> tuple[int, dict[bytes, bytes], bytes, bool]:
    """Send one request; status, header fields, body, and whether the response came to its end as
    HTTP/1.1 says.
    """
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
    parser.send(h11.EndOfMessage())
    status, headers, body = 0, {}, b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(raw)
        while True:
            try:
                event = parser.next_event()
            except h11.RemoteProtocolError:
                return status, headers, body, False
            if event is h11.NEED_DATA:
                parser.receive_data(connection.recv(65_536))
            elif isinstance(event, h11.Response):
                status, headers = event.status_code, dict(event.headers)
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return status, headers, body, True
            else:
                return status, headers, body, False


def get(
    port: int, path: str, lines: Any, method: str = "GET"
) -> tuple[int, dict[bytes, bytes], bytes, bool]:
    fields = b"".join(name + b": " + value + b"\r\n" for name, value in lines)
    return speak(
        port,
        b"%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (method.encode(), path.encode(), fields),
        method,
    )


@pytest.mark.parametrize("path", ["/dropped", "/raised"])
def test_a_refusal_arrives_whole(port, bearer, path):
    status, headers, body, whole = get(port, path, bearer())

    assert (status, whole) == (403, True)
    assert json.loads(body)["reason"] == "missing_scope"
    assert headers[b"content-length"] == str(len(body)).encode()
    assert b'error="insufficient_scope"' in headers[b"www-authenticate"]


def test_a_refusal_of_head_has_no_body(port, bearer):
    status, headers, body, whole = get(port, "/dropped", bearer(), "HEAD")

    assert (status, body, whole) == (403, b"", True)
    assert int(headers[b"content-length"]) > 0


@pytest.mark.parametrize("path", ["/stream", "/stream/caught", "/stream/length"])
def test_a_response_that_is_refused_midway_never_comes_to_its_end(port, bearer, path):
    status, _, body, whole = get(port, path, bearer())

    assert (status, whole) == (200, False)
    assert b"secret" not in body


def test_a_background_task_that_is_refused_leaves_its_response_alone(port, bearer, events):
    status, _, body, whole = get(port, "/task", bearer())

    assert (status, body, whole) == (200, b"answered", True)


def test_a_websocket_that_was_refused_is_denied(port, bearer):
    lines = {name.decode(): value.decode() for name, value in bearer()}
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{port}/accepts", additional_headers=lines)

    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body)["reason"] == "missing_scope"


def test_a_websocket_that_is_refused_later_is_closed(port, bearer):
    lines = {name.decode(): value.decode() for name, value in bearer()}
    with connect(f"ws://127.0.0.1:{port}/late", additional_headers=lines) as session:
        assert session.recv(20) == "public"
        with pytest.raises(ConnectionClosed) as closed:
            session.recv(20)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


def fields_after_trailers(port, bearer, *, waiting):
    """The names of the header fields that the application gets of a chunked request with a trailer
    section.
    """
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in bearer())
    head = b"POST /headers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + lines
    rest = b"1\r\na\r\n0\r\nX-Iiniit-Subject: admin\r\nX-HTTP-Method-Override: DELETE\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        # the server sends this when the application reads the body, so the guard has decided by
        # then
        if waiting:
            connection.sendall(head + b"Expect: 100-continue\r\n\r\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 100")
            connection.sendall(rest)
        else:
            connection.sendall(head + b"\r\n" + rest)
        answer = b""
        while not answer.endswith(b"]]"):
            answer += connection.recv(65_536)
    return [name for name, _ in json.loads(answer.partition(b"\r\n\r\n")[2])]


def test_trailers_do_not_become_header_fields_while_the_application_runs(port, bearer):
    """RFC 9110 §6.5.1. uvicorn with httptools appends them to the list that is
    `scope["headers"]`.
    """
    assert fields_after_trailers(port, bearer, waiting=True) == [
        "host",
        "transfer-encoding",
        "authorization",
        "expect",
    ]


@pytest.mark.parametrize("server", ["uvicorn h11", "hypercorn"])
def test_servers_that_discard_trailers(guard, bearer, server):
    """Named in the documentation: there a request that arrives in one piece has no trailers in its
    header list either.
    """
    with SERVERS[server](GuardMiddleware(Starlette(routes=ROUTES), guard)) as port:
        assert fields_after_trailers(port, bearer, waiting=False) == [
            "host",
            "transfer-encoding",
            "authorization",
        ]
