"""The guard as token verifier of the official SDK and as auth provider of fastmcp."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextvars import copy_context
from typing import Any

import pytest
from fastmcp import FastMCP
from fastmcp.server.auth import MultiAuth, StaticTokenVerifier
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from pydantic import AnyHttpUrl
from starlette.testclient import TestClient

from iiniit_guard.errors import MissingExtra, UsageError
from iiniit_guard.mcp import GuardTokenVerifier, OutageMiddleware
from iiniit_guard.mcp.fastmcp import GuardAuthProvider
from iiniit_guard.mcp.verifier import OutageError
from iiniit_guard.testing import Issuer
from tests.contract.hosts.mcp_calls import (
    POSTED,
    RESOURCE,
    Server,
    bearer,
    get,
    mirrored,
    post,
    tool,
)

METADATA = "/.well-known/oauth-protected-resource"
FIELDS = [*POSTED, *mirrored("tools/call", "who")]


@pytest.fixture
def issuer():
    return Issuer(audience=RESOURCE)


@pytest.fixture
def guard(issuer, events):
    with issuer.guard(resource=RESOURCE, on_event=events.append) as guard:
        yield guard


def sdk_app(guard: Any, *, wrapped: bool = True) -> Any:
    settings = AuthSettings(
        issuer_url=AnyHttpUrl("https://issuer.test"),
        resource_server_url=AnyHttpUrl(RESOURCE),
        required_scopes=["notes:read"],
        validate_token_resource=True,
    )
    server = MCPServer("notes", token_verifier=GuardTokenVerifier(guard), auth=settings)
    logging.getLogger().handlers.clear()
    server.add_tool(lambda: str(get_access_token()), name="who")
    app = server.streamable_http_app(host="mcp.test")
    return OutageMiddleware(app) if wrapped else app


def fastmcp_app(guard: Any) -> Any:
    auth = GuardAuthProvider(guard, required_scopes=["notes:read"])
    server = FastMCP("notes", auth=auth)
    server.tool(lambda: str(get_access_token()), name="who")
    return server.http_app(allowed_hosts=["mcp.test"])


@pytest.fixture(params=[sdk_app, fastmcp_app], ids=["sdk", "fastmcp"])
def client(request, guard):
    with TestClient(
        request.param(guard), base_url="https://mcp.test", raise_server_exceptions=False
    ) as client:
        yield client


def ask(client: TestClient, headers: Any) -> Any:
    return client.post("/mcp", json=tool("who"), headers=dict([*FIELDS, *headers]))


def test_a_valid_token_reaches_the_tool_without_being_shown(client, issuer):
    token = issuer.token("notes:read notes:write", subject="ada")
    answer = ask(client, [("Authorization", f"Bearer {token}")])

    assert answer.status_code == 200
    for text in ("client-1", "notes:write", "ada", RESOURCE, "https://issuer.test"):
        assert text in answer.text
    assert token not in answer.text


@pytest.mark.parametrize(
    "claims, reason",
    [
        ({"aud": "https://other.test"}, "wrong_audience"),
        ({"expires_in": -600}, "expired"),
        ({"iss": "https://evil.test"}, "unknown_issuer"),
    ],
)
def test_a_refused_token_is_401_and_the_reason_is_logged(
    client, issuer, events, caplog, claims, reason
):
    caplog.set_level("INFO", logger="iiniit_guard")
    answer = ask(client, bearer(issuer, "notes:read", **claims))

    assert answer.status_code == 401
    assert f"deny 401 {reason} POST" in caplog.text
    assert '"/mcp" host=mcp' in caplog.text
    assert [each.reason for each in events] == [reason]


@pytest.mark.parametrize("value", ["Bearer x", "Bearer a b", "Bearer \u00e4", "Bearer "])
def test_what_is_no_token_is_401(client, value):
    headers = [(name.encode(), text.encode("latin-1")) for name, text in FIELDS]
    headers.append((b"authorization", value.encode("latin-1")))

    assert client.post("/mcp", json=tool("who"), headers=headers).status_code == 401


def test_a_missing_scope_is_403(client, issuer):
    assert ask(client, bearer(issuer, "notes:write")).status_code == 403


def test_an_outage_is_503_and_not_401(client, issuer, events):
    """A client that receives 401 discards its token and asks the unreachable server for another."""
    issuer.fail("connection")
    answer = ask(client, bearer(issuer, "notes:read"))

    assert (answer.status_code, answer.json()["reason"]) == (503, "issuer_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "www-authenticate" not in answer.headers
    assert [each.reason for each in events] == ["issuer_unavailable"]
    issuer.fail(None)
    issuer.clock.advance(60)
    assert ask(client, bearer(issuer, "notes:read")).status_code == 200


def test_without_the_middleware_an_outage_is_500(issuer, guard):
    issuer.fail("connection")
    with TestClient(
        sdk_app(guard, wrapped=False), base_url="https://mcp.test", raise_server_exceptions=False
    ) as client:
        assert ask(client, bearer(issuer, "notes:read")).status_code == 500
    with pytest.raises(OutageError, match="put OutageMiddleware around") as caught:
        asyncio.run(GuardTokenVerifier(guard).verify_token(issuer.token()))
    assert caught.value.response.status == 503


def test_the_middleware_may_be_inside_the_application(issuer, guard):
    app = sdk_app(guard, wrapped=False)
    app.add_middleware(OutageMiddleware)
    issuer.fail("connection")
    with TestClient(app, base_url="https://mcp.test") as client:
        assert ask(client, bearer(issuer, "notes:read")).status_code == 503


@pytest.mark.parametrize("token, status", [("static", 200), ("other", 503)])
def test_another_verifier_may_accept_a_token_during_an_outage(issuer, guard, token, status):
    """MultiAuth catches the exception and asks the next verifier."""
    static = {"static": {"client_id": "ci", "scopes": ["notes:read"]}}
    auth = GuardAuthProvider(guard)
    multi = MultiAuth(
        server=auth,
        server_source_id="guard",
        verifiers={"static": StaticTokenVerifier(static)},
        required_scopes=["notes:read"],
    )
    server = FastMCP("notes", auth=multi)
    server.tool(lambda: "x", name="who")
    app = OutageMiddleware(server.http_app(allowed_hosts=["mcp.test"]))
    issuer.fail("connection")
    with TestClient(app, base_url="https://mcp.test") as client:
        used = token if token == "static" else issuer.token()
        assert ask(client, [("Authorization", f"Bearer {used}")]).status_code == status


def test_a_response_that_has_started_is_not_replaced(issuer, guard):
    verifier = GuardTokenVerifier(guard)
    issuer.fail("connection")

    async def late(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await verifier.verify_token(issuer.token())

    with pytest.raises(OutageError):
        post(OutageMiddleware(late), tool("who"))


def test_other_connections_pass_the_middleware():
    kinds: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        kinds.append(scope["type"])

    asyncio.run(OutageMiddleware(app)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert kinds == ["lifespan"]
    assert post(OutageMiddleware(Server()), tool("who")).status == 200


@pytest.mark.parametrize("make", [GuardTokenVerifier, GuardAuthProvider])
@pytest.mark.parametrize(
    "settings, match",
    [
        ({"resource": RESOURCE, "validators": [lambda token, request: True]}, "need the request"),
        ({"resource": RESOURCE, "token_header": "X-Token"}, "need the request"),
        ({}, "set resource"),
    ],
)
def test_a_guard_that_needs_the_request_is_refused_at_start(issuer, make, settings, match):
    with pytest.raises(UsageError, match=match):
        make(issuer.guard(**settings))


# fastmcp


def test_the_context_of_a_session_holds_no_token(issuer):
    """A task that the server starts for a session keeps the context of its first request."""
    kept: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        kept.extend(copy_context().values())
        await Server()(scope, receive, send)

    assert get(OutageMiddleware(app), headers=bearer(issuer)).status == 200
    held = [vars(each) for each in kept if type(each).__module__ == OutageMiddleware.__module__]
    assert held == [{"method": "GET", "path": "/mcp", "outage": None}]


@pytest.mark.parametrize("path", [METADATA, METADATA + "/mcp"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_provider_serves_the_metadata_of_the_guard(guard, path, method):
    answer = get(fastmcp_app(guard), path, method=method)

    assert answer.status == 200
    assert answer.header("access-control-allow-origin") == "*"
    if method == "GET":
        assert answer.json["authorization_servers"] == ["https://issuer.test"]
        assert answer.json["resource"] == RESOURCE


def test_the_challenge_names_the_metadata(client):
    challenge = ask(client, []).headers["www-authenticate"]

    assert f'resource_metadata="https://mcp.test{METADATA}/mcp"' in challenge


def test_the_paths_of_server_and_resource_must_be_equal(guard):
    with pytest.raises(UsageError, match="its path is /mcp, but the server is at /other"):
        FastMCP("notes", auth=GuardAuthProvider(guard)).http_app(path="/other")


def test_fastmcp_is_optional(monkeypatch):
    monkeypatch.delitem(sys.modules, "iiniit_guard.mcp.fastmcp")
    monkeypatch.setitem(sys.modules, "fastmcp.server.auth", None)
    with pytest.raises(MissingExtra, match=r"pip install 'iiniit-guard\[fastmcp\]'"):
        import iiniit_guard.mcp.fastmcp  # noqa: F401
