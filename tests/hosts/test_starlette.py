"""What is special to Starlette: where a handler's request is found, threads, classes, WebSockets, mounts."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.core.handler import policies_of
from iiniit_guard.core.policy import make_policy
from iiniit_guard.errors import UsageError
from iiniit_guard.starlette import access_token, require_any_scope, require_scope, require_token

READ = make_policy(["user:read"])


@pytest.fixture
def client(guard):
    """Make a client of an application with these routes."""

    def make(*routes, outside=None, **middleware):
        app = Starlette(routes=list(routes), middleware=[Middleware(GuardMiddleware, guard=guard, **middleware)])
        return TestClient(app if outside is None else outside(app), raise_server_exceptions=False)

    return make


def subject(connection):
    return Response(access_token(connection).subject)


@require_scope("user:read")
async def by_name(request):
    return subject(request)


@require_scope("user:read")
async def by_another_name(anything: Request):
    return subject(anything)


@require_scope("user:read")
def threaded(request):
    assert threading.current_thread() is not threading.main_thread()
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    return subject(request)


class Whole(HTTPEndpoint):
    async def get(self, request):
        return subject(request)

    def post(self, request):
        return subject(request)


guarded_class = require_scope("user:read")(Whole)


class Methods(HTTPEndpoint):
    @require_scope("user:read")
    async def get(self, request):
        return subject(request)

    @require_scope("user:read")
    def post(self, request):
        return subject(request)


class Holder:
    @require_scope("user:read")
    async def handle(self, request):
        return subject(request)


async def prefixed(prefix, request):
    return subject(request)


HANDLERS: dict[str, Any] = {
    "async function": by_name,
    "another name": by_another_name,
    "sync function": threaded,
    "class": guarded_class,
    "methods": Methods,
    "bound method": Holder().handle,
    "partial inside": require_scope("user:read")(functools.partial(prefixed, "x")),
    "partial outside": functools.partial(require_scope("user:read")(prefixed), "x"),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", HANDLERS)
@pytest.mark.parametrize("middleware", [{}, {"enforce": "declared"}, {"public": ("/x",)}, {"optional_token": True}], ids=str)
def test_every_kind_of_handler_is_guarded(client, bearer, events, name, method, middleware):
    is_class = isinstance(HANDLERS[name], type)
    route = Route("/x", HANDLERS[name]) if is_class else Route("/x", HANDLERS[name], methods=["GET", "POST"])
    application = client(route, **middleware)

    assert application.request(method, "/x", headers=bearer(subject="alice")).text == "alice"
    refused = application.request(method, "/x", headers=bearer("other"))
    assert refused.status_code == 403
    assert refused.json()["reason"] == "missing_scope"
    assert "charset" not in refused.headers["content-type"]
    assert application.request(method, "/x").status_code == 401
    assert events[-1].reason == "no_token"


def test_decorated_handlers_keep_their_looks():
    assert inspect.iscoroutinefunction(by_name)
    assert not inspect.iscoroutinefunction(threaded)
    assert list(inspect.signature(by_another_name).parameters) == ["anything"]
    assert guarded_class is Whole
    assert Whole.dispatch.__name__ == "dispatch"


def test_policies_are_on_the_handler_the_outermost_first():
    @require_any_scope("a", "b")
    @require_token(max_age=60)
    @require_scope("user:read")
    async def handler(request):
        raise AssertionError

    assert policies_of(handler) == (make_policy(["a", "b"], match="any"), make_policy(max_age=60), READ)
    assert policies_of(by_name) == (READ,)
    assert policies_of(Whole) == (READ,)


def test_stacked_decorators_all_decide(client, bearer):
    @require_scope("user:write")
    @require_scope("user:read")
    async def handler(request):
        return subject(request)

    application = client(Route("/x", handler))

    assert application.get("/x", headers=bearer("user:read user:write")).status_code == 200
    assert application.get("/x", headers=bearer("user:read")).status_code == 403
    assert application.get("/x", headers=bearer("user:write")).status_code == 403


def test_a_subclass_is_guarded_and_its_base_is_not(client, bearer):
    class Base(HTTPEndpoint):
        async def get(self, request):
            return Response("base")

    @require_scope("user:write")
    class Sub(Base):
        pass

    application = client(Route("/base", Base), Route("/sub", Sub))

    assert application.get("/base", headers=bearer()).status_code == 200
    assert application.get("/sub", headers=bearer()).status_code == 403


def test_a_mounted_application_is_guarded(client, bearer):
    inner = Starlette(routes=[Route("/x", by_name), Route("/open", lambda request: Response("open"))])
    application = client(Mount("/sub", app=inner), public=("/sub/open",))

    assert application.get("/sub/x").status_code == 401
    assert application.get("/sub/x", headers=bearer(subject="alice")).text == "alice"
    assert application.get("/sub/open").text == "open"
    assert application.get("/sub/nowhere").status_code == 401


def test_a_mounted_guard_does_not_leak_what_it_noted(guard, issuer, bearer):
    seen = []

    async def outer_handler(request):
        seen.append(request.scope["iiniit_guard.guard"])
        return Response("")

    with issuer.guard() as inner:
        sub = GuardMiddleware(Starlette(routes=[Route("/x", by_name)]), inner)

        async def cascade(scope, receive, send):
            answered = []
            await sub(scope, receive, lambda message: _remember(answered, message))
            await Route("/x", outer_handler)(scope, receive, send)

        TestClient(GuardMiddleware(cascade, guard)).get("/x", headers=bearer())
    assert seen == [guard]


async def _remember(where, message):
    where.append(message)


def test_without_its_middleware_a_handler_fails_and_never_runs(bearer):
    routes = [Route("/x", by_name), Route("/y", threaded), Route("/z", Whole)]
    application = TestClient(Starlette(routes=routes))

    for path in ("/x", "/y", "/z"):
        with pytest.raises(UsageError, match="without the guard's middleware"):
            application.get(path, headers=bearer())
    assert TestClient(Starlette(routes=routes), raise_server_exceptions=False).get("/x").status_code == 500


def test_a_handler_without_request_fails(client, bearer):
    @require_scope("user:read")
    async def handler():
        raise AssertionError

    with pytest.raises(UsageError, match="needs the Request"):
        asyncio.run(handler())


def test_keyword_arguments_are_searched(guard, bearer):
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/x",
        "headers": bearer(subject="alice"),
        "query_string": b"",
        "iiniit_guard.guard": guard,
    }

    handler: Any = by_another_name
    answer = asyncio.run(handler(anything=Request(scope)))

    assert answer.body == b"alice"
    with pytest.raises(UsageError, match="needs the Request"):
        asyncio.run(handler(anything=scope))


def test_access_token_is_found_or_missed(guard, bearer):
    token = guard.verify(bearer()[0][1][7:].decode())

    assert access_token({"iiniit_guard.access_token": token}) is token
    assert access_token(Request({"type": "http", "iiniit_guard.access_token": token})) is token
    for scope in ({}, {"iiniit_guard.access_token": None}):
        with pytest.raises(UsageError, match="no access token"):
            access_token(scope)


@pytest.mark.parametrize(
    "thing",
    [Route("/x", by_name), None, 3, Starlette(), staticmethod(prefixed), Middleware(CORSMiddleware), Exception, CORSMiddleware],
    ids=repr,
)
def test_what_is_no_handler_cannot_be_guarded(thing):
    with pytest.raises(UsageError, match="can be guarded"):
        require_scope("user:read")(thing)


@pytest.mark.parametrize("scopes", [(), ("two words",), (by_name,), ("",)], ids=str)
def test_unusable_scopes_are_refused_at_decoration(scopes):
    with pytest.raises(UsageError):
        require_scope(*scopes)


def test_cors_outside_is_fine_and_reaches_refusals(guard, caplog):
    app = Starlette(
        routes=[Route("/x", by_name)],
        middleware=[Middleware(CORSMiddleware, allow_origins=["*"]), Middleware(GuardMiddleware, guard=guard)],
    )

    answer = TestClient(app).get("/x", headers={"origin": "https://app.example"})

    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == "*"
    assert caplog.records == []


@pytest.mark.parametrize("around", [False, True])
def test_cors_inside_is_warned_about(guard, caplog, around):
    cors = Middleware(CORSMiddleware, allow_origins=["*"])
    outside = GuardMiddleware(Starlette(middleware=[cors]), guard)
    inside = Starlette(middleware=[Middleware(GuardMiddleware, guard=guard), cors])

    with TestClient(outside if around else inside):
        assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_fastapi_decorators_on_the_wrong_side_are_told(guard):
    from fastapi import APIRouter, FastAPI

    router = APIRouter()

    @require_scope("user:read")
    @router.get("/wrong")
    async def wrong(request: Request):
        raise AssertionError

    @router.get("/right")
    @require_scope("user:read")
    async def right(request: Request):
        raise AssertionError

    app = FastAPI()
    app.include_router(router, prefix="/v1")
    app.add_middleware(GuardMiddleware, guard=guard)

    with pytest.raises(UsageError, match=r"wrong$"):
        TestClient(app).get("/v1/right")
    assert TestClient(app, raise_server_exceptions=False).get("/v1/wrong").status_code == 500


def test_fastapi_handlers_are_guarded(guard, bearer):
    from fastapi import FastAPI

    app = FastAPI()
    app.add_middleware(GuardMiddleware, guard=guard)

    @app.get("/users/{number}")
    @require_scope("user:read")
    def user(number: int, request: Request):
        return {"number": number, "subject": access_token(request).subject}

    client = TestClient(app)
    assert client.get("/users/7", headers=bearer(subject="alice")).json() == {"number": 7, "subject": "alice"}
    assert client.get("/users/7", headers=bearer("other")).status_code == 403
    assert client.get("/users/7").status_code == 401


# WebSockets


@require_scope("user:read")
async def socket(websocket):
    await websocket.accept()
    await websocket.send_text(access_token(websocket).subject)
    await websocket.close()


class WholeSocket(WebSocketEndpoint):
    encoding = "text"

    async def on_connect(self, websocket):
        await websocket.accept()
        await websocket.send_text(access_token(websocket).subject)


require_scope("user:read")(WholeSocket)


class ConnectSocket(WebSocketEndpoint):
    @require_scope("user:read")
    async def on_connect(self, websocket):
        await websocket.accept()
        await websocket.send_text(access_token(websocket).subject)


@require_scope("user:read")
async def late_socket(websocket):
    await websocket.accept()
    await websocket.send_text(access_token(websocket).subject)


async def connected_before(websocket):
    await websocket.receive()
    await late_socket(websocket)


@pytest.mark.parametrize("handler", [socket, WholeSocket, ConnectSocket, connected_before])
@pytest.mark.parametrize("middleware", [{}, {"enforce": "declared"}])
def test_websocket_handlers_are_guarded(client, bearer, handler, middleware):
    application = client(WebSocketRoute("/x", handler), **middleware)

    with application.websocket_connect("/x", headers=dict(_text(bearer(subject="alice")))) as session:
        assert session.receive_text() == "alice"
    for lines, status in ((bearer("other"), 403), ([], 401)):
        with pytest.raises(WebSocketDenialResponse) as caught, application.websocket_connect("/x", headers=dict(_text(lines))):
            pass
        assert caught.value.status_code == status
        assert "Bearer" in caught.value.headers["www-authenticate"]


def _text(lines):
    return [(name.decode(), value.decode()) for name, value in lines]


def test_without_the_extension_a_websocket_is_closed(client, bearer):
    def without(app):
        async def wrapped(scope, receive, send):
            await app({**scope, "extensions": {}}, receive, send)

        return wrapped

    application = client(WebSocketRoute("/x", socket), outside=without)

    with pytest.raises(WebSocketDisconnect) as caught, application.websocket_connect("/x", headers=dict(_text(bearer("other")))):
        pass
    assert caught.value.code == 1008


class Messages(WebSocketEndpoint):
    encoding = "text"

    @require_scope("user:write")
    async def on_receive(self, websocket, data):
        await websocket.send_text(f"written: {data}")


def test_a_guarded_message_closes_the_accepted_connection(client, bearer):
    application = client(WebSocketRoute("/x", Messages))

    with application.websocket_connect("/x", headers=dict(_text(bearer("user:write")))) as session:
        session.send_text("a")
        assert session.receive_text() == "written: a"
    with application.websocket_connect("/x", headers=dict(_text(bearer("user:read")))) as session:
        session.send_text("a")
        with pytest.raises(WebSocketDisconnect) as caught:
            session.receive_text()
    assert caught.value.code == 1008


def test_a_refusal_after_the_end_sends_nothing_more(client, bearer):
    async def ends_first(websocket):
        await websocket.close()
        await late_socket(websocket)

    application = client(WebSocketRoute("/x", ends_first))

    with pytest.raises(WebSocketDisconnect) as caught, application.websocket_connect("/x", headers=dict(_text(bearer("other")))):
        pass
    assert caught.value.code == 1000


async def never(*arguments):
    raise AssertionError


def test_a_sync_websocket_handler_is_a_usage_error(guard):
    @require_scope("user:read")
    def handler(websocket):
        raise AssertionError

    with pytest.raises(UsageError, match="async"):
        handler(WebSocket({"type": "websocket", "headers": [], "iiniit_guard.guard": guard}, never, never))
