"""An introspection endpoint with minimal cost: `python -m tests.load.soak.endpoint PORT
SECONDS` answers after SECONDS.

Every token is active. `/calls` returns the number of requests.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import uvloop

_IDENTITY = {
    "aud": "https://api.test",
    "client_id": "client-1",
    "sub": "user-1",
    "scope": "user:read",
    "token_type": "Bearer",
}


class Endpoint(asyncio.Protocol):
    """One connection."""

    calls = 0
    issuer = ""
    delay = 0.0

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = next(
            (
                int(line[15:])
                for line in head.split(b"\r\n")
                if line[:15].lower() == b"content-length:"
            ),
            0,
        )
        if len(body) < length:
            return
        self._received = b""
        if head.startswith(b"GET /calls"):
            self._answer(json.dumps(Endpoint.calls))
            return
        Endpoint.calls += 1
        now = int(time.time())
        token = body.partition(b"token=")[2].partition(b"&")[0].decode()
        said = {
            "active": True,
            "iss": self.issuer,
            **_IDENTITY,
            "client_id": f"client-{hash(token) % 100}",
            "iat": now - 60,
            "exp": now + 3600,
        }
        if self.delay:
            asyncio.get_running_loop().call_later(self.delay, self._answer, json.dumps(said))
        else:
            self._answer(json.dumps(said))

    def _answer(self, body: str) -> None:
        if self._transport.is_closing():
            return  # the run is over
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
            f"{len(body)}\r\n\r\n"
        )
        self._transport.write((head + body).encode())


async def main(port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Endpoint, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    Endpoint.issuer, Endpoint.delay = f"http://127.0.0.1:{sys.argv[1]}", float(sys.argv[2])
    uvloop.run(main(int(sys.argv[1])))
