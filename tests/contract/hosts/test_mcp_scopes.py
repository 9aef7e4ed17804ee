"""`guard_mcp`: scopes of tools, prompts, resources and methods."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from iiniit_guard.mcp import guard_mcp
from iiniit_guard.testing import Issuer
from tests.contract.hosts.mcp_calls import (
    LIST,
    LISTED,
    RESOURCE,
    Server,
    bearer,
    make_site,
    message,
    mirrored,
    post,
    tool,
)


@pytest.fixture
def issuer():
    return Issuer(audience=RESOURCE)


ROWS = [
    ("prompts/get", "name", "plan", 200),
    ("prompts/get", "name", "secret", 403),
    ("prompts/get", "name", "other", 403),
    ("resources/read", "uri", "file:///public/a.txt", 200),
    ("resources/read", "uri", "file:///public/private/key", 403),
    ("resources/read", "uri", "file:///Public/a.txt", 403),
    ("resources/read", "uri", "file:///public/../public/private/key", 400),
    ("resources/read", "uri", "file:///public/%2e%2e/x", 400),
    ("resources/read", "uri", "FILE:///public/a.txt", 400),
    ("resources/read", "uri", "file:///public/%70rivate/key", 400),
    ("resources/list", None, None, 403),
    ("prompts/list", None, None, 200),
]


@pytest.mark.parametrize("current", [True, False])
@pytest.mark.parametrize("method, member, name, status", ROWS)
def test_prompts_resources_and_methods_have_their_scopes(
    issuer, method, member, name, status, current
):
    app, server = make_site(
        issuer,
        tools=None,
        prompts={"plan": (), "secret": "admin"},
        resources={"file:///public/*": (), "file:///public/private/*": "admin"},
        methods={"resources/list": "admin"},
    )
    params = {} if member is None else {member: name}
    headers = mirrored(method, name) if current else []
    answer = post(app, message(method, meta=current, **params), [*headers, *bearer(issuer)])

    assert (answer.status, len(server.bodies)) == (status, int(status == 200))
    if status == 400:
        assert answer.json["error"]["code"] == -32602


@pytest.mark.parametrize(
    "headers, scope",
    [
        ([], "notes:read"),
        (mirrored("tools/list"), "notes:read"),
        (mirrored("tools/call", "delete_note"), "notes:read notes:write"),
        (mirrored("tools/call", "delete_note", "2025-11-25"), "notes:read"),
    ],
)
def test_a_401_names_the_scopes_of_the_message(issuer, headers, scope):
    app, _ = make_site(issuer)
    challenge = post(app, b"", headers).header("www-authenticate") or ""

    assert f'scope="{scope}"' in challenge
    assert 'resource_metadata="https://mcp.test/.well-known/' in challenge
    assert "error=" not in challenge


def test_a_star_is_every_other_tool(issuer):
    app, _ = make_site(issuer, tools={"delete_note": "notes:write", "*": ()})

    assert post(app, tool("any", meta=False), bearer(issuer)).status == 200
    assert post(app, tool("delete_note", meta=False), bearer(issuer)).status == 403


def test_a_broader_scope_implies_narrower_ones(issuer):
    guard = issuer.guard(
        resource=RESOURCE, scope_implies={"notes:admin": ["notes:read", "notes:write"]}
    )
    app = guard_mcp(Server(), guard, scopes="notes:read", tools={"delete_note": "notes:write"})

    assert post(app, tool("delete_note", meta=False), bearer(issuer, "notes:admin")).status == 200


def test_a_lifespan_reaches_the_server(issuer):
    kinds: list[str] = []

    async def server(scope: Any, receive: Any, send: Any) -> None:
        kinds.append(scope["type"])

    app: Any = guard_mcp(server, issuer.guard(resource=RESOURCE))
    asyncio.run(app({"type": "lifespan"}, None, None))
    assert kinds == ["lifespan"]


def test_an_expiry_between_two_seconds_is_rounded_down(issuer):
    app, server = make_site(issuer)
    moment = math.floor(issuer.clock.clock.wall()) + 100.75
    assert post(app, LIST, [*LISTED, *bearer(issuer, exp=moment)]).status == 200

    assert server.scopes[0]["user"].access_token.expires_at == math.floor(moment)
