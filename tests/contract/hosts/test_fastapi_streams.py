"""A guarded function in a streamed body, in a task after the response, or in a middleware."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import StreamingResponse

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.starlette import require_scope
from tests.contract.hosts.calling import drive
from tests.contract.hosts.fastapi_dependencies import Log, aborted


@pytest.fixture
def log():
    return Log()


@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
def test_a_handler_that_yields_is_refused_before_its_response_starts(
    guard, bearer, own_refusal, asynchronous
):
    @require_scope("admin")
    async def asynchronously(request: Request) -> AsyncIterator[int]:
        yield 1

    @require_scope("admin")
    def synchronously(request: Request) -> Iterator[int]:
        yield 1

    app = FastAPI()
    app.get("/x")(asynchronously if asynchronous else synchronously)
    client = TestClient(GuardMiddleware(app, guard))

    assert client.get("/x", headers=bearer("admin")).text.split() == ["1"]
    refused = client.get("/x", headers=bearer("user:read"))
    assert (refused.status_code, refused.content) == (own_refusal.status, own_refusal.body)


@pytest.mark.parametrize("catching", [False, True])
def test_a_stream_that_is_refused_midway_is_aborted(guard, bearer, log, catching):
    @require_scope("admin")
    async def rows(request: Request) -> list[bytes]:
        raise AssertionError

    app = FastAPI()

    @app.get("/x")
    async def handler(request: Request) -> StreamingResponse:
        async def content() -> AsyncIterator[bytes]:
            yield b"public"
            with contextlib.suppress(*([HTTPException] if catching else [])):
                await rows(request)
            log("carried on")
            yield b"secret"

        return StreamingResponse(content())

    sent, _ = aborted(GuardMiddleware(app, guard), bearer())

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[1] == {"type": "http.response.body", "body": b"public", "more_body": True}
    assert log.lines == (["carried on"] if catching else [])


def test_under_enforce_declared_a_handler_that_yields_asks_before_its_first_step(
    guard, bearer, log
):
    @require_scope("admin")
    async def handler(request: Request) -> AsyncIterator[int]:
        log("handler")
        yield 1

    app = FastAPI()
    app.get("/x")(handler)
    guarded = GuardMiddleware(app, guard, enforce="declared")

    assert drive(guarded, "GET", "/x", tuple(bearer("admin"))).body.split() == [b"1"]
    log.lines.clear()
    sent, _ = aborted(guarded, bearer())
    assert [message["type"] for message in sent] == [
        "http.response.start"
    ]  # FastAPI starts the response first
    assert log.lines == []


def test_a_background_task_is_stopped_and_the_response_stays(guard, bearer, events, log):
    @require_scope("admin")
    async def task(request: Request) -> None:
        log("task")

    @require_scope("admin")
    def task_in_a_thread(request: Request) -> None:
        log("task")

    app = FastAPI()

    @app.get("/x")
    async def handler(request: Request, tasks: BackgroundTasks, threaded: bool = False) -> str:
        tasks.add_task(task_in_a_thread if threaded else task, request)
        return "answered"

    client = TestClient(GuardMiddleware(app, guard), raise_server_exceptions=False)
    for query in ("", "?threaded=1"):
        assert client.get(f"/x{query}", headers=bearer()).json() == "answered"
        assert (log.lines, events[-1].reason) == ([], "missing_scope")
        assert client.get(f"/x{query}", headers=bearer("admin")).json() == "answered"
        assert log.lines.pop() == "task"


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("outside", [True, False])
def test_a_guarded_function_that_a_middleware_calls_stops_the_request(
    guard, bearer, own_refusal, log, outside, debug
):
    @require_scope("admin")
    async def admins_only(request: Request) -> None:
        log("function")

    async def dispatch(request: Request, call_next: Any) -> Any:
        await admins_only(request)
        return await call_next(request)

    app = FastAPI(debug=debug)
    app.get("/x")(lambda: log("handler"))
    app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    guarded: Any = GuardMiddleware(app, guard) if outside else app
    if not outside:
        app.add_middleware(GuardMiddleware, guard=guard)

    refused = drive(guarded, "GET", "/x", tuple(bearer()))

    assert (refused.status, refused.body, log.lines) == (own_refusal.status, own_refusal.body, [])
    assert drive(guarded, "GET", "/x", tuple(bearer("admin"))).status == 200
    assert log.lines == ["function", "handler"]
