"""Goal 5: uvicorn and Starlette on loopback, wrk on another core, CPU time per request."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.load.benchmarks.measure import BARE, OVER_BARE, Row, Spread, spread_of
from tests.load.benchmarks.processes import Server, cpu_per_request, free_port, lua_script
from tests.load.benchmarks.tokens import make_issuer, token_of

_TOKENS: Final = 256
# In this order: each pair that a goal compares is measured one right after the other.
_APPS: Final = ("floor", "cached", "bare", "cold", "pyjwt")


def measure(rounds: int) -> list[Row]:
    """Measure every application in alternation."""
    issuer = make_issuer()
    tokens = [token_of(issuer, number=number) for number in range(_TOKENS)]
    seconds, turns = (2, max(7, rounds // 6)) if rounds >= 20 else (1, 3)
    costs: dict[str, list[float]] = {name: [] for name in _APPS}
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        keys = folder / "keys.json"
        keys.write_text(json.dumps(issuer.jwk_set()))
        os.environ.update(WIRE_KEYS=str(keys), WIRE_TOKEN=tokens[0])
        one, many = (
            lua_script(folder / "one.lua", tokens[:1]),
            lua_script(folder / "many.lua", tokens),
        )
        servers = {name: stack.enter_context(serve(name, folder)) for name in _APPS}
        for _ in range(turns):
            for name, server in servers.items():
                script = many if name in ("cold", "pyjwt") else one
                url = f"http://127.0.0.1:{server.port}/me"
                costs[name].append(cpu_per_request([server], url, seconds, script))

    def ratio(name: str, divisor: str) -> Spread:
        pairs = zip(costs[name], costs[divisor], strict=True)
        return spread_of([own / other for own, other in pairs], spread_of(costs[name]).median)

    return [
        Row(
            5,
            "on the wire, uvicorn + Starlette, cached",
            1.15,
            ratio("cached", "floor"),
            beside={BARE: ratio("bare", "floor"), OVER_BARE: ratio("cached", "bare")},
            note=f"CPU of the floor, {spread_of(costs['floor']).median * 1e6:.1f} µs",
        ),
        Row(
            5,
            "on the wire, cold RS256",
            0.85,
            ratio("cold", "pyjwt"),
            beside={OVER_BARE: ratio("cold", "bare")},
            note=(f"CPU of PyJWT in the handler, {spread_of(costs['pyjwt']).median * 1e6:.1f} µs"),
        ),
    ]


def serve(name: str, folder: Path, app: str = "tests.load.benchmarks.wire_app") -> Server:
    """Start uvicorn with one application."""
    port = free_port()
    factory = ["--factory"] if name != "nothing" else []
    options = [
        "--port",
        str(port),
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--no-access-log",
        "--log-level",
        "warning",
        *factory,
    ]
    return Server(
        [sys.executable, "-m", "uvicorn", f"{app}:{name}", *options], port, folder / f"{name}.log"
    )
