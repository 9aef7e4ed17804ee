"""A connection may outlive its token: decisions about messages of an accepted WebSocket."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from iiniit_guard import Principal
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.starlette import access_token, require_scope


class Messages(WebSocketEndpoint):
    encoding = "text"
    ended: list[str | None] = []

    @require_scope("user:read")
    async def on_receive(self, websocket, data):
        await websocket.send_text(f"{access_token(websocket).subject}: {data}")

    @require_scope("user:read")
    async def on_disconnect(self, websocket, close_code):
        self.ended.append(access_token(websocket).subject)


class Keys(WebSocketEndpoint):
    encoding = "text"

    @require_scope("user:read")
    async def on_receive(self, websocket, data):
        await websocket.send_text(data)


def connect(guard, lines, endpoint=Messages, **middleware):
    app = Starlette(routes=[WebSocketRoute("/x", endpoint)])
    return TestClient(GuardMiddleware(app, guard, **middleware)).websocket_connect(
        "/x", headers={name.decode(): value.decode() for name, value in lines}
    )


def test_a_message_after_the_end_of_the_token_closes_the_connection(guard, issuer, bearer, events):
    with connect(guard, bearer(subject="alice", expires_in=60)) as session:
        session.send_text("now")
        assert session.receive_text() == "alice: now"
        issuer.clock.advance(7_200)
        session.send_text("two hours later")
        with pytest.raises(WebSocketDisconnect) as caught:
            session.receive_text()

    assert caught.value.code == 1008
    assert [event.cache for event in events] == ["miss", "hit", "miss"]
    assert [event.reason for event in events] == [None, None, "expired"]


def test_a_revoked_token_is_found_out_within_its_delay(issuer):
    with issuer.guard(jwt="introspect") as guard:
        token = issuer.opaque_token("user:read", subject="alice")
        with connect(guard, [(b"authorization", f"Bearer {token}".encode())]) as session:
            session.send_text("a")
            assert session.receive_text() == "alice: a"
            issuer.revoke(token)
            issuer.clock.advance(61)
            session.send_text("b")
            with pytest.raises(WebSocketDisconnect) as caught:
                session.receive_text()
    assert caught.value.code == 1008


def test_an_outage_closes_too(issuer):
    with issuer.guard(jwt="introspect") as guard:
        token = issuer.opaque_token("user:read")
        with connect(guard, [(b"authorization", f"Bearer {token}".encode())]) as session:
            issuer.fail("connection")
            issuer.clock.advance(61)
            session.send_text("b")
            with pytest.raises(WebSocketDisconnect) as caught:
                session.receive_text()
    assert caught.value.code == 1008


def test_what_runs_after_the_client_left_is_not_asked_about(guard, issuer, bearer):
    Messages.ended.clear()
    with connect(guard, bearer(subject="alice", expires_in=60)):
        issuer.clock.advance(7_200)
    assert Messages.ended == ["alice"]


def test_another_credential_is_judged_again_as_well(issuer):
    good = ["k"]
    alternatives = {
        "ApiKey": lambda value, request: (
            Principal("ApiKey", "robot", frozenset({"user:read"})) if value in good else None
        )
    }
    with (
        issuer.guard(alternatives=alternatives) as guard,
        connect(guard, [(b"authorization", b"ApiKey k")], Keys) as session,
    ):
        session.send_text("a")
        assert session.receive_text() == "a"
        good.clear()
        session.send_text("b")
        with pytest.raises(WebSocketDisconnect) as caught:
            session.receive_text()
    assert caught.value.code == 1008


def test_an_anonymous_connection_is_asked_at_its_first_message(guard, bearer):
    for middleware in ({"public": ["/x"]}, {"enforce": "declared"}, {"optional_token": True}):
        with connect(guard, [], **middleware) as session:
            session.send_text("a")
            with pytest.raises(WebSocketDisconnect) as caught:
                session.receive_text()
        assert caught.value.code == 1008
        with connect(guard, bearer(subject="alice"), **middleware) as session:
            session.send_text("a")
            assert session.receive_text() == "alice: a"
