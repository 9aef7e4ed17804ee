"""The token of a WebSocket in a subprotocol, in the form of Kubernetes."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.starlette import require_scope
from iiniit_guard.testing import Issuer

PREFIX = "base64url.bearer.authorization.k8s.io."
SETTING = {"websocket_subprotocol_token": True}


def encoded(token, prefix=PREFIX):
    return prefix + urlsafe_b64encode(token.encode()).rstrip(b"=").decode()


@pytest.fixture
def issuer():
    return Issuer()


def site(guard, **middleware):
    """Return a client of an application that accepts with the first subprotocol it sees."""
    seen = []

    async def accept(websocket):
        seen.append(websocket.scope)
        offered = websocket.scope["subprotocols"]
        await websocket.accept(subprotocol=offered[0] if offered else None)
        await websocket.close()

    @require_scope("user:read")
    async def scoped(websocket):
        await accept(websocket)

    app = Starlette(routes=[WebSocketRoute("/", accept), WebSocketRoute("/scoped", scoped)])
    return TestClient(GuardMiddleware(app, guard, **middleware)), seen


def connect(client, subprotocols, path="/", **headers):
    with client.websocket_connect(path, subprotocols=subprotocols, headers=headers) as session:
        return session.accepted_subprotocol


def refused(client, subprotocols, path="/", **headers):
    with pytest.raises(WebSocketDenialResponse) as raised:
        connect(client, subprotocols, path, **headers)
    return raised.value.status_code, raised.value.json()["reason"]


@pytest.mark.parametrize("make", ["token", "opaque_token"])
@pytest.mark.parametrize("path", ["/", "/scoped"])
def test_the_token_is_moved_and_another_subprotocol_is_selected(issuer, make, path):
    token = getattr(issuer, make)()
    client, seen = site(issuer.guard(**SETTING))

    for offered in ([encoded(token), "chat", "v2"], ["chat", encoded(token), "v2"]):
        assert connect(client, offered, path) == "chat"

    for scope in seen:
        assert scope["subprotocols"] == ["chat", "v2"]
        shown = [value for name, value in scope["headers"] if name != b"authorization"]
        assert b"bearer.authorization" not in b" ".join(shown)
        assert encoded(token).encode()[len(PREFIX) :] not in b" ".join(shown)
        fields = dict(scope["headers"])
        assert fields[b"sec-websocket-protocol"] == b"chat, v2"
        assert fields[b"authorization"] == f"Bearer {token}".encode()


@pytest.mark.parametrize(
    ("offered", "status", "reason"),
    [
        (lambda good: ["chat"], 401, "no_token"),
        (lambda good: ["chat", encoded("x")], 401, "inactive"),
        (lambda good: [encoded(good)], 400, "malformed_header"),
        (lambda good: [encoded(good), ""], 400, "malformed_header"),
        (lambda good: ["chat", PREFIX], 400, "malformed_header"),
        (lambda good: ["chat", encoded(good) + "="], 400, "malformed_header"),
        (lambda good: ["chat", encoded(good) + "!"], 400, "malformed_header"),
        (lambda good: ["chat", PREFIX + good], 400, "malformed_header"),
        (lambda good: ["chat", encoded(f"Bearer {good}")], 400, "malformed_header"),
        (lambda good: ["chat", encoded(f"{good}\r\nx-user: admin")], 400, "malformed_header"),
        (lambda good: ["chat", encoded(f"{good},{good}")], 400, "malformed_header"),
        (lambda good: ["chat", encoded(good, PREFIX.upper())], 400, "malformed_header"),
        (lambda good: ["chat", encoded(good), encoded(good)], 400, "several_credentials"),
        (lambda good: ["chat", encoded(good), encoded("x")], 400, "several_credentials"),
        (lambda good: ["chat", encoded(good, "bearer.authorization.k8s.io.")], 401, "no_token"),
    ],
)
def test_anything_else_is_refused(issuer, offered, status, reason):
    client, seen = site(issuer.guard(**SETTING))

    assert refused(client, offered(issuer.token())) == (status, reason)
    assert seen == []


def test_a_token_without_the_scope_is_refused(issuer):
    client, _ = site(issuer.guard(**SETTING))

    assert refused(client, ["chat", encoded(issuer.token("other"))], "/scoped") == (
        403,
        "missing_scope",
    )


def test_beside_another_credential_it_is_refused(issuer):
    token = issuer.token()
    client, _ = site(issuer.guard(**SETTING))

    several = (400, "several_credentials")
    both = ["chat", encoded(token)]
    assert refused(client, both, Authorization=f"Bearer {token}") == several
    assert refused(client, both, Authorization="Basic eA==") == several
    assert refused(client, both, f"/?access_token={token}") == (400, "token_in_query")
    assert connect(client, ["chat"], Authorization=f"Bearer {token}") == "chat"


def test_it_is_not_read_by_default(issuer):
    client, _ = site(issuer.guard())

    assert refused(client, ["chat", encoded(issuer.token())]) == (401, "no_token")


@pytest.mark.parametrize("offered", [["chat", encoded("x.y")], [encoded("x.y")]])
def test_on_a_public_path_the_application_does_not_see_it_either(issuer, offered):
    client, seen = site(issuer.guard(**SETTING), public=["/"])

    assert connect(client, offered) == ("chat" if "chat" in offered else None)
    assert PREFIX.encode() not in repr([seen[0]["headers"], seen[0]["subprotocols"]]).encode()


def scope_of(headers=(), kind="websocket", **more):
    return {"type": kind, "path": "/", "query_string": b"", "headers": list(headers), **more}


def seen_by(guard, scope):
    seen = []

    async def application(inner, receive, send):
        seen.append(inner)

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        seen.append(message)

    asyncio.run(GuardMiddleware(application, guard)(scope, receive, send))
    return seen[0]


def test_fields_of_several_lines_and_a_server_that_only_lists_subprotocols(issuer):
    token, guard = issuer.token(), issuer.guard(**SETTING)
    name, moved = b"sec-websocket-protocol", (b"authorization", f"Bearer {token}".encode())
    own = encoded(token)

    several = scope_of([(name, b"chat ,v1"), (name, own.encode()), (b"x-a", b"1")])
    inner = seen_by(guard, several)
    assert inner["headers"] == [(name, b"chat ,v1"), (b"x-a", b"1"), moved]
    assert "subprotocols" not in inner
    assert several["headers"][1] == (name, own.encode()), "the scope of the server is not changed"

    listed = seen_by(guard, scope_of(subprotocols=["chat", own]))
    assert (listed["headers"], listed["subprotocols"]) == ([moved], ["chat"])
    assert seen_by(guard, scope_of(subprotocols=[own]))["type"] == "websocket.close"


def test_a_plain_request_has_no_subprotocols(issuer):
    own = encoded(issuer.token()).encode()
    scope = scope_of([(b"sec-websocket-protocol", b"chat, " + own)], "http", method="GET")

    assert seen_by(issuer.guard(**SETTING), scope)["status"] == 401
