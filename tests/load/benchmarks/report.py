"""The tables in Markdown, on the terminal and between the markers of
docs/explanation/performance.md.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from tests.load.benchmarks.curves import Curve
from tests.load.benchmarks.measure import Row, Spread
from tests.load.benchmarks.peers import versions
from tests.load.benchmarks.picture import written
from tests.load.benchmarks.stages import Stages

_OURS: Final = (
    "cryptography",
    "PyJWT",
    "cachetools",
    "starlette",
    "fastapi",
    "uvicorn",
    "Flask",
    "Django",
)


def goals(rows: Sequence[Row]) -> str:
    """Return the table of the goals."""
    lines = [
        "| # | what | goal | ours | spread | peers | |",
        "|---|---|---:|---:|---|---|---|",
    ]
    for row in rows:
        sign = "≥" if row.at_least else "≤"
        cells = [
            str(row.goal),
            row.name
            + (
                f" (÷ {row.note})"
                if row.note and row.unit == "×"
                else f" ({row.note})"
                if row.note
                else ""
            ),
            f"{sign} {written(row.limit, row.unit)}",
            f"**{written(row.ours.median, row.unit)}**" + _time(row.ours),
            f"{written(row.ours.low, row.unit)} to {written(row.ours.high, row.unit)}",
            "; ".join(f"{name} {_value(value, row.unit)}" for name, value in row.peers.items()),
            "met" if row.met else "**missed**",
        ]
        lines.append(f"| {' | '.join(cells)} |")
        for name, value in row.beside.items():
            spread = f"{written(value.low, row.unit)} to {written(value.high, row.unit)}"
            lines.append(
                f"| | … {name} | | {written(value.median, row.unit)}{_time(value)} | {spread} | | |"
            )
    return "\n".join(lines)


def _value(value: Spread | str, unit: str) -> str:
    return value if isinstance(value, str) else written(value.median, unit)


def _time(value: Spread) -> str:
    if not value.seconds:
        return ""
    micro = value.seconds * 1e6
    return f" ({micro:.1f} µs)" if micro < 1000 else f" ({micro / 1000:.1f} ms)"


def numbers(curves: Iterable[Curve]) -> str:
    """Return the numbers of the curves."""
    parts = []
    for curve in curves:
        across = [x for x, _ in next(iter(curve.lines.values()))]
        parts.append(f"![{curve.title}](../images/{curve.name}.svg)\n")
        parts.append(f"| {curve.across} | {' | '.join(f'{x:,.0f}' for x in across)} |")
        parts.append("|---|" + "---:|" * len(across))
        parts += [
            f"| {name} ({curve.unit}) | {' | '.join(f'{y:,.4g}' for _, y in line)} |"
            for name, line in curve.lines.items()
        ]
        parts.append("")
    return "\n".join(parts).rstrip()


def pauses(rows: Iterable[Row]) -> str:
    """Return the parts of the longest pauses."""
    lines = [
        "| ms | longest, CPU time | 99.99 % below | longest, by the clock | 99.99 % below | goal |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        lines += [f"| *{row.name}* | | | | | |"] * bool(row.parts)
        for part in row.parts:
            values = (part.longest, part.usual, part.longest_wall, part.usual_wall)
            goal = "" if not part.held else "met" if part.longest <= row.limit else "**missed**"
            lines.append(
                f"| {part.name} | {' | '.join(f'{value:,.2f}' for value in values)} | {goal} |"
            )
    return "\n".join(lines)


def instructions(counts: Mapping[str, float] | str) -> str:
    """Return the table of processor instructions of one request."""
    if isinstance(counts, str):
        return f"Not counted: {counts}."
    lines = [f"| {name} | {count:,.0f} |" for name, count in counts.items()]
    return "\n".join(["| callgrind | instructions |", "|---|---:|", *lines])


def profile(named: Mapping[str, Stages]) -> str:
    """Return the table of the time of each stage."""
    parts = []
    for name, stages in named.items():
        parts += [
            f"| {name} | µs |",
            "|---|---:|",
            *(f"| {stage} | {cost:.2f} |" for stage, cost in stages),
            "",
        ]
    return "\n".join(parts).rstrip()


def machine(quick: bool) -> str:
    """Return the machine and the versions of a measurement."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "?",
    )
    ours = ", ".join(f"{name} {metadata.version(name)}" for name in _OURS)
    theirs = ", ".join(f"{name} {version}" for name, version in versions().items())
    how = "quick run" if quick else "full run"
    return (
        f"{model}, {len(os.sched_getaffinity(0))} cores, {platform.python_implementation()} "
        f"{platform.python_version()}, "
        f"{platform.system()} {platform.release()}; {how}.\nWith {ours}.\nPeers: {theirs}."
    )


def insert(document: str, name: str, text: str) -> str:
    """Replace the text between the markers `name` of a document.

    Raises:
        ValueError: The document does not have these markers.
    """
    begin, end = f"<!-- {name}: written by make bench -->", f"<!-- {name}: end -->"
    head, found, rest = document.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"no markers for {name}")
    return f"{head}{begin}\n{text}\n{end}{tail}"
