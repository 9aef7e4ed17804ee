"""`/introspect` compared with the endpoint behind it: requests a second, calls and CPU, with tokens
that follow Zipf's law.

Three endpoints: one that reads a table immediately (the fastest possible), and the same with a
delay of 5 and 20 ms for the work of a real one. wrk calls each directly and through `iiniit-guard
serve`, in turn, and the guard starts with an empty cache each time.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

from tests.integration.sidecar.test_processes import free_port
from tests.load.soak.report import machine
from tests.load.soak.site import CALLER, ROOT, cpu_seconds, served

TOKENS: Final = 100_000
DRAWN: Final = 400_000  # requests before the draw begins again
CONNECTIONS: Final = 32
DELAYS: Final = (0.0, 0.005, 0.02)
AUDIENCE: Final = "https://api.test"


@dataclass(frozen=True)
class Run:
    """One run of wrk: parameters, results, and the CPU time of endpoint and guard together."""

    delay: float
    guarded: bool
    seconds: float
    answered: int
    calls: int
    tokens: int
    median: str
    p99: str
    cpu: float


def run(seconds: float, say: Callable[[str], object]) -> list[Run]:
    """Run wrk against each endpoint directly and through the guard.

    Args:
        seconds: Of each run.
        say: Called with the result of each run.

    Raises:
        RuntimeError: wrk is missing, or a response had another status than 200.
    """
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk is not installed")
    runs = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        drawn = _draw()
        (folder / "drawn").write_text("\n".join(map(str, drawn)))
        for delay in DELAYS:
            for guarded in (False, True):
                with _endpoint(delay) as (port, pid):
                    runs.append(_run(folder, port, pid, delay, guarded, seconds, drawn))
                    say(str(runs[-1]))
    return runs


def _draw() -> list[int]:
    """Draw tokens by Zipf's law with exponent 1: the n-th most used one is used 1/n as often as the
    first.
    """
    steps = list(accumulate(1 / rank for rank in range(1, TOKENS + 1)))
    dice = random.Random(11)
    return [bisect_left(steps, dice.random() * steps[-1]) for _ in range(DRAWN)]


@contextmanager
def _endpoint(delay: float) -> Iterator[tuple[int, int]]:
    port = free_port()
    command = [sys.executable, "-m", "tests.load.soak.endpoint", str(port), str(delay)]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        _until(lambda: _calls(port) >= 0)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)


def _run(
    folder: Path,
    endpoint: int,
    pid: int,
    delay: float,
    guarded: bool,
    seconds: float,
    drawn: list[int],
) -> Run:
    url = f"http://127.0.0.1:{endpoint}"
    if not guarded:
        return _ask(folder, f"{url}/introspect", (pid,), endpoint, delay, guarded, seconds, drawn)
    places = f'jwt = "introspect"\nintrospection_endpoint = "{url}/introspect"'
    with served(folder, url, AUDIENCE, "secret", places=places, cached=65_536) as process:
        _until(
            lambda: (
                urllib.request.urlopen(f"http://127.0.0.1:{process.gateway}/readyz").status == 200
            )
        )
        asked = f"http://127.0.0.1:{process.gateway}/introspect"
        return _ask(
            folder, asked, (pid, process.process.pid), endpoint, delay, guarded, seconds, drawn
        )


def _ask(
    folder: Path,
    url: str,
    pids: tuple[int, ...],
    endpoint: int,
    delay: float,
    guarded: bool,
    seconds: float,
    drawn: list[int],
) -> Run:
    script = folder / "ask.lua"
    script.write_text(
        f'local drawn = {{}}\nlocal turn = 0\nfor line in io.lines("{folder / "drawn"}") do '
        "drawn[#drawn + 1] = line end\n"
        f'local headers = {{["Content-Type"] = "application/x-www-form-urlencoded", '
        f'["Authorization"] = "{CALLER}"}}\n'
        "function request()\n  turn = turn % #drawn + 1\n"
        '  return wrk.format("POST", nil, headers, "token=opaque-token-of-usual-length-" .. '
        "drawn[turn])\nend\n"
    )
    before, cpu = _calls(endpoint), sum(map(cpu_seconds, pids))
    command = [
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds:g}s",
        "--latency",
        "-s",
        str(script),
        url,
    ]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)
    found = [
        re.search(what, said, re.MULTILINE)
        for what in (r"(\d+) requests in", r"^ +50% +(\S+)", r"^ +99% +(\S+)")
    ]
    answered, median, p99 = (match[1] if match else "0" for match in found)
    cpu = sum(map(cpu_seconds, pids)) - cpu
    different = len(set((drawn * (int(answered) // DRAWN + 1))[: int(answered)]))
    return Run(
        delay,
        guarded,
        seconds,
        int(answered),
        _calls(endpoint) - before,
        different,
        median,
        p99,
        cpu,
    )


def _calls(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/calls") as answer:
        calls: int = json.load(answer)
    return calls


def _until(condition: Callable[[], object], seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError("it did not start in time")


def table(runs: list[Run]) -> str:
    """Return the table of the figures.

    Args:
        runs: Directly and guarded, in pairs.
    """
    lines = [
        (
            f"{machine()} {TOKENS:,} tokens by Zipf's law (exponent 1), {CONNECTIONS} connections, "
            f"{runs[0].seconds:g} s each, one worker."
        ),
        "",
        (
            "| the endpoint's own work | asked | requests/s | p50, p99 | CPU for one request | its "
            "calls | for 1,000 requests | tokens |"
        ),
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for one in runs:
        work = f"{one.delay * 1e3:.0f} ms" if one.delay else "none: a look into a table"
        who = "through `/introspect`" if one.guarded else "directly"
        cells = (
            f"{one.answered / one.seconds:,.0f}",
            f"{one.median}, {one.p99}",
            f"{one.cpu / one.answered * 1e6:.0f} µs",
            f"{one.calls:,}",
            f"{one.calls / one.answered * 1e3:.0f}",
        )
        lines.append(f"| {work} | {who} | {' | '.join(cells)} | {one.tokens:,} |")
    return "\n".join(lines)
