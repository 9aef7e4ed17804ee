"""A WebSocket's handler is guarded before it accepts and after."""

from __future__ import annotations

import pytest
from starlette.endpoints import WebSocketEndpoint
from starlette.routing import WebSocketRoute
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from iiniit_guard.errors import UsageError
from iiniit_guard.starlette import access_token, require_scope
from tests.hosts.starlette_handlers import clients


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
