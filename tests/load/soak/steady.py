"""The soak test: a constant load on `iiniit-guard serve` with rotations, revocations, a reload and
an outage.
"""

from __future__ import annotations

import asyncio
import math
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from iiniit_guard.testing.jws import encode
from tests.integration.servers.loopback import Answer
from tests.load.soak.load import Load, Seen
from tests.load.soak.site import CACHED_TOKENS, CountingIssuer, Served, Weight, served
from tests.load.soak.tokens import COOLDOWN_SECONDS, REVOCATION_DELAY_SECONDS, SLACK_SECONDS, Pool

RATE: Final = 150.0  # far below the capacity of one worker, so that requests do not queue
_INACTIVE_TOKENS: Final = 16_384
_GROWTH: Final = (
    0.03,
    1.5,
)  # a share, and MiB beside it: one sample more or less of an allocator's arena


@dataclass
class Soak:
    """The results of the test.

    Attributes:
        minutes: How long the load lasted.
        rate: Requests a second.
        seen: By the clients.
        pool: The tokens and their lives.
        server: The authorization server.
        weights: Of the process, every two seconds.
        begun: When the load began.
        page: How often the status page was read.
        faults: Violations of the documented limits.
        cpu_seconds: Of the process.
        asked: How often the authorization server was asked, by endpoint.
    """

    minutes: float
    rate: float
    seen: Seen
    pool: Pool
    server: CountingIssuer
    begun: float
    weights: list[Weight] = field(default_factory=list)
    page: int = 0
    faults: list[str] = field(default_factory=list)
    cpu_seconds: float = 0.0
    asked: dict[str, int] = field(default_factory=dict)

    def during(self, begins: float, ends: float) -> list[Weight]:
        """Return the weights between two shares of the time."""
        whole = self.minutes * 60
        return [
            weight
            for weight in self.weights
            if begins * whole <= weight.at - self.begun <= ends * whole
        ]

    def rss(self, begins: float, ends: float) -> float:
        """Return the median of the resident memory in MiB between two shares of the time."""
        return statistics.median(weight.rss_mib for weight in self.during(begins, ends))


def run(minutes: float, rate: float, say: Callable[[str], object]) -> Soak:
    """Run the test.

    Args:
        minutes: Of load; five are enough to see every promise, fifteen to see memory stay.
        rate: Requests a second.
        say: Called with a line about each event.
    """
    with tempfile.TemporaryDirectory() as folder, CountingIssuer() as server:
        check = server.issuer.client_check
        with served(
            Path(folder), server.issuer.issuer, str(server.issuer.audience), check.client_secret
        ) as process:
            soak = asyncio.run(_run(minutes, rate, server, process, say))
        judge(soak, process.log)
    return soak


async def _run(
    minutes: float,
    rate: float,
    server: CountingIssuer,
    process: Served,
    say: Callable[[str], object],
) -> Soak:
    pool = Pool(server)
    await _ready(process)
    load = Load(process.gateway, pool, rate)
    say("filling every cache, so that what grows afterwards is a leak")
    many = [
        server.issuer.token(client_id=f"client-{number % 40}")
        for number in range(CACHED_TOKENS + 1000)
    ]
    await load.flood(
        many + [encode(number.to_bytes(12, "big")) for number in range(_INACTIVE_TOKENS + 1000)]
    )
    server.calls.clear()
    server.asked.clear()
    soak = Soak(minutes, rate, load.seen, pool, server, time.monotonic())
    cpu = process.cpu_seconds()
    tasks = [
        asyncio.create_task(task)
        for task in (
            _weigh(soak, process),
            _look(soak, process),
            _revoke(pool),
            _happen(soak, process, say),
        )
    ]
    say(f"{rate:.0f} requests a second for {minutes:g} minutes")
    await load.run(minutes * 60)
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    soak.cpu_seconds = process.cpu_seconds() - cpu
    soak.asked = {str(kind): number for kind, number in server.asked.items()}
    return soak


