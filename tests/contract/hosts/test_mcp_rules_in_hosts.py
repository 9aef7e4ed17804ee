"""Rules about MCP messages in the middlewares that read no body, and CORS around `guard_mcp`."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.middleware.cors import CORSMiddleware

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.mcp import guard_mcp
from iiniit_guard.rules import Rule, Rules
from iiniit_guard.testing import Issuer
from iiniit_guard.wsgi import GuardMiddleware as WsgiMiddleware
from tests.contract.hosts.calling import joined
from tests.contract.hosts.mcp_calls import RESOURCE, Server, bearer, get, mirrored, post, tool

RULES = Rules(
    [
        Rule("POST", "/mcp", scopes="notes:read"),
        Rule(
            "POST",
            "/mcp",
            mcp_method="tools/call",
            mcp_name="delete_note",
            scopes="notes:read notes:write",
        ),
    ],
    mcp_headers="compared",
)
BOTH = "notes:read notes:write"
ROWS = [
    (mirrored("tools/call", "delete_note"), "notes:read", 403),
    (mirrored("tools/call", "delete_note"), BOTH, 200),
    (mirrored("tools/call", "other"), BOTH, 403),
    (mirrored("tools/list"), "notes:read", 200),
    (mirrored("tools/list", version="2025-11-25"), "notes:read", 400),
    ([], BOTH, 400),
]


@pytest.fixture
def issuer():
    return Issuer(audience=RESOURCE)


@pytest.mark.parametrize("headers, scope, status", ROWS)
def test_the_middlewares_decide_by_header_fields(issuer, headers, scope, status):
    guard = issuer.guard()
    lines = [*headers, *bearer(issuer, scope)]
    answer = post(GuardMiddleware(Server(), guard, rules=RULES), tool("read_note"), lines)

    statuses: list[str] = []

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return []

    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/mcp",
        **joined([(name.lower().encode(), value.encode()) for name, value in lines]),
    }

    def start(line: str, fields: Any, error: Any = None) -> Any:
        statuses.append(line)

    list(WsgiMiddleware(application, guard, rules=RULES)(environ, start))

    assert answer.status == status
    assert [line[:3] for line in statuses] == [str(status)]
    if status == 400:
        assert answer.json["reason"] == "header_mismatch"


def test_a_page_of_an_allowed_origin_calls_the_server(issuer):
    """CORS is outside: it answers the preflight, and its fields are on refusals too."""
    origin = "https://app.example"
    app = CORSMiddleware(
        guard_mcp(Server(), issuer.guard(resource=RESOURCE), allowed_origins=[origin]),
        allow_origins=[origin],
        allow_headers=["authorization", "mcp-method", "mcp-name", "mcp-protocol-version"],
        allow_methods=["POST"],
    )
    asked = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,mcp-method"),
    ]

    assert get(app, headers=asked, method="OPTIONS").status == 200
    refused = post(app, tool("x"), [("Origin", origin)])
    assert (refused.status, refused.header("access-control-allow-origin")) == (401, origin)
    headers = [*mirrored("tools/call", "x"), ("Origin", origin), *bearer(issuer)]
    assert post(app, tool("x"), headers).status == 200
