"""The clients of the soak test: persistent connections, a constant rate, every kind of request, and
a record of each violation.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from tests.load.soak.kinds import WEIGHTS, WITHOUT_SERVER
from tests.load.soak.site import CALLER
from tests.load.soak.tokens import Pool, Shown

CONNECTIONS: Final = 48
ANSWERED_WITHIN_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Answered:
    """One answer."""

    kind: str
    shown: Shown
    sent: float
    seconds: float
    status: int
    headers: Mapping[str, str]
    active: bool | None


@dataclass
class Seen:
    """What the clients saw.

    Attributes:
        statuses: (kind, status) to number.
        dropped: Connections that ended under a request.
        waits: (sent, seconds) of each response that needs no authorization server.
        outages: When 503 was seen, and for what kind.
        faults: The violations of the documented limits.
    """

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    dropped: int = 0
    waits: list[tuple[float, float]] = field(default_factory=list)
    outages: list[tuple[float, str]] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)


class Connection:
    """One kept connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, kind: str, token: str | None) -> tuple[int, dict[str, str], bytes]:
        """Send one request and read its answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        try:
            writer.write(
                _introspection(token or "") if kind.startswith("introspect") else _question(token)
            )
            async with asyncio.timeout(ANSWERED_WITHIN_SECONDS):
                first, *lines = (
                    (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                )
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in lines if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
        except BaseException:
            self.close()
            raise
        return int(first.split()[1]), headers, body

    def close(self) -> None:
        """Close it; the next request opens another one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def _question(token: str | None) -> bytes:
    lines = [
        "GET /auth HTTP/1.1",
        "Host: guard",
        "X-Forwarded-Method: GET",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: api.test",
    ]
    lines += [
        "X-Forwarded-Uri: /v1/user/profile",
        *(() if token is None else (f"Authorization: Bearer {token}",)),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _introspection(token: str) -> bytes:
    body = urlencode({"token": token})
    lines = [
        "POST /introspect HTTP/1.1",
        "Host: guard",
        f"Authorization: {CALLER}",
        f"Content-Length: {len(body)}",
    ]
    return (
        "\r\n".join((*lines, "Content-Type: application/x-www-form-urlencoded")) + "\r\n\r\n" + body
    ).encode("ascii")


class Load:
    """Clients that keep one rate.

    Args:
        port: Of the gateway's listener.
        pool: Provides tokens and checks each answer.
        rate: Requests a second over all connections.
    """

    def __init__(self, port: int, pool: Pool, rate: float) -> None:
        self._port = port
        self._pool = pool
        self._rate = rate
        self._random = random.Random(5)
        self._turn = 0
        self.seen = Seen()

    async def run(self, seconds: float) -> None:
        """Send until the time is over."""
        begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(self._client(begun, begun + seconds))

    async def flood(self, tokens: list[str], at_once: int = 24) -> None:
        """Present each of these tokens once, as fast as possible."""
        left = iter(tokens)

        async def client() -> None:
            connection = Connection(self._port)
            for token in left:
                await connection.ask("junk", token)
            connection.close()

        await asyncio.gather(*(client() for _ in range(at_once)))

    async def _client(self, begun: float, ends: float) -> None:
        connection = Connection(self._port)
        kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
        while True:
            self._turn += 1
            due = begun + self._turn / self._rate
            if due >= ends:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._one(connection, self._random.choices(kinds, weights)[0])
        connection.close()

    async def _one(self, connection: Connection, kind: str) -> None:
        shown = self._pool.pick(kind)
        sent = time.monotonic()
        try:
            status, headers, body = await connection.ask(kind, shown.token)
        except (OSError, EOFError, TimeoutError) as error:
            self.seen.dropped += 1
            self.seen.faults[f"{kind}: {type(error).__name__}"] += 1
            return
        seconds = time.monotonic() - sent
        self._note(
            Answered(kind, shown, sent, seconds, status, headers, _active(kind, status, body))
        )

    def _note(self, answered: Answered) -> None:
        seen, kind = self.seen, answered.kind
        seen.statuses[kind, answered.status] += 1
        if answered.status == 503:
            seen.outages.append((answered.sent, kind))
            if not answered.headers.get("retry-after", "").isdecimal():
                seen.faults[f"{kind}: 503 without Retry-After"] += 1
        elif kind in WITHOUT_SERVER:
            seen.waits.append((answered.sent, answered.seconds))
        fault = self._pool.fault(
            kind, answered.shown, answered.sent, answered.status, answered.active
        )
        if fault is not None:
            seen.faults[f"{kind}: {fault}"] += 1


def _active(kind: str, status: int, body: bytes) -> bool | None:
    if not kind.startswith("introspect") or status != 200:
        return None
    said: dict[str, Any] = json.loads(body)
    return bool(said["active"])
