"""The exceptions of a guarded function in FastAPI, and guarded dependencies of WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.requests import HTTPConnection
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException, WebSocketException
from starlette.responses import StreamingResponse
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Response as Decision
from iiniit_guard.starlette import access_token, require_scope
from tests.contract.hosts.fastapi_dependencies import KINDS, Log, kinds, scope_of, text


@pytest.fixture
def log():
    return Log()


@pytest.mark.parametrize("settings", [{}, {"enforce": "declared"}], ids=str)
@pytest.mark.parametrize("kind", ["async", "sync", "generator", "async generator"])
def test_a_guarded_dependency_of_a_websocket_stops_it_before_it_is_accepted(
    guard, bearer, log, kind, settings
):
    @require_scope("admin")
    async def asynchronous(websocket: WebSocket) -> str | None:
        return access_token(websocket).subject

    @require_scope("admin")
    def synchronous(websocket: WebSocket) -> str | None:
        return access_token(websocket).subject

    @require_scope("admin")
    def generator(websocket: WebSocket) -> Iterator[str | None]:
        yield access_token(websocket).subject

    @require_scope("admin")
    async def async_generator(websocket: WebSocket) -> AsyncIterator[str | None]:
        yield access_token(websocket).subject

    dependency: Any = {
        "async": asynchronous,
        "sync": synchronous,
        "generator": generator,
        "async generator": async_generator,
    }[kind]
    app = FastAPI()
    wanted: Any = Depends(dependency)

    @app.websocket("/x")
    async def handler(websocket: WebSocket, subject: Any = wanted) -> None:
        log("handler")
        await websocket.accept()
        await websocket.send_text(subject)

    client = TestClient(GuardMiddleware(app, guard, **settings))
    with client.websocket_connect(
        "/x", headers=dict(text(bearer("admin", subject="alice")))
    ) as session:
        assert session.receive_text() == "alice"
    log.lines.clear()
    with (
        pytest.raises(WebSocketDenialResponse) as caught,
        client.websocket_connect("/x", headers=dict(text(bearer()))),
    ):
        pass
    assert (caught.value.status_code, caught.value.json()["reason"], log.lines) == (
        403,
        "missing_scope",
        [],
    )


@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
def test_a_generator_under_an_open_websocket_is_judged_anew(guard, issuer, bearer, asynchronous):
    @require_scope("user:read")
    async def numbers(websocket: WebSocket) -> AsyncIterator[str]:
        yield "1"

    @require_scope("user:read")
    def numbers_in_a_thread(websocket: WebSocket) -> Iterator[str]:
        yield "1"

    app = FastAPI()

    @app.websocket("/x")
    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        while True:
            await websocket.receive_text()
            if asynchronous:
                async for number in numbers(websocket):
                    await websocket.send_text(number)
            else:
                for number in numbers_in_a_thread(websocket):
                    await websocket.send_text(number)

    client = TestClient(GuardMiddleware(app, guard))
    with client.websocket_connect("/x", headers=dict(text(bearer(expires_in=60)))) as session:
        session.send_text("now")
        assert session.receive_text() == "1"
        issuer.clock.advance(7_200)
        session.send_text("two hours later")
        with pytest.raises(WebSocketDisconnect) as caught:
            session.receive_text()
    assert caught.value.code == 1008


# What an exception shows


@pytest.mark.parametrize("settings", [{}, {"enforce": "declared"}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_no_frame_of_ours_holds_the_request_when_a_refusal_is_raised(
    guard, bearer, log, kind, settings
):
    raised = []

    async def handle(request: Request, error: Exception) -> StreamingResponse:
        trace = error.__traceback__
        while trace is not None:
            raised.append((trace.tb_frame.f_globals["__name__"], dict(trace.tb_frame.f_locals)))
            trace = trace.tb_next
        assert (error.__cause__, error.__suppress_context__) == (None, True)
        return StreamingResponse(iter([b"caught"]))

    lines = bearer()
    app = FastAPI(exception_handlers={HTTPException: handle})
    app.get("/x", dependencies=[Depends(kinds(log)[kind])])(lambda: None)

    assert (
        TestClient(GuardMiddleware(app, guard, **settings)).get("/x", headers=lines).status_code
        == 403
    )

    token = lines[0][1].decode().partition(" ")[2]
    ours = [variables for name, variables in raised if name.startswith("iiniit_guard.")]
    for value in (value for variables in ours for value in variables.values()):
        assert not isinstance(value, HTTPConnection | AccessToken | Decision)
        assert token not in repr(value)
    assert not {"args", "kwargs", "connection", "scope", "self"} & set(ours[-1])


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_what_is_raised_is_the_hosts_own(guard, bearer, kind):
    @require_scope("admin")
    async def handler(connection: Any) -> None:
        raise AssertionError

    connection = HTTPConnection(scope_of(guard, bearer(), type=kind))
    with pytest.raises((HTTPException, WebSocketException)) as raised:
        asyncio.run(handler(connection))

    error: Any = raised.value
    if kind == "http":
        assert raised.type is HTTPException
        assert error.status_code == 403
        assert 'error="insufficient_scope"' in error.headers["WWW-Authenticate"]
        assert not [name for name in error.headers if name.lower().startswith("content-")]
    else:
        assert raised.type is WebSocketException
        assert error.code == 1008
    assert "Bearer" not in repr(error.args)