async def _happen(soak: Soak, process: Served, say: Callable[[str], object]) -> None:
    pool, server = soak.pool, soak.server

    def hang() -> None:
        server.come_back()
        server.break_at(lambda peer: peer.hang())

    def mend() -> None:
        server.mend()
        pool.mended = time.monotonic()

    def die() -> None:
        pool.outage = time.monotonic()
        server.die()

    events: list[tuple[float, str, Callable[[], object]]] = [
        (0.15, "a new key signs, the old one stays published", lambda: pool.rotate(keep_old=True)),
        (0.35, "a new key signs, the old ones are withdrawn", lambda: pool.rotate(keep_old=False)),
        (0.50, "SIGHUP", lambda: process.process.send_signal(signal.SIGHUP)),
        (0.60, "outage: connections are refused", die),
        (0.64, "outage: connections are accepted and nothing is answered", hang),
        (
            0.66,
            "outage: every answer is a 500",
            lambda: server.break_at(Answer(500, b"out of order")),
        ),
        (0.70, "the authorization server is back", mend),
    ]
    for share, what, act in events:
        await asyncio.sleep(max(0.0, soak.begun + share * soak.minutes * 60 - time.monotonic()))
        say(f"{time.monotonic() - soak.begun:4.0f} s: {what}")
        # In a thread: it may wait for the server's own threads, and the load must go on meanwhile.
        await asyncio.to_thread(act)


async def _ready(process: Served) -> None:
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        try:
            if (await _get(process.gateway, "/readyz"))[0] == 200:
                return
        except OSError:
            pass
        await asyncio.sleep(0.05)
    raise RuntimeError(f"it was not ready in time: {process.log}")


async def _get(port: int, path: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        answer = await reader.read(-1)
        return int(answer.split()[1]), answer
    finally:
        writer.close()


async def _weigh(soak: Soak, process: Served) -> None:
    while True:
        soak.weights.append(process.weigh())
        await asyncio.sleep(2)


async def _look(soak: Soak, process: Served) -> None:
    while True:
        for path in ("/", "/metrics", "/status.json"):
            status, _ = await _get(process.admin, path)
            if status != 200:
                soak.faults.append(f"admin {path}: {status}")
        soak.page += 1
        await asyncio.sleep(5)


async def _revoke(pool: Pool) -> None:
    while True:
        await asyncio.sleep(9)
        pool.replace_ended()
        pool.revoke_one()


def judge(soak: Soak, log: str) -> None:
    """Compare the results with the documented limits.

    Args:
        soak: The results, to which the faults are added.
        log: The output of the process.
    """
    seen, faults = soak.seen, soak.faults
    faults += [f"{what} ({number} times)" for what, number in sorted(seen.faults.items())]
    if seen.dropped:
        faults.append(f"{seen.dropped} requests lost their connection")
    faults += [
        f"{kind}: {number} times {status}"
        for (kind, status), number in seen.statuses.items()
        if status >= 500 and status != 503
    ]
    if not any(soak.pool.outage and at > soak.pool.outage for at, _ in seen.outages):
        faults.append("no 503 was seen in the outage, so nothing was tested there")
    faults += [
        f"the log says {word}"
        for word in ("Traceback", "watch failed", "Task exception")
        if word in log
    ]
    before, after = soak.rss(0.2, 0.35), soak.rss(0.9, 1)
    if after > before * (1 + _GROWTH[0]) + _GROWTH[1]:
        faults.append(f"resident memory grew from {before:.1f} to {after:.1f} MiB")
    calm, end = (
        max(weight.descriptors for weight in soak.during(*when)) for when in ((0.2, 0.35), (0.9, 1))
    )
    if end > calm + 8:
        faults.append(f"open descriptors grew from {calm} to {end}")
    early = early_calls(soak)
    if early:
        faults.append(f"{early} calls about a token whose answer was still good")
    if soak.asked.get("jwks", 0) > keys_bound(soak):
        faults.append(
            f"the keys were fetched {soak.asked['jwks']} times, {keys_bound(soak)} are promised"
        )


def early_calls(soak: Soak) -> int:
    """Count the calls about a good token that came before its last answer had ended."""
    revoked = {shown.token: shown.revoked for shown in (*soak.pool.revocable, *soak.pool.ended)}
    early = 0
    for token, moments in soak.server.calls.items():
        if token.startswith("opaque-"):
            good = [moment for moment in moments if moment < (revoked.get(token) or math.inf)]
            early += sum(
                second - first < REVOCATION_DELAY_SECONDS - SLACK_SECONDS
                for first, second in pairwise(good)
            )
    return early


def keys_bound(soak: Soak) -> int:
    """Return how often the keys may be fetched.

    Once per cool-down, and once for each set at 80 % of its 300 seconds.
    """
    seconds = soak.minutes * 60
    return math.ceil(seconds / COOLDOWN_SECONDS) + math.ceil(seconds / 240) + 2
