"""DPoP for WebSockets: the handshake has the proof, a later check of the connection needs none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.starlette import require_scope
from iiniit_guard.testing import Issuer, dpop_proof, make_key

KEY = make_key("ES256", "client")
SETTINGS: Any = {"public_url": "https://api.test"}


def scope_of(issuer: Issuer, token: str, url: str, nonce: str | None = None) -> dict[str, Any]:
    proof = dpop_proof(KEY, "GET", url, token, clock=issuer.clock, nonce=nonce)
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "scheme": "wss",
        "path": "/ws",
        "raw_path": b"/ws",
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"api.test"),
            (b"authorization", f"DPoP {token}".encode()),
            (b"dpop", proof.encode()),
        ],
        "subprotocols": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 443),
        "extensions": {"websocket.http.response": {}},
    }


def connect(app: Any, scope: dict[str, Any], *texts: str) -> list[dict[str, Any]]:
    """Connect, send texts, and return the messages of the application."""
    sent: list[dict[str, Any]] = []
    queue: list[dict[str, Any]] = [
        {"type": "websocket.connect"},
        *({"type": "websocket.receive", "text": text} for text in texts),
        {"type": "websocket.disconnect", "code": 1000},
    ]

    async def receive() -> dict[str, Any]:
        return queue.pop(0)

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(app(scope, receive, send))
    return sent


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})


@pytest.mark.parametrize("url", ["https://api.test/ws", "wss://api.test/ws"])
def test_a_handshake_needs_its_proof(url):
    issuer = Issuer()
    with issuer.guard(**SETTINGS) as guard:
        app = GuardMiddleware(echo, guard)
        scope = scope_of(issuer, issuer.token(dpop_key=KEY), url)
        assert [message["type"] for message in connect(app, scope)] == ["websocket.accept"]
        replayed = connect(app, scope)
        assert (replayed[0]["type"], replayed[0]["status"]) == (
            "websocket.http.response.start",
            401,
        )


def test_a_fresh_nonce_comes_with_the_handshake():
    issuer = Issuer()
    nonces: Any = {"dpop_nonce": "required", "dpop_nonce_secret": "n" * 32}
    with issuer.guard(**SETTINGS, **nonces) as guard:
        app = GuardMiddleware(echo, guard)
        token, url = issuer.token(dpop_key=KEY), "https://api.test/ws"
        refused = connect(app, scope_of(issuer, token, url))
        nonce = dict(refused[0]["headers"])[b"dpop-nonce"].decode()
        (accepted,) = connect(app, scope_of(issuer, token, url, nonce))
        assert "headers" not in accepted
        issuer.clock.advance(60)
        (renewed,) = connect(app, scope_of(issuer, token, url, nonce))
        assert dict(renewed["headers"])[b"dpop-nonce"].decode() != nonce


def test_an_open_connection_is_checked_again_with_the_proof_of_its_handshake():
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket

    issuer, seen = Issuer(), []

    @require_scope("user:read")
    async def check(websocket: WebSocket) -> None:
        seen.append(await websocket.receive_text())

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        issuer.clock.advance(120)  # the proof alone would be too old
        await check(websocket)
        issuer.clock.advance(300)  # now the token has expired
        await check(websocket)

    with issuer.guard(**SETTINGS) as guard:
        app = GuardMiddleware(Starlette(routes=[WebSocketRoute("/ws", endpoint)]), guard)
        scope = scope_of(issuer, issuer.token(dpop_key=KEY), "https://api.test/ws")
        sent = connect(app, scope, "one", "two")
        assert seen == ["one"]
        assert sent[-1]["type"] == "websocket.close"
