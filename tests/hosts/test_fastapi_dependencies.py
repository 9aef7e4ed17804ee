"""A guarded function that FastAPI calls as a dependency, or that runs beside a handler, stops what it should stop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Request, WebSocket
from fastapi.requests import HTTPConnection
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException, WebSocketException
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import StreamingResponse
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.core.access_token import AccessToken
from iiniit_guard.core.decision import Answer as Decision
from iiniit_guard.core.policy import make_policy
from iiniit_guard.core.request import Request as GuardRequest
from iiniit_guard.errors import UsageError
from iiniit_guard.starlette import access_token, require_any_scope, require_scope, require_token
from tests.hosts.calling import drive


class Log:
    """What ran, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def log():
    return Log()


def kinds(log: Log) -> dict[str, Any]:
    """Every kind of dependency that can be guarded; each gives the subject."""

    @require_scope("admin")
    async def asynchronous(request: Request) -> str | None:
        log("dependency")
        return access_token(request).subject

    @require_scope("admin")
    def synchronous(request: Request) -> str | None:
        assert threading.current_thread() is not threading.main_thread()
        log("dependency")
        return access_token(request).subject

    @require_scope("admin")
    async def asynchronous_generator(request: Request) -> AsyncIterator[str | None]:
        log("dependency")
        yield access_token(request).subject
        log("end")

    @require_scope("admin")
    def generator(request: Request) -> Iterator[str | None]:
        log("dependency")
        yield access_token(request).subject
        log("end")

    @require_scope("admin")
    async def any_connection(connection: HTTPConnection) -> str | None:
        log("dependency")
        return access_token(connection).subject

    class Callable:
        @require_scope("admin")
        async def __call__(self, request: Request) -> str | None:
            log("dependency")
            return access_token(request).subject

    class Generating:
        @require_scope("admin")
        def __call__(self, request: Request) -> Iterator[str | None]:
            log("dependency")
            yield access_token(request).subject
            log("end")

    class Made:
        @require_scope("admin")
        def __init__(self, request: Request) -> None:
            log("dependency")
            self.subject = access_token(request).subject

        def __eq__(self, other: object) -> bool:
            return self.subject == other

        __hash__ = object.__hash__

    async def prefixed(prefix: str, request: Request) -> str | None:
        log("dependency")
        return access_token(request).subject

    return {
        "async": asynchronous,
        "sync": synchronous,
        "async generator": asynchronous_generator,
        "generator": generator,
        "any connection": any_connection,
        "callable": Callable(),
        "generating callable": Generating(),
        "class": Made,
        "stacked": require_token()(require_any_scope("admin", "user:read")(asynchronous)),
        "stacked generators": require_any_scope("admin", "user:read")(generator),
        "stacked async generators": require_any_scope("admin", "user:read")(asynchronous_generator),
        "partial": functools.partial(require_scope("admin")(prefixed), "x"),
    }


KINDS = list(kinds(Log()))
WAYS = ("parameter", "route", "router", "below another", "application")


def serve(guard, log, dependency, way="parameter", **settings):
    app = FastAPI(dependencies=[Depends(dependency)] if way == "application" else [])
    router = APIRouter()

    async def handler() -> str:
        log("handler")
        return "alice"

    wanted: Any = Depends(dependency)

    async def with_parameter(subject: Any = wanted) -> bool:
        log("handler")
        return bool(subject == "alice")

    async def another(subject: Any = wanted) -> None:
        log("another")

    if way == "parameter":
        router.get("/x")(with_parameter)
    elif way == "route":
        router.get("/x", dependencies=[Depends(dependency)])(handler)
    elif way == "below another":
        router.get("/x", dependencies=[Depends(another)])(handler)
    else:
        router.get("/x")(handler)
    app.include_router(router, dependencies=[Depends(dependency)] if way == "router" else [])
    return TestClient(GuardMiddleware(app, guard, **settings))


@pytest.mark.parametrize("settings", [{}, {"enforce": "declared"}, {"optional_token": True}, {"public": ["/x"]}], ids=str)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_guarded_dependency_stops_the_handler(guard, bearer, events, log, kind, way, settings):
    client = serve(guard, log, kinds(log)[kind], way, **settings)

    refused = client.get("/x", headers=bearer("user:read"))
    assert (refused.status_code, refused.json()["reason"]) == (403, "missing_scope")
    assert events[-1].reason == "missing_scope"
    anonymous = client.get("/x")
    assert (anonymous.status_code, anonymous.json()["reason"]) == (401, "no_token")
    assert log.lines == []

    good = client.get("/x", headers=bearer("admin", subject="alice"))
    assert (good.status_code, good.json()) == (200, True if way == "parameter" else "alice")
    assert [line for line in log.lines if line != "another"] in (["dependency", "handler"], ["dependency", "handler", "end"])


