"""The committed counts, and what this checkout executes in comparison."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final, TypeAlias

from tests.quality.instructions.counting import Count

Counts: TypeAlias = dict[str, Count]
"""The count of each request by its host and kind."""

FILE: Final = Path(__file__).with_name("counts.json")
VERSION: Final = "{}.{}".format(*sys.version_info)
GROWTH: Final = 1.03
"""How many times the committed count a request may execute."""
_ROOT: Final = Path(__file__).parents[3]


def measured(root: Path = _ROOT, *, hash_seed: int = 0) -> Counts:
    """Count in a process of its own, which no other tool traces.

    Args:
        root: The directory that contains `tests`, and the package unless it is installed.
        hash_seed: Determines the order of sets (`PYTHONHASHSEED`).

    Raises:
        RuntimeError: The process failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.quality.instructions"],
        check=False,
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(root)},
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return {name: Count(**each) for name, each in json.loads(done.stdout).items()}


def stored() -> dict[str, Counts]:
    """Return the committed counts by the minor version of Python."""
    return {
        version: {name: Count(**each) for name, each in counts.items()}
        for version, counts in json.loads(FILE.read_text()).items()
    }


def store(version: str, counts: Counts) -> None:
    """Replace the committed counts of one version of Python. Each request is one line."""
    everything = {**stored(), version: counts}
    versions = sorted(everything, key=lambda name: [int(part) for part in name.split(".")])
    tables = []
    for each in versions:
        lines = [
            f"    {json.dumps(name)}: {json.dumps(count._asdict())}"
            for name, count in sorted(everything[each].items())
        ]
        tables.append(f'  "{each}": {{\n' + ",\n".join(lines) + "\n  }")
    FILE.write_text("{\n" + ",\n".join(tables) + "\n}\n")


def find_growth(committed: Counts, counts: Counts) -> list[str]:
    """Return one line for each request that executes more than is allowed, or that differs in
    name from the committed ones.
    """
    faults = [f"{name}: not counted any more" for name in committed.keys() - counts.keys()]
    for name, count in counts.items():
        if name not in committed:
            faults.append(f"{name}: no committed count")
            continue
        faults += [
            f"{name}: {now:,} {what}, {before:,} committed ({now / before - 1:+.1%})"
            for what, now, before in zip(Count._fields, count, committed[name], strict=True)
            if now > before * GROWTH
        ]
    return sorted(faults)
