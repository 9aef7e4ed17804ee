"""Helpers that call a WSGI or ASGI application and return its response."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tests.contract.hosts.tls import FIELD, in_scope, pem_of

Lines: TypeAlias = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; header names are lower-case, in the order of the response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of the header `name`; raise if it occurs twice."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def json(self) -> Any:
        """Return the decoded body, or None if it is empty."""
        return json.loads(self.body) if self.body else None


def answer_of(status: int, headers: Iterable[tuple[str, str]], body: bytes) -> Answer:
    return Answer(status, tuple((name.lower(), value) for name, value in headers), body)


# WSGI


def joined(headers: Lines) -> dict[str, str]:
    """Return the environ variables of header fields; WSGI servers join repeated ones by a comma."""
    environ: dict[str, str] = {}
    for name, value in headers:
        if name == FIELD:
            environ["SSL_CLIENT_CERT"] = pem_of(value.decode())
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_LENGTH", "CONTENT_TYPE"):
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


# ASGI


def drive(
    app: Any, method: str, path: str, headers: Lines, query: str = "", **scope: Any
) -> Answer:
    """Call an ASGI application on its own event loop."""

    async def once() -> Answer:
        sent: list[Any] = []
        bodies = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            if bodies:
                return bodies.pop()
            return await asyncio.Event().wait()  # the client stays

        async def send(message: Any) -> None:
            sent.append(message)

        await app(
            in_scope(
                {
                    "type": "http",
                    "asgi": {"version": "3.0", "spec_version": "2.4"},
                    "http_version": "1.1",
                    "method": method,
                    "scheme": "http",
                    "path": path,
                    "raw_path": path.encode(),
                    "query_string": query.encode("latin-1"),
                    "root_path": "",
                    "headers": [(name.lower(), value) for name, value in headers],
                    "server": ("testserver", 80),
                    "client": ("127.0.0.1", 50000),
                    **scope,
                }
            ),
            receive,
            send,
        )
        start, *bodies_sent = sent
        lines = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]
        ]
        return answer_of(
            start["status"], lines, b"".join(message.get("body", b"") for message in bodies_sent)
        )

    return asyncio.run(once())
