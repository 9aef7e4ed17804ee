"""Clients in a separate process: a flood, or one valid client whose waiting times are measured.

    python -m tests.load.floods.client '{"kind": "opaque", "port": 8000, "size": 5000, ...}'

The process prints its results as JSON.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import cycle
from typing import Any, Final

HUGE_TOKEN_BYTES: Final = 60_000
HANGS_SECONDS: Final = 30.0
HUNG: Final = "hung"
PAUSE_SECONDS: Final = 0.004  # between two requests of the good client


@dataclass(frozen=True)
class Wanted:
    """The task of a client.

    Attributes:
        kind: `opaque`, `kids`, `signatures`, `headers`, `valid`: a flood. `good`: these tokens
            again and again. `calm`: each of them once.
        port: Of the application.
        tokens: Valid tokens; those of a flood have the form of the first one.
        size: How many requests; the good client goes on until its input is closed.
        connections: At once.
        key: PEM of the issuer's private key, for `valid`.
    """

    kind: str
    port: int
    tokens: list[str]
    size: int = 0
    connections: int = 1
    key: str = ""


@dataclass
class Seen:
    """What a client saw: how often each status, and its waiting times in milliseconds."""

    statuses: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    median_ms: float = 0.0
    p99_ms: float = 0.0
    worst_ms: float = 0.0


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return members


def credentials(wanted: Wanted) -> Iterator[str]:
    """Create the tokens of a flood, all of them different."""
    header, payload, _ = (
        wanted.tokens[0].split(".")
        if wanted.kind in ("kids", "signatures", "valid")
        else ("", "", "")
    )
    make: dict[str, Callable[[], str]] = {
        "opaque": lambda: encoded(os.urandom(32)),
        "kids": lambda: ".".join(
            (
                encoded(json.dumps({**decoded(header), "kid": encoded(os.urandom(12))}).encode()),
                payload,
                encoded(os.urandom(64)),
            )
        ),
        "signatures": lambda: f"{header}.{payload}.{encoded(os.urandom(64))}",
        "headers": lambda: encoded(os.urandom(HUGE_TOKEN_BYTES * 3 // 4)),
    }
    if wanted.kind == "valid":
        # Only this flood needs cryptography, which takes longer to import than the rest.
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        from iiniit_guard.testing.jws import write_jws
        from iiniit_guard.testing.keys import SigningKey

        private = load_pem_private_key(wanted.key.encode(), None)
        signs = SigningKey(None, "ES256", private)  # type: ignore[arg-type]
        usual, claims = decoded(header), decoded(payload)
        make["valid"] = lambda: write_jws(
            {**claims, "jti": encoded(os.urandom(12))}, json.dumps(usual).encode(), signs
        )
    if wanted.kind in ("good", "calm"):
        return cycle(wanted.tokens) if wanted.kind == "good" else iter(wanted.tokens)
    return (make[wanted.kind]() for _ in range(wanted.size))


class Connection(asyncio.Protocol):
    """Sends one request after the other and keeps the connection, as browsers and gateways do."""

    def __init__(
        self,
        next_token: Callable[[], str | None],
        statuses: Counter[str],
        waits: list[float],
        pause: float,
    ) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        self._next_token = next_token
        self._statuses = statuses
        self._waits = waits
        self._pause = pause
        self._received = b""
        self._sent_at = 0.0
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._send()

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
        self._stop_watching()
        self._waits.append(time.perf_counter() - self._sent_at)
        self._statuses[head[9:12].decode()] += 1
        if self._pause:
            asyncio.get_running_loop().call_later(self._pause, self._send)
        else:
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._stop_watching()
        if not self.ended.done():
            self._statuses["closed"] += 1
            self.ended.set_result(False)

    def _send(self) -> None:
        token = self._next_token()
        if token is None:
            if not self.ended.done():
                self.ended.set_result(True)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._watch = asyncio.get_running_loop().call_later(HANGS_SECONDS, self._give_up)
        self._transport.write(
            (
                f"GET /me HTTP/1.1\r\nHost: api.example\r\nAuthorization: Bearer {token}\r\n\r\n"
            ).encode()
        )

    def _give_up(self) -> None:
        self._statuses[HUNG] += 1
        self._transport.abort()

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()


async def run(wanted: Wanted) -> Seen:
    """Send everything; a connection that the server closes is replaced."""
    tokens = credentials(wanted)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    if wanted.kind == "good":
        loop.add_reader(sys.stdin, stopping.set)
    statuses: Counter[str] = Counter()
    waits: list[float] = []

    def next_token() -> str | None:
        return None if stopping.is_set() else next(tokens, None)

    async def one() -> None:
        while True:
            _, connection = await loop.create_connection(
                lambda: Connection(
                    next_token,
                    statuses,
                    waits,
                    PAUSE_SECONDS if wanted.kind in ("good", "calm") else 0,
                ),
                "127.0.0.1",
                wanted.port,
            )
            if await connection.ended:
                return

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(wanted.connections)))
    seconds = time.perf_counter() - started
    cuts = statistics.quantiles(waits, n=100) if len(waits) > 1 else [0.0] * 99
    return Seen(
        dict(statuses), seconds, cuts[49] * 1e3, cuts[98] * 1e3, max(waits, default=0.0) * 1e3
    )


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(run(Wanted(**json.loads(sys.argv[1])))))))
