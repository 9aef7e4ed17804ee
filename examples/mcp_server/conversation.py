"""Print what an MCP client, the MCP server and the authorization server send to each other.

`python -m examples.mcp_server.conversation` starts both servers on loopback. The official client
calls a tool, and then one that requires a further scope. Secrets and times are left out, and the
ports are those of the documentation.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import uvicorn
import waitress

from examples.authorization_server import create_app as create_authorization_server
from examples.authorization_server.settings import parse_settings
from examples.mcp_server import create_app
from examples.mcp_server.client import CLIENT_ID, REDIRECT_URI, converse, is_complete
from examples.ports import free_ports
from examples.redaction import SECRET_NAMES
from examples.serve import HOST
from iiniit_guard import Guard

PORTS = {"authorization_server": 9001, "mcp": 9005}
CALLS: list[tuple[str, dict[str, str]]] = [("read_profile", {}), ("rename", {"name": "Ada"})]
_HIDDEN = SECRET_NAMES | {"code_challenge"}
_SHOWN = frozenset(
    {
        *("authorization", "content-type", "mcp-protocol-version", "mcp-method", "mcp-name"),
        *("www-authenticate", "location"),
    }
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass
class Transcript:
    """The exchanges, as text.

    Attributes:
        ports: The ports of the servers by name.
        exchanges: Each request with its response.
        statuses: The status of each response, with the path of its request.
    """

    ports: dict[str, int]
    exchanges: list[str] = field(default_factory=list)
    statuses: list[tuple[str, int]] = field(default_factory=list)

    def record(self, request: httpx2.Request, response: httpx2.Response) -> None:
        """Add an exchange."""
        parts = urlsplit(str(request.url))
        self.statuses.append((parts.path, response.status_code))
        target = parts.path + (f"?\n  {_parameters(parts.query)}" if parts.query else "")
        lines = [
            f"{request.method} {target}",
            f"Host: {parts.netloc}",
            *_fields(request.headers),
            *_body(request.headers, request.content),
            "",
            f"{response.status_code} {response.reason_phrase}",
            *_fields(response.headers),
            *_body(response.headers, response.content if is_complete(response) else b""),
        ]
        text = "\n".join(lines)
        for name, port in self.ports.items():
            text = text.replace(f"{HOST}:{port}", f"{HOST}:{PORTS[name]}")
            text = text.replace(f"127.0.0.1%3A{port}", f"127.0.0.1%3A{PORTS[name]}")
        self.exchanges.append(_TIME.sub("…", text))


def _fields(headers: httpx2.Headers) -> list[str]:
    return [
        f"{name.title()}: {_value(name, value)}"
        for name, value in headers.items()
        if name in _SHOWN
    ]


def _value(name: str, value: str) -> str:
    if name == "authorization":
        return f"{value.partition(' ')[0]} …"
    if name == "location":
        address, _, query = value.partition("?")
        return f"{address}?\n  {_parameters(query)}"
    return value.replace(", ", ",\n  ") if name == "www-authenticate" else value


def _parameters(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    return "\n  &".join(f"{name}={'…' if name in _HIDDEN else value}" for name, value in pairs)


def _body(headers: httpx2.Headers, content: bytes) -> list[str]:
    kind = headers.get("content-type", "")
    if "json" in kind and content:
        return ["", json.dumps(_hidden(json.loads(content)), indent=2, ensure_ascii=False)]
    if "form-urlencoded" in kind:
        return ["", _parameters(content.decode())]
    return []


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: "…" if name in _HIDDEN and isinstance(inner, str) else _hidden(inner)
            for name, inner in value.items()
        }
    return [_hidden(inner) for inner in value] if isinstance(value, list) else value


@contextmanager
def servers() -> Iterator[tuple[dict[str, int], str]]:
    """Start both servers; return their ports and the password of the user `demo`."""
    ports, password = free_ports(list(PORTS)), secrets.token_hex(8)
    issuer = f"http://{HOST}:{ports['authorization_server']}"
    resource = f"http://{HOST}:{ports['mcp']}/mcp"
    with tempfile.TemporaryDirectory(prefix="iiniit-mcp-") as directory:
        settings = parse_settings(
            {
                "issuer": issuer,
                "database": str(Path(directory) / "authorization_server.sqlite3"),
                "session_secret": secrets.token_urlsafe(32),
                "audience": "https://api.iiniit.example",
                "users": [{"user_id": "usr_demo", "username": "demo", "password": password}],
                "clients": [
                    {
                        "client_id": CLIENT_ID,
                        "secret": "",
                        "name": "Profile Assistant",
                        "redirect_uris": [REDIRECT_URI],
                        "audience": resource,
                    }
                ],
            }
        )
        signs_in = waitress.create_server(
            create_authorization_server(settings),
            host=HOST,
            port=ports["authorization_server"],
            clear_untrusted_proxy_headers=True,
        )
        guard = Guard(issuer=issuer, audience=resource, resource=resource)
        config = uvicorn.Config(
            create_app(guard),
            HOST,
            ports["mcp"],
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
        with _running(signs_in, uvicorn.Server(config)):
            yield ports, password
        guard.close()


@contextmanager
def _running(signs_in: Any, mcp: uvicorn.Server) -> Iterator[None]:
    threads = [
        threading.Thread(target=signs_in.run, daemon=True),
        threading.Thread(target=mcp.run, daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        while not mcp.started and threads[1].is_alive():
            threads[1].join(0.02)
        yield
    finally:
        mcp.should_exit = True
        signs_in.close()
        for thread in threads:
            thread.join(10)


def transcript(mode: str = "auto") -> Transcript:
    """Run the conversation, and return what was sent.

    Args:
        mode: As for `converse`.
    """
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    with servers() as (ports, password):
        written = Transcript(ports)
        url = f"http://{HOST}:{ports['mcp']}/mcp"
        asyncio.run(converse(url, "demo", password, written.record, CALLS, mode))
    return written


def main() -> None:
    """Print the conversation as blocks of Markdown."""
    logging.disable(logging.WARNING)  # the SDK and its HTTP client log every request
    for exchange in transcript().exchanges:
        print(f"```http\n{exchange}\n```\n")


if __name__ == "__main__":
    main()
