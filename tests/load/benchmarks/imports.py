"""Goal 12: the cost of `import iiniit_guard`, in new interpreters."""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import Final

from tests.load.benchmarks.measure import Row, Spread, spread_of

BASE: Final = (
    "import dataclasses, concurrent.futures, hashlib, json, threading, enum, typing, cachetools"
)
_PROGRAM: Final = (
    "import time; started = time.process_time(); {}; print(time.process_time() - started)"
)


def measure(rounds: int) -> list[Row]:
    """Compare with the standard modules that any such package needs."""
    statements = {
        "import iiniit_guard": "import iiniit_guard",
        "from iiniit_guard import Guard": "from iiniit_guard import Guard",
        "PyJWT": "import jwt",
        "joserfc": "import joserfc.jwt",
        "Authlib": "import authlib.integrations.flask_oauth2",
        "fastmcp": "import fastmcp.server.auth",
    }
    ratios: dict[str, list[float]] = {name: [] for name in statements}
    times: dict[str, list[float]] = {name: [] for name in statements}
    for _ in range(max(5, rounds // 4)):
        for name, statement in statements.items():
            base, own = _seconds(BASE), _seconds(statement)
            if base is not None and own is not None:
                ratios[name].append(own / base)
                times[name].append(own)
    measured: dict[str, Spread | str] = {
        name: spread_of(values, statistics.median(times[name])) if values else "not installed"
        for name, values in ratios.items()
    }
    package, guard = (
        measured.pop("import iiniit_guard"),
        measured.pop("from iiniit_guard import Guard"),
    )
    if isinstance(package, str) or isinstance(guard, str):
        raise TypeError("the package cannot be imported")
    return [
        Row(
            goal=12,
            name="`import iiniit_guard`",
            limit=1.3,
            ours=package,
            peers=measured,
            beside={"from iiniit_guard import Guard": guard},
            note="the standard modules it would need anyhow, and cachetools",
        )
    ]


def _seconds(statement: str) -> float | None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(statement)],
        check=False,
        capture_output=True,
        text=True,
    )
    return float(done.stdout) if done.returncode == 0 else None
