"""The servers of the official SDK and of fastmcp behind `guard_mcp`."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import httpx2
import pytest
from fastmcp import FastMCP
from fastmcp.server.dependencies import get_access_token as fastmcp_token
from mcp.server.auth.middleware.auth_context import get_access_token as sdk_token
from mcp.server.mcpserver import MCPServer
from mcp.shared.inbound import NAME_BEARING_METHODS
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.testclient import TestClient

from iiniit_guard.mcp import guard_mcp
from iiniit_guard.mcp.comparison import OLDER_VERSIONS
from iiniit_guard.rules.mcp_headers import MIRRORING_VERSIONS, NAMED_BY
from iiniit_guard.testing import Issuer
from tests.contract.cases.mcp_messages import ROWS
from tests.contract.hosts.mcp_calls import (
    POSTED,
    RESOURCE,
    SCOPES,
    TOOLS,
    bearer,
    message,
    mirrored,
    tool,
)

NAMES = ["read_note", "delete_note", "admin.wipe", "admin.help", "new", "Read_note", "löschen"]
LEGACY = mirrored(None, None, "2025-11-25")


def sdk_app(ran: list[str]) -> Any:
    server = MCPServer("notes")
    logging.getLogger().handlers.clear()  # the SDK installs one
    for name in NAMES:
        server.add_tool(lambda name=name: ran.append(name) or "done", name=name)
    return server.streamable_http_app(host="mcp.test", stateless_http=True)


def fastmcp_app(ran: list[str]) -> Any:
    server = FastMCP("notes")
    for name in NAMES:
        server.tool(_recorder(ran, name), name=name)
    return server.http_app(stateless_http=True, allowed_hosts=["mcp.test"])


def _recorder(ran: list[str], name: str) -> Any:
    def record() -> str:
        ran.append(name)
        return "done"

    return record


@pytest.fixture(scope="module")
def issuer():
    return Issuer(audience=RESOURCE)


@pytest.fixture(scope="module", params=[sdk_app, fastmcp_app], ids=["sdk", "fastmcp"])
def site(request, issuer):
    ran: list[str] = []
    app = guard_mcp(request.param(ran), issuer.guard(resource=RESOURCE), scopes=SCOPES, tools=TOOLS)
    with TestClient(app, base_url="https://mcp.test", raise_server_exceptions=False) as client:
        yield client, ran


def send(client: TestClient, body: Any, headers: Any) -> httpx2.Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.lower() for name, _ in headers}
    lines = [*headers, *(pair for pair in POSTED if pair[0].lower() not in names)]
    raw = [(name.encode(), value.encode("latin-1")) for name, value in lines]
    return client.post("/mcp", content=data, headers=raw)


def test_only_what_the_table_allows_runs(issuer, site):
    """In a refused request no tool runs, and in another no tool but that of the row."""
    client, ran = site
    all_ran: list[str] = []
    for row in ROWS:
        all_ran += ran
        ran.clear()
        answer = send(client, row.body, [*row.headers, *bearer(issuer, row.scope)])
        if row.expected == "ran":
            asked = row.body.get("params", {}).get("name") if isinstance(row.body, dict) else None
            assert answer.status_code not in (401, 403), row.name
            assert ran in ([], [asked]), row.name
        elif answer.status_code != 413 and row.name != "too large":
            assert (answer.status_code, ran) == (row.expected[0], []), row.name
    assert {"read_note", "delete_note", "admin.wipe"} <= {*all_ran}


@pytest.mark.parametrize("headers", [mirrored("tools/call", "read_note"), LEGACY])
def test_a_tool_runs_in_each_revision(issuer, site, headers):
    client, ran = site
    ran.clear()

    answer = send(
        client, tool("read_note", meta=headers is not LEGACY), [*headers, *bearer(issuer)]
    )

    assert (answer.status_code, ran) == (200, ["read_note"])
    assert '"done"' in answer.text


def test_the_revisions_are_those_of_the_sdk():
    """A new revision of the SDK must be reviewed before its messages are trusted."""
    assert set(HANDSHAKE_PROTOCOL_VERSIONS) == OLDER_VERSIONS
    assert set(MODERN_PROTOCOL_VERSIONS) == MIRRORING_VERSIONS
    assert dict(NAME_BEARING_METHODS) == NAMED_BY


def test_a_subject_with_another_token_cannot_use_a_session(issuer):
    app = guard_mcp(
        MCPServer("notes").streamable_http_app(host="mcp.test"), issuer.guard(resource=RESOURCE)
    )
    hello = message(
        "initialize",
        meta=False,
        protocolVersion="2025-11-25",
        capabilities={},
        clientInfo={"name": "x", "version": "1"},
    )
    with TestClient(app, base_url="https://mcp.test") as client:
        opened = send(client, hello, bearer(issuer, subject="ada"))
        session = [*LEGACY, ("Mcp-Session-Id", opened.headers["mcp-session-id"])]
        ping = message("ping", meta=False)
        own = send(client, ping, [*session, *bearer(issuer, subject="ada")])
        other = send(client, ping, [*session, *bearer(issuer, subject="eve")])

    assert (own.status_code, other.status_code) == (200, 404)


def test_tools_see_the_caller_but_not_the_token(issuer):
    seen: list[Any] = []
    sdk, fast = MCPServer("notes"), FastMCP("notes")
    sdk.add_tool(lambda: seen.append(sdk_token()) or "", name="who")
    fast.tool(lambda: seen.append(fastmcp_token()) or "", name="who")
    token = issuer.token("a b", subject="ada", roles=["x", {"y": [1]}])
    for app in (
        sdk.streamable_http_app(host="mcp.test"),
        fast.http_app(allowed_hosts=["mcp.test"]),
    ):
        guarded = guard_mcp(app, issuer.guard(resource=RESOURCE))
        with TestClient(guarded, base_url="https://mcp.test") as client:
            lines = [*mirrored("tools/call", "who"), ("Authorization", f"Bearer {token}")]
            assert send(client, tool("who"), lines).status_code == 200

    assert [each.subject for each in seen] == ["ada", "ada"]
    assert [(each.scopes, each.resource) for each in seen] == [(["a", "b"], RESOURCE)] * 2
    assert seen[0].claims["roles"] == ["x", {"y": [1]}]
    assert seen[0].claims["iss"] == issuer.issuer
    assert seen[0].client_id == "client-1"
    assert seen[0].expires_at == seen[0].claims["exp"]
    assert token not in repr(seen)
    assert seen[0].token == seen[1].token != ""


def test_events_are_streamed_while_the_server_runs(issuer):
    """A response that waits for its end would break server-sent events."""
    steps: list[str] = []
    goes_on = asyncio.Event()

    async def server(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"1", "more_body": True})
        await goes_on.wait()
        steps.append((await receive())["type"])
        await send({"type": "http.response.body", "body": b"2"})

    app: Any = guard_mcp(server, issuer.guard(resource=RESOURCE))
    lines = [*mirrored("tools/call", "x"), *POSTED, *bearer(issuer)]
    waiting = [{"type": "http.request", "body": json.dumps(tool("x")).encode()}]

    async def receive() -> Any:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(part: Any) -> None:
        steps.append(part.get("body", b"start").decode())
        if part.get("more_body"):
            goes_on.set()

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "headers": [(name.lower().encode(), value.encode()) for name, value in lines],
    }
    asyncio.run(app(scope, receive, send))

    assert steps == ["start", "1", "http.disconnect", "2"]
