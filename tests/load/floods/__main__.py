"""The floods at full size: `python -m tests.load.floods [SIZE]` prints a table and writes it to
build/floods.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from tests.load.floods.flood import KINDS, SERVED_BY, Figures, run_flood
from tests.load.floods.test_floods import check

FULL: Final = 100_000
WRITTEN: Final = Path("build/floods.md")
HEAD: Final = """\
| flood | server | requests | answers | per second | good client: p50, p99, worst (calm p99), ms \
| MiB before, half, end | asked | at once |
|---|---|---:|---|---:|---|---|---|---:|"""


def row(figures: Figures) -> str:
    """Write one line of the table."""
    good, calm, flood = figures.good, figures.calm, figures.flood
    answers = ", ".join(f"{status}: {count:,}" for status, count in sorted(flood.statuses.items()))
    waits = f"{good.median_ms:.1f}, {good.p99_ms:.0f}, {good.worst_ms:.0f} ({calm.p99_ms:.1f})"
    memory = ", ".join(f"{size / (1 << 20):.1f}" for size in figures.memory)
    asked = (
        ", ".join(f"{endpoint} {count:,}" for endpoint, count in sorted(figures.asked.items()))
        or "nothing"
    )
    rate = f"{figures.size / flood.seconds:,.0f}"
    columns = (
        KINDS[figures.kind],
        figures.server,
        f"{figures.size:,}",
        answers,
        rate,
        waits,
        memory,
        asked,
        str(figures.busiest),
    )
    return f"| {' | '.join(columns)} |"


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else FULL
    lines = [HEAD]
    print(HEAD, flush=True)
    faults = []
    for server in SERVED_BY:
        for kind in KINDS:
            figures = run_flood(kind, server, size if server == "uvicorn" else size // 5)
            lines.append(row(figures))
            print(lines[-1], flush=True)
            try:
                check(figures)
            except AssertionError:
                faults.append(f"{kind} under {server} is out of bounds")
    WRITTEN.parent.mkdir(exist_ok=True)
    WRITTEN.write_text("\n".join(lines) + "\n")
    if faults:
        sys.exit("; ".join(faults))


if __name__ == "__main__":
    main()
