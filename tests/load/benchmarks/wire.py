"""Goal 5: uvicorn and Starlette on loopback, wrk on another core, CPU time per request."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.load.benchmarks.measure import Row, spread_of
from tests.load.benchmarks.processes import Server, cpu_per_request, free_port, lua_script
from tests.load.benchmarks.tokens import make_issuer, token_of

_TOKENS: Final = 256
_APPS: Final = ("cached", "cold", "floor", "pyjwt")


def measure(rounds: int) -> list[Row]:
    """Let every application answer in turn, each right behind the bare one."""
    issuer = make_issuer()
    tokens = [token_of(issuer, number=number) for number in range(_TOKENS)]
    seconds, turns = (2, max(5, rounds // 8)) if rounds >= 20 else (1, 3)
    ratios: dict[str, list[float]] = {name: [] for name in _APPS}
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
        servers = {name: stack.enter_context(serve(name, folder)) for name in ("bare", *_APPS)}

        def cost(name: str, script: Path) -> float:
            server = servers[name]
            return cpu_per_request([server], f"http://127.0.0.1:{server.port}/me", seconds, script)

        for _ in range(turns):
            for name in _APPS:
                script = many if name in ("cold", "pyjwt") else one
                base, own = cost("bare", script), cost(name, script)
                ratios[name].append(own / base)
                costs[name].append(own)
    measured = {
        name: spread_of(values, spread_of(costs[name]).median) for name, values in ratios.items()
    }
    return [
        Row(
            5,
            "on the wire, uvicorn + Starlette, cached",
            1.25,
            measured["cached"],
            floor=measured["floor"],
            note="CPU of the bare request",
        ),
        Row(
            5,
            "on the wire, cold RS256",
            2.7,
            measured["cold"],
            peers={"PyJWT": measured["pyjwt"]},
            note="CPU of the bare request",
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