@pytest.mark.parametrize("settings", [{}, {"enforce": "declared"}], ids=str)
@pytest.mark.parametrize("kind", ["async generator", "generator", "stacked generators", "stacked async generators"])
def test_a_generator_hears_what_became_of_the_handler(guard, bearer, kind, settings):
    """What FastAPI throws into a dependency at its yield is what rolls a transaction back."""
    heard = []

    @require_scope("admin")
    async def asynchronous(request: Request) -> AsyncIterator[int]:
        try:
            yield 1
        except LookupError as error:
            heard.append(str(error))
            raise

    @require_scope("admin")
    def synchronous(request: Request) -> Iterator[int]:
        try:
            yield 1
        except LookupError as error:
            heard.append(str(error))
            raise

    dependency: Any = asynchronous if "async" in kind else synchronous
    wanted: Any = Depends(require_token()(dependency) if "stacked" in kind else dependency)
    app = FastAPI()

    @app.get("/x")
    async def handler(number: int = wanted) -> None:
        raise LookupError("rolled back")

    client = TestClient(GuardMiddleware(app, guard, **settings), raise_server_exceptions=False)
    assert client.get("/x", headers=bearer("admin")).status_code == 500
    assert heard == ["rolled back"]


def scope_of(guard, lines=(), **more):
    return {"type": "http", "method": "GET", "path": "/x", "query_string": b"", "headers": list(lines), "iiniit_guard.guard": guard, **more}


def test_an_asynchronous_generator_is_stepped_sent_to_thrown_into_and_closed_as_it_is(guard, bearer):
    heard = []

    @require_scope("user:read")
    async def echo(request):
        value = "first"
        try:
            while True:
                try:
                    value = yield value
                except LookupError as error:
                    value = f"caught {error}"
                if value == "end":
                    return
        finally:
            heard.append("closed")

    async def drive_it():
        first: Any = echo(Request(scope_of(guard, bearer())))
        assert [await anext(first), await first.asend("a"), await first.athrow(LookupError("b"))] == ["first", "a", "caught b"]
        await first.aclose()
        second: Any = echo(Request(scope_of(guard, bearer())))
        assert await anext(second) == "first"
        with pytest.raises(StopAsyncIteration):
            await second.asend("end")
        third: Any = echo(Request(scope_of(guard, bearer("other"))))
        with pytest.raises(HTTPException):
            await anext(third)

    asyncio.run(drive_it())
    assert heard == ["closed", "closed"]


def test_generator_functions_without_a_middleware_fail(bearer):
    for function in (kinds(Log())["generator"], kinds(Log())["async generator"]):
        with pytest.raises(UsageError, match="without the guard's middleware"):
            function(Request({"type": "http", "headers": bearer()}))


class NoEndpoint:
    def __call__(self, request):
        raise AssertionError


@pytest.mark.parametrize("thing", [NoEndpoint(), NoEndpoint, Depends(NoEndpoint()), NoEndpoint.__call__.__get__, "name"], ids=repr)
def test_what_cannot_be_guarded_is_told_at_decoration(thing):
    with pytest.raises(UsageError, match="can be guarded"):
        require_scope("admin")(thing)


def test_a_dependency_without_a_connection_stops_the_handler(guard, bearer, log):
    @require_scope("admin")
    async def blind() -> None:
        raise AssertionError

    with pytest.raises(UsageError, match="needs the Request"):
        serve(guard, log, blind).get("/x", headers=bearer("admin"))
    assert log.lines == []


# Streaming handlers


@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "sync"])
def test_a_handler_that_yields_is_refused_before_its_response_starts(guard, bearer, own_refusal, asynchronous):
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


@pytest.fixture
def own_refusal(guard, bearer):
    return guard.authenticate(GuardRequest("GET", "/x", headers=bearer()), make_policy(["admin"]))


def aborted(app, lines):
    """What is sent until the middleware raises, and what it raises."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises((RuntimeError, UsageError)) as raised:
        asyncio.run(app({**scope_of(None, lines), "asgi": {"version": "3.0", "spec_version": "2.4"}}, receive, send))
    return sent, raised.value


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


def test_under_enforce_declared_a_handler_that_yields_asks_before_its_first_step(guard, bearer, log):
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
    assert [message["type"] for message in sent] == ["http.response.start"]  # FastAPI starts the response first
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
def test_a_guarded_function_that_a_middleware_calls_stops_the_request(guard, bearer, own_refusal, log, outside, debug):
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


# WebSocket


@pytest.mark.parametrize("settings", [{}, {"enforce": "declared"}], ids=str)
@pytest.mark.parametrize("kind", ["async", "sync", "generator", "async generator"])
def test_a_guarded_dependency_of_a_websocket_stops_it_before_it_is_accepted(guard, bearer, log, kind, settings):
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

    dependency: Any = {"async": asynchronous, "sync": synchronous, "generator": generator, "async generator": async_generator}[kind]
    app = FastAPI()
    wanted: Any = Depends(dependency)

    @app.websocket("/x")
    async def handler(websocket: WebSocket, subject: Any = wanted) -> None:
        log("handler")
        await websocket.accept()
        await websocket.send_text(subject)

    client = TestClient(GuardMiddleware(app, guard, **settings))
    with client.websocket_connect("/x", headers=dict(text(bearer("admin", subject="alice")))) as session:
        assert session.receive_text() == "alice"
    log.lines.clear()
    with pytest.raises(WebSocketDenialResponse) as caught, client.websocket_connect("/x", headers=dict(text(bearer()))):
        pass
    assert (caught.value.status_code, caught.value.json()["reason"], log.lines) == (403, "missing_scope", [])


def text(lines):
    return [(name.decode(), value.decode()) for name, value in lines]


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
def test_no_frame_of_ours_holds_the_request_when_a_refusal_is_raised(guard, bearer, log, kind, settings):
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

    assert TestClient(GuardMiddleware(app, guard, **settings)).get("/x", headers=lines).status_code == 403

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
