"""`iiniit-guard routes` for servers of the Model Context Protocol."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from mcp.server import MCPServer
from starlette.applications import Starlette
from starlette.routing import Mount

from iiniit_guard.cli.routes.asgi_routes import asgi_routes
from iiniit_guard.mcp import guard_mcp
from iiniit_guard.testing import Issuer
from tests.contract.hosts.mcp_calls import RESOURCE, SCOPES, Server, make_site
from tests.unit.cli.running import cells_of, run, states

ARGUMENTS: dict[str, Any] = {
    "scopes": SCOPES,
    "tools": {"read_note": (), "delete_*": "notes:write"},
    "resources": {"*": "files"},
    "methods": {"prompts/list": "prompts"},
}
MESSAGES = [
    ("tools/call", "/mcp read_note", "guarded"),
    ("tools/call", "/mcp delete_*", "guarded"),
    ("resources/read", "/mcp *", "guarded"),
    ("prompts/list", "/mcp", "guarded"),
    ("tools/call", "/mcp *", "refused"),
]


@pytest.fixture
def guard():
    with Issuer(audience=RESOURCE).guard(resource=RESOURCE) as guard:
        yield guard


def test_the_messages_of_a_server_are_listed_with_their_scopes(guard, monkeypatch):
    module = type(sys)("served")
    vars(module)["app"] = guard_mcp(MCPServer("x").streamable_http_app(), guard, **ARGUMENTS)
    monkeypatch.setitem(sys.modules, "served", module)
    result = run("routes", "served:app", "--check")
    cells = cells_of(result.output)

    assert result.exit_code == 0
    assert cells[1:6] == [
        ["tools/call", "/mcp read_note", "notes:read", "guard_mcp", "-"],
        ["tools/call", "/mcp delete_*", "notes:read notes:write", "guard_mcp", "-"],
        ["resources/read", "/mcp *", "notes:read files", "guard_mcp", "-"],
        ["prompts/list", "/mcp", "notes:read prompts", "guard_mcp", "-"],
        ["tools/call", "/mcp *", "always refused", "guard_mcp", "-"],
    ]
    assert cells[6][:4] == ["*", "/mcp", "notes:read", "guard_mcp"]


def test_a_mounted_server_is_found(guard):
    app = Starlette(routes=[Mount("/", app=guard_mcp(Server(), guard, **ARGUMENTS))])

    assert states(asgi_routes(app)) == [*MESSAGES, ("", "/*", "guarded")]


def test_without_scopes_by_message_the_endpoint_alone_is_listed():
    app, _ = make_site(Issuer(audience=RESOURCE), tools=None)

    assert states(asgi_routes(app)) == [("", "/*", "guarded")]
