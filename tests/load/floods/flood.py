"""One flood against one application beside a valid client: the cost for the application and the
authorization server.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

from tests.integration.faults.real_issuer import MachineTime, RealIssuer
from tests.integration.faults.serving import ROOT, SERVERS, WSGI, Serving, serving
from tests.load.floods.client import HUNG, Seen, Wanted

CONNECTIONS: Final = 100
SERVED_BY: Final = {
    "uvicorn": SERVERS["uvicorn"],
    # By default waitress accepts 100 connections and does not accept that of the valid client.
    "waitress": (
        "waitress",
        "--threads",
        "8",
        "--connection-limit",
        "1000",
        "--listen",
        "127.0.0.1:{port}",
        WSGI,
    ),
}
KINDS: Final = {
    "opaque": "random opaque tokens",
    "kids": "JWTs with random key IDs",
    "signatures": "JWTs with a bad signature",
    "headers": "tokens of 60,000 bytes",
    "valid": "good JWTs, no two alike",
}
SETTINGS: Final = {
    # the opaque token of the valid client must be introspected repeatedly during the flood
    "revocation_delay_seconds": 2,
    "max_cached_tokens": 4_096,
}


@dataclass(frozen=True)
class Figures:
    """The figures of one flood.

    Attributes:
        kind: Of the flood.
        server: That the application ran under.
        size: Requests of the flood.
        flood: What the flood's clients saw, over both halves.
        good: What the good client saw meanwhile.
        calm: What it saw before.
        seconds: How long all of it took.
        memory: Resident bytes of the application: before, after the first half, at the end.
        asked: What the authorization server was asked, by endpoint.
        busiest: The most introspections at the same time.
    """

    kind: str
    server: str
    size: int
    flood: Seen
    good: Seen
    calm: Seen
    seconds: float
    memory: tuple[int, int, int]
    asked: dict[str, int]
    busiest: int


@contextlib.contextmanager
def client(wanted: Wanted) -> Iterator[subprocess.Popen[str]]:
    """Start a client."""
    command = [sys.executable, "-m", "tests.load.floods.client", json.dumps(asdict(wanted))]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def seen_by(process: subprocess.Popen[str]) -> Seen:
    """Wait until a client ends, for `good` after closing its input, and return its results."""
    said, _ = process.communicate(timeout=600)
    return Seen(**json.loads(said))


def together(*halves: Seen) -> Seen:
    """Add the results of two halves; of the waiting times the worse counts."""
    statuses = {
        status: sum(half.statuses.get(status, 0) for half in halves)
        for half in halves
        for status in half.statuses
    }
    return Seen(
        statuses,
        sum(half.seconds for half in halves),
        max(half.median_ms for half in halves),
        max(half.p99_ms for half in halves),
        max(half.worst_ms for half in halves),
    )


def run_flood(kind: str, server: str, size: int, calm_requests: int = 200) -> Figures:
    """Run one flood in two halves, to distinguish growth from caches that are filled once."""
    started = time.monotonic()
    with (
        RealIssuer(clock=MachineTime()) as real,
        serving(SERVED_BY[server], real.environment(**SETTINGS)) as running,
    ):
        good = [real.issuer.token(expires_in=3_600), real.issuer.opaque_token(expires_in=3_600)]
        calm = _calm(running, good, calm_requests)
        real.asked.clear()
        likeness = Wanted(
            kind, running.port, good, size // 2, CONNECTIONS, real.issuer.signing_key.private_pem()
        )
        before = running.memory_bytes
        with client(Wanted("good", running.port, good)) as steady:
            halves, memory = [], [before]
            for _ in range(2):
                with client(likeness) as flooding:
                    halves.append(seen_by(flooding))
                memory.append(running.memory_bytes)
            served = seen_by(steady)
        if any(HUNG in seen.statuses for seen in (calm, served, *halves)):
            running.show_stacks()
        asked: dict[str, int] = {str(endpoint): count for endpoint, count in real.asked.items()}
        return Figures(
            kind,
            server,
            size,
            together(*halves),
            served,
            calm,
            time.monotonic() - started,
            (memory[0], memory[1], memory[2]),
            asked,
            real.busiest,
        )


def _calm(running: Serving, good: list[str], requests: int) -> Seen:
    with client(Wanted("calm", running.port, good * (requests // 2))) as alone:
        return seen_by(alone)
