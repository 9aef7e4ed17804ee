"""`guard_mcp`: requests that are not plain messages, limits, outages, other credentials."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp.server.auth.middleware.bearer_auth import authorization_context

from iiniit_guard import Principal
from iiniit_guard.mcp import guard_mcp
from iiniit_guard.testing import Issuer
from tests.contract.hosts.mcp_calls import (
    LIST,
    LISTED,
    POSTED,
    RESOURCE,
    Server,
    bearer,
    get,
    make_site,
    mirrored,
    post,
    tool,
)


@pytest.fixture
def issuer():
    return Issuer(audience=RESOURCE)


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "OPTIONS"])
def test_requests_of_older_revisions_need_a_token(issuer, method):
    app, server = make_site(issuer)

    assert get(app, method=method).status == 401
    assert get(app, headers=bearer(issuer, "other"), method=method).status == 403
    assert get(app, headers=bearer(issuer), method=method).status == 200
    assert server.scopes[0]["user"].access_token.client_id == "client-1"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "QUERY"])
def test_any_other_method_carries_a_message(issuer, method):
    app, _ = make_site(issuer)
    headers = [*mirrored("tools/call", "read_note"), *bearer(issuer)]

    answer = post(app, tool("delete_note"), headers, method=method)

    assert answer.json["error"]["code"] == -32020


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
@pytest.mark.parametrize(
    "headers, query",
    [
        ([("X-HTTP-Method-Override", "POST")], b""),
        ([("X_Method_Override", "POST")], b""),
        ([], b"_method=POST"),
        ([], b"a=1&_metho%64=POST"),
    ],
)
def test_a_method_that_is_overridden_is_refused(issuer, method, headers, query):
    """Otherwise an application around the server could run a message that was not read."""
    app, server = make_site(issuer)
    lines = [*LISTED, *headers, *bearer(issuer)]

    answer = post(app, LIST, lines, method=method, query_string=query)

    assert (answer.status, answer.json["reason"]) == (400, "method_override")
    assert server.bodies == []


@pytest.mark.parametrize("path", ["/", "/mcp/", "/other", "//mcp"])
def test_a_message_is_checked_on_every_path(issuer, path):
    app, server = make_site(issuer)
    answer = post(app, tool("delete_note", meta=False), bearer(issuer), path=path)

    assert (answer.status, server.bodies) == (403, [])


def test_a_public_path_runs_as_it_is(issuer):
    app, server = make_site(issuer, public=["/health"])

    assert post(app, b"x", [("Origin", "https://evil.example")], path="/health").status == 200
    assert "user" not in server.scopes[0]
    assert get(app, "/health/x").status == 401


def test_a_site_beside_the_server_is_left_alone(issuer):
    app, server = make_site(issuer, only=["/mcp/*"])

    assert get(app, "/page", [("Origin", "https://evil.example")]).status == 200
    assert post(app, LIST, LISTED).status == 401
    assert post(app, LIST, [*LISTED, ("Origin", "https://evil.example")]).status == 403
    assert len(server.scopes) == 1


@pytest.mark.parametrize("more", [{"scheme": "wss"}, {"scheme": "https"}, {}])
def test_a_websocket_is_refused(issuer, more):
    """Not every server names the scheme of a WebSocket."""
    app, server = make_site(issuer)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(part: Any) -> None:
        sent.append(part)

    headers = [(name.lower().encode(), value.encode()) for name, value in bearer(issuer)]
    scope = {
        "type": "websocket",
        "path": "/mcp",
        **more,
        "headers": headers,
        "extensions": {"websocket.http.response": {}},
    }
    asyncio.run(app(scope, receive, send))

    assert (sent[0]["status"], server.scopes) == (403, [])
    assert b"no_rule" in sent[1]["body"]


def test_another_credential_satisfies_the_policy_of_a_tool():
    issuer = Issuer(audience=RESOURCE)
    keys = {"k1": frozenset({"notes:read"}), "k2": frozenset({"notes:read", "notes:write"})}

    def api_key(credential: str, request: Any) -> Principal | None:
        return Principal("ApiKey", "robot", keys[credential]) if credential in keys else None

    server = Server()
    app = guard_mcp(
        server,
        issuer.guard(resource=RESOURCE, alternatives={"ApiKey": api_key}),
        scopes="notes:read",
        tools={"delete_note": "notes:write"},
    )
    body = tool("delete_note", meta=False)

    assert post(app, body, [("Authorization", "ApiKey k0")]).status == 401
    assert post(app, body, [("Authorization", "ApiKey k1")]).status == 403
    assert post(app, body, [("Authorization", "ApiKey k2")]).status == 200
    user = server.scopes[0]["user"]
    assert (user.access_token.client_id, user.access_token.subject) == ("ApiKey", "robot")
    assert "k2" not in repr(user.access_token)


def test_callers_behind_a_gateway_are_told_apart():
    """A server may keep what it found for one caller by the digest."""
    issuer, server = Issuer(audience=RESOURCE), Server()
    guard = issuer.guard(resource=RESOURCE, profile="assertion", introspection=None)
    app = guard_mcp(server, guard)
    for subject in ("ada", "eve"):
        token = issuer.token("x", subject=subject, header={"typ": "iiniit-assertion+jwt"})
        fields = [("X-Iiniit-Assertion", token), *LISTED]
        assert post(app, LIST, fields).status == 200

    digests = [scope["user"].access_token.token for scope in server.scopes]
    assert len(set(digests)) == 2
    assert all(digest.startswith("sha256:") for digest in digests)


def test_callers_without_a_name_are_told_apart():
    """The SDK compares client, issuer and subject with those of the owner of a session."""
    issuer, server = Issuer(audience=RESOURCE), Server()

    def api_key(credential: str, request: Any) -> Principal:
        return Principal("ApiKey")

    guard = issuer.guard(resource=RESOURCE, alternatives={"ApiKey": api_key})
    app = guard_mcp(server, guard)
    nameless = [bearer(issuer, "x", sub=None, client_id=None, jti=each) for each in "ab"]
    keys = [[("Authorization", f"ApiKey {each}")] for each in "ab"]
    for fields in (*nameless, *keys):
        assert post(app, LIST, [*LISTED, *fields]).status == 200

    callers = [authorization_context(scope["user"]) for scope in server.scopes]
    assert len({(each["client_id"], each["subject"]) for each in callers}) == 4


def test_a_client_that_leaves_while_it_sends_gets_nothing(issuer):
    app, server = make_site(issuer)
    sent: list[Any] = []
    parts = [
        {"type": "http.disconnect"},
        {"type": "http.request", "body": b"{", "more_body": True},
    ]

    async def receive() -> Any:
        return parts.pop()

    async def send(part: Any) -> None:
        sent.append(part)

    lines = [*POSTED, *LISTED, *bearer(issuer)]
    headers = [(name.lower().encode(), value.encode()) for name, value in lines]
    scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": headers}
    asyncio.run(app(scope, receive, send))

    assert (sent, server.bodies, parts) == ([], [], [])


def test_reading_stops_beyond_the_limit(issuer):
    app, server = make_site(issuer, max_body_bytes=100)
    received: list[int] = []
    sent: list[Any] = []

    async def receive() -> Any:
        received.append(1)
        return {"type": "http.request", "body": b" " * 60, "more_body": True}  # without end

    async def send(part: Any) -> None:
        sent.append(part)

    lines = [*POSTED, *LISTED, *bearer(issuer)]
    headers = [(name.lower().encode(), value.encode()) for name, value in lines]
    scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": headers}
    asyncio.run(app(scope, receive, send))

    assert (sent[0]["status"], len(received), server.bodies) == (413, 2, [])


def test_a_body_of_exactly_the_limit_passes(issuer):
    body = b"%-100b" % b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    app, _ = make_site(issuer, max_body_bytes=100)

    assert post(app, body, [*mirrored("ping"), *bearer(issuer)]).status == 200
    assert post(app, body + b" ", [*mirrored("ping"), *bearer(issuer)]).status == 413


def test_an_outage_is_503_before_any_body_is_read(issuer):
    app, server = make_site(issuer)
    issuer.fail("connection")

    answer = post(app, LIST, [*LISTED, *bearer(issuer)])

    assert (answer.status, answer.json["reason"]) == (503, "issuer_unavailable")
    assert answer.header("www-authenticate") is None
    assert int(answer.header("retry-after") or "0") > 0
    assert server.bodies == []


@pytest.mark.parametrize(
    "claims", [{"aud": "https://other.test"}, {"aud": None}, {"aud": ["https://mcp.test"]}]
)
def test_a_token_for_another_resource_is_refused(issuer, claims):
    app, server = make_site(issuer)
    answer = post(app, LIST, [*LISTED, *bearer(issuer, **claims)])

    assert (answer.status, server.bodies) == (401, [])
    assert answer.json["reason"] in ("wrong_audience", "malformed_claim", "wrong_type")


@pytest.mark.parametrize(
    "audience, resource",
    [("api://mcp", "api://mcp"), (["x", RESOURCE], RESOURCE), (["x", "api://mcp"], "x")],
)
def test_the_server_learns_the_audience_of_the_token(audience, resource):
    """Servers that do not know RFC 8707 write another name, which the settings may list."""
    issuer = Issuer(audience=[RESOURCE, "api://mcp"])
    app, server = make_site(issuer)

    assert post(app, LIST, [*LISTED, *bearer(issuer, aud=audience)]).status == 200
    assert server.scopes[0]["user"].access_token.resource == resource


def test_a_token_in_the_query_is_refused(issuer):
    app, server = make_site(issuer)
    query = f"access_token={issuer.token('notes:read')}".encode()

    answer = post(app, LIST, LISTED, query_string=query)

    assert (answer.status, answer.json["reason"], server.bodies) == (400, "token_in_query", [])
