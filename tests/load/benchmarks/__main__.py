"""`make bench`: measure the goals and the curves, print the table, write
docs/explanation/performance.md; fail when a goal is missed.

`--quick` measures less often and writes nothing; `--only lookup,cold` measures some groups and
writes nothing either.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Final

from tests.load.benchmarks import callgrind, report
from tests.load.benchmarks.curves import Curve, curves
from tests.load.benchmarks.measure import Row
from tests.load.benchmarks.picture import pictures

# Each in a process of its own: one framework's imports and one guard's memory must not weigh on
# another's numbers.
GROUPS: Final = (
    "lookup", "starlette_host", "fastapi_host", "flask_host", "django_host", "cold", "wire",
    "gateway", "upstream", "memory", "pauses", "refreshes", "threads", "imports", "hostile_bytes",
    "dpop", "connections", "prometheus",
)  # fmt: skip
_DOCS: Final = Path(__file__).parents[3] / "docs"
_ROUNDS: Final = 40
_QUICK_ROUNDS: Final = 10


def main() -> int:
    """Return the exit status: 0 when every goal was met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--group", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.group:
        return _measure_here(given.group, _QUICK_ROUNDS if given.quick else _ROUNDS)
    started = time.monotonic()
    chosen = [group for group in GROUPS if not given.only or group in given.only.split(",")]
    rows, broken = [], []
    for group in chosen:
        measured = _measure(group, given.quick)
        if isinstance(measured, str):
            broken.append(f"{group}: {measured}")
        else:
            rows += measured
    rows.sort(key=lambda row: row.goal)
    machine = report.machine(given.quick)
    print(f"{machine}\n\n{report.goals(rows)}\n\n{report.pauses(rows)}\n")
    if not given.only:
        _show_growth(rows, machine, given.quick)
    for fault in broken:
        print(f"not measured: {fault}")
    missed = [f"{row.goal} ({row.name})" for row in rows if not row.met]
    faults = [f"missed: {'; '.join(missed)}"] * bool(missed) + [
        f"not measured: {len(broken)} groups"
    ] * bool(broken)
    print(
        f"{time.monotonic() - started:.0f} s; {'; '.join(faults) or 'every goal measured is met'}"
    )
    return 1 if faults else 0


def _measure(group: str, quick: bool) -> list[Row] | str:
    print(f"measuring {group}", file=sys.stderr, flush=True)
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.load.benchmarks",
        "--group",
        group,
        *(["--quick"] if quick else []),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        return done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"
    return [Row.from_json(members) for members in json.loads(done.stdout)]


def _measure_here(group: str, rounds: int) -> int:
    rows: list[Row] = import_module(f"tests.load.benchmarks.{group}").measure(rounds)
    json.dump([row.to_json() for row in rows], sys.stdout)
    return 0


def _show_growth(rows: list[Row], machine: str, quick: bool) -> None:
    from tests.load.benchmarks.stages import cold, hot

    print("measuring where time goes, and the curves", file=sys.stderr, flush=True)
    profile = report.profile(
        {"one request through Starlette, token cached": hot(), "one RS256 token never seen": cold()}
    )
    drawn: list[Curve] = list(curves(quick))
    growth = report.numbers(drawn)
    print("counting instructions", file=sys.stderr, flush=True)
    counted = report.instructions(callgrind.measure())
    print(f"{profile}\n\n{growth}\n\n{counted}\n")
    if quick:
        return
    document = _DOCS / "explanation" / "performance.md"
    text = document.read_text()
    parts = {
        "machine": machine,
        "goals": report.goals(rows),
        "pauses": report.pauses(rows),
        "profile": profile,
        "curves": growth,
        "instructions": counted,
    }
    for name, written in parts.items():
        text = report.insert(text, name, written)
    document.write_text(text)
    for name, picture in pictures(rows, drawn).items():
        (_DOCS / "images" / name).write_text(picture)


if __name__ == "__main__":
    sys.exit(main())
