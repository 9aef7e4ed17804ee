"""A WebSocket's handler is guarded before it accepts and after."""

from __future__ import annotations

import pytest
from starlette.concurrency import run_in_threadpool
from starlette.endpoints import WebSocketEndpoint
from starlette.requests import HTTPConnection
from starlette.routing import WebSocketRoute
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from iiniit_guard.starlette import access_token, require_scope
from tests.contract.hosts.starlette_handlers import clients


@pytest.fixture
def client(guard):
    return clients(guard)


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

    with application.websocket_connect(
        "/x", headers=dict(_text(bearer(subject="alice")))
    ) as session:
        assert session.receive_text() == "alice"
    for lines, status in ((bearer("other"), 403), ([], 401)):
        with (
            pytest.raises(WebSocketDenialResponse) as caught,
            application.websocket_connect("/x", headers=dict(_text(lines))),
        ):
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

    with (
        pytest.raises(WebSocketDisconnect) as caught,
        application.websocket_connect("/x", headers=dict(_text(bearer("other")))),
    ):
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

    with (
        pytest.raises(WebSocketDisconnect) as caught,
        application.websocket_connect("/x", headers=dict(_text(bearer("other")))),
    ):
        pass
    assert caught.value.code == 1000


@require_scope("user:read")
def in_a_thread(websocket):
    return access_token(websocket).subject


async def asks_in_a_thread(websocket):
    subject = await run_in_threadpool(in_a_thread, websocket)
    await websocket.accept()
    await websocket.send_text(subject)


async def asks_in_a_thread_again(websocket):
    await websocket.accept()
    await websocket.send_text(await run_in_threadpool(in_a_thread, websocket))
    await websocket.receive()
    await websocket.send_text(await run_in_threadpool(in_a_thread, websocket))


def test_a_synchronous_function_is_guarded_before_the_connection_is_accepted(client, bearer):
    application = client(WebSocketRoute("/x", asks_in_a_thread), enforce="declared")

    with application.websocket_connect(
        "/x", headers=dict(_text(bearer(subject="alice")))
    ) as session:
        assert session.receive_text() == "alice"
    with pytest.raises(WebSocketDenialResponse) as caught, application.websocket_connect("/x"):
        pass
    assert caught.value.status_code == 401


def test_a_synchronous_function_asks_again_once_it_is_accepted(client, issuer, bearer):
    application = client(WebSocketRoute("/x", asks_in_a_thread_again))

    with application.websocket_connect(
        "/x", headers=dict(_text(bearer(subject="alice", expires_in=60)))
    ) as session:
        assert session.receive_text() == "alice"
        issuer.clock.advance(7_200)
        session.send_text("later")
        with pytest.raises(WebSocketDisconnect) as caught:
            session.receive_text()
    assert caught.value.code == 1008


async def by_connection(websocket):
    await websocket.accept()
    await websocket.receive()
    await under_a_bare_connection(connection=HTTPConnection(websocket.scope))
    await websocket.send_text("in")


@require_scope("user:read")
async def under_a_bare_connection(connection):
    return None


def test_a_connection_that_does_not_say_whether_it_is_open_is_judged_anew(client, issuer, bearer):
    application = client(WebSocketRoute("/x", by_connection))
    lines = dict(_text(bearer(expires_in=60)))

    with application.websocket_connect("/x", headers=lines) as session:
        session.send_text("now")
        assert session.receive_text() == "in"
    with application.websocket_connect("/x", headers=lines) as session:
        issuer.clock.advance(7_200)
        session.send_text("later")
        with pytest.raises(WebSocketDisconnect) as caught:
            session.receive_text()
    assert caught.value.code == 1008
