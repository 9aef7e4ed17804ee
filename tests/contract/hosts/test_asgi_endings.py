"""An application that keeps streaming after a refusal terminates."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Scope

from iiniit_guard.adapting.asgi_messages import RefusalSent
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.starlette import require_scope
from tests.contract.hosts.asgi_exchange import http
from tests.contract.hosts.asgi_refusing import body, refused, start

SPECS = [
    {},
    {"asgi": None},
    {"asgi": {"version": "3.0"}},
    *({"asgi": {"spec_version": version}} for version in ("2.3", "2.4", "2.10", "3.0")),
]
RAISING = SPECS[-3:]
ACCEPT = {"type": "websocket.accept"}
TEXT = {"type": "websocket.send", "text": "secret"}
CLOSED = {"type": "websocket.close", "code": 1008, "reason": ""}


def run(app: Any, scope: Scope, *received: dict[str, Any]) -> list[Any]:
    """Return what the application sends; it must end within a few seconds. The client leaves once
    it has its answer.
    """
    sent: list[Any] = []
    answered = asyncio.Event()

    async def receive() -> Any:
        if waiting:
            return waiting.pop(0)
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            answered.set()

    async def once() -> None:
        await asyncio.wait_for(app(scope, receive, send), 5)

    waiting = list(received)
    asyncio.run(once())
    return sent


def kinds(sent):
    return [(message["type"].rpartition(".")[2], message.get("status")) for message in sent]


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize(
    "message",
    [body(more_body=True), {"type": "http.response.zerocopysend", "file": 3, "more_body": True}],
    ids=str,
)
def test_a_stream_without_end_ends_with_an_oserror(guard, bearer, spec, message):
    made, raised = [], []

    async def application(scope, receive, send):
        await refused(scope)
        await send(start())
        try:
            while True:  # it does not even let another task run
                made.append(1)
                await send(message)
        except OSError as error:
            raised.append(error)
            raise

    assert kinds(run(GuardMiddleware(application, guard), http(bearer(), **spec))) == [
        ("start", 403),
        ("body", None),
    ]
    assert len(made) == 1 if spec in RAISING else 1 < len(made) < 100
    assert [type(error) for error in raised] == [RefusalSent]
    assert "refused this request" in str(raised[0])


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_body_without_a_start_ends_too(guard, bearer, spec):
    async def application(scope, receive, send):
        await refused(scope)
        while True:
            await send(body(more_body=True))

    assert kinds(run(GuardMiddleware(application, guard), http(bearer(), **spec))) == [
        ("start", 403),
        ("body", None),
    ]


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_response_that_ends_by_itself_raises_nothing(guard, bearer, spec):
    ended = []

    async def application(scope, receive, send):
        await refused(scope)
        await send(start())
        await send(body(b"first", more_body=spec not in RAISING))
        await send(body(b""))
        ended.append(True)

    assert kinds(run(GuardMiddleware(application, guard), http(bearer(), **spec))) == [
        ("start", 403),
        ("body", None),
    ]
    assert ended == [True]


@require_scope("admin")
async def admins_only(connection):
    raise AssertionError


async def passes(request, call_next):
    return await call_next(request)


@pytest.mark.parametrize(
    "layers",
    [[], [Middleware(BaseHTTPMiddleware, dispatch=passes)]],
    ids=["plain", "BaseHTTPMiddleware"],
)
@pytest.mark.parametrize("spec", SPECS[2:], ids=str)
@pytest.mark.parametrize("kind", ["events", "events at once", "file"])
def test_starlettes_streams_end(guard, bearer, tmp_path, layers, spec, kind):
    made = []

    async def events():
        while True:
            made.append(1)
            yield b"data: x\n\n"
            if kind == "events":
                await asyncio.sleep(0.001)

    async def view(request):
        with contextlib.suppress(Exception):
            await admins_only(request)
        return FileResponse(tmp_path / "large") if kind == "file" else StreamingResponse(events())

    (tmp_path / "large").write_bytes(bytes(20_000_000))
    app = Starlette(routes=[Route("/x", view)], middleware=layers)

    assert kinds(run(GuardMiddleware(app, guard), http(bearer(), **spec))) == [
        ("start", 403),
        ("body", None),
    ]
    assert len(made) < 100


# WebSocket


def websocket(lines, **more):
    return {"type": "websocket", "path": "/x", "query_string": b"", "headers": list(lines), **more}


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize(
    "message",
    [TEXT, {"type": "websocket.http.response.body", "body": b"x", "more_body": True}],
    ids=str,
)
def test_a_websocket_that_sends_without_end_ends(guard, bearer, spec, message):
    made = []

    async def application(scope, receive, send):
        await send(ACCEPT)
        await refused(scope)
        while True:
            made.append(1)
            await send(message)

    assert run(GuardMiddleware(application, guard), websocket(bearer(), **spec)) == [ACCEPT, CLOSED]
    assert len(made) == 1 if spec in RAISING else 1 < len(made) < 100


def test_starlettes_websocket_is_disconnected(guard, bearer):
    raised = []

    async def handler(session):
        await session.accept()
        await refused(session.scope)
        try:
            while True:
                await session.send_text("secret")
        except Exception as error:
            raised.append(type(error).__name__)
            raise

    app = GuardMiddleware(Starlette(routes=[WebSocketRoute("/x", handler)]), guard)

    sent = run(
        app, websocket(bearer(), asgi={"spec_version": "2.4"}), {"type": "websocket.connect"}
    )
    assert kinds(sent) == [("accept", None), ("close", None)]
    assert raised == ["WebSocketDisconnect"]


def test_nothing_is_raised_for_a_request_that_is_not_refused(guard, bearer):
    async def view(request):
        return Response("good")

    app = GuardMiddleware(Starlette(routes=[Route("/x", view)]), guard)
    assert kinds(run(app, http(bearer(), asgi={"spec_version": "2.4"}))) == [
        ("start", 200),
        ("body", None),
    ]
