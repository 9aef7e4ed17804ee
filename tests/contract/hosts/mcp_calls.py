"""MCP requests, and an MCP server that records which messages reach it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from iiniit_guard.mcp import guard_mcp
from iiniit_guard.testing import Issuer
from tests.contract.hosts.calling import Answer, answer_of

RESOURCE: Final = "https://mcp.test/mcp"
CURRENT: Final = "2026-07-28"
SCOPES: Final = "notes:read"
TOOLS: Final[Mapping[str, Any]] = {
    "read_note": (),
    "delete_note": "notes:write",
    "admin.*": ["admin"],
    "admin.help": "help",
    "löschen": "notes:write",
}
META: Final = {
    "io.modelcontextprotocol/protocolVersion": CURRENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}
POSTED: Final = [
    ("Content-Type", "application/json"),
    ("Accept", "application/json, text/event-stream"),
]

Pairs = Sequence[tuple[str, str]]


def message(method: str, *, ident: Any = 1, meta: bool = True, **params: Any) -> dict[str, Any]:
    """Return a JSON-RPC message; `ident` None makes it a notification."""
    named: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": dict(params)}
    if ident is not None:
        named["id"] = ident
    if meta:
        named["params"]["_meta"] = META
    return named


def tool(name: Any, **more: Any) -> dict[str, Any]:
    """Return a call of a tool."""
    return message("tools/call", name=name, arguments={}, **more)


def mirrored(method: str | None, name: str | None = None, version: str | None = CURRENT) -> Pairs:
    """Return the header fields that describe a message."""
    fields = [("MCP-Protocol-Version", version), ("Mcp-Method", method), ("Mcp-Name", name)]
    return [(key, value) for key, value in fields if value is not None]


LIST: Final = message("tools/list")
LISTED: Final = mirrored("tools/list")


class Server:
    """An MCP server that answers every message with 200, and records it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body += part.get("body", b"")
            more = part.get("more_body", False)
        self.bodies.append(body)
        self.scopes.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ran"})


def bearer(issuer: Issuer, scope: str | None = SCOPES, **claims: Any) -> Pairs:
    """Return the header field of a token; no field if the token is None."""
    return [] if scope is None else [("Authorization", f"Bearer {issuer.token(scope, **claims)}")]


def post(
    app: Any,
    body: Any,
    headers: Pairs = (),
    *,
    method: str = "POST",
    path: str = "/mcp",
    chunks: int = 1,
    **scope: Any,
) -> Answer:
    """Call an ASGI application.

    Args:
        app: The application.
        body: Bytes, or what is written as JSON.
        headers: In addition to those of every POST, which `Content-Type` replaces.
        method: The HTTP method.
        path: The path.
        chunks: The number of messages that carry the body.
        scope: Further members of the scope.
    """
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    size = -(-len(data) // chunks) or 1
    parts = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
    names = {name.lower() for name, _ in headers}
    lines = [*headers, *(pair for pair in POSTED if pair[0].lower() not in names)]
    return call(app, parts, lines, method=method, path=path, **scope)


def call(
    app: Any, parts: list[bytes], lines: Pairs, *, method: str, path: str, **scope: Any
) -> Answer:
    """Call an ASGI application with a body in parts."""
    sent: list[Any] = []
    waiting = [
        {"type": "http.request", "body": part, "more_body": number + 1 < len(parts)}
        for number, part in enumerate(parts)
    ]

    async def receive() -> Any:
        return waiting.pop(0) if waiting else await asyncio.Event().wait()

    async def send(part: Any) -> None:
        sent.append(part)

    whole = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in lines],
        "server": ("mcp.test", 443),
        "client": ("127.0.0.1", 50000),
        **scope,
    }
    asyncio.run(app(whole, receive, send))
    start, *rest = sent
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
    return answer_of(start["status"], fields, b"".join(part.get("body", b"") for part in rest))


def make_site(issuer: Issuer, **settings: Any) -> tuple[Any, Server]:
    """Return a guarded server, and the server inside."""
    server = Server()
    arguments = {"scopes": SCOPES, "tools": TOOLS, **settings}
    return guard_mcp(server, issuer.guard(resource=RESOURCE), **arguments), server


def get(app: Any, path: str = "/mcp", headers: Any = (), method: str = "GET", **scope: Any) -> Any:
    return call(app, [b""], headers, method=method, path=path, **scope)
