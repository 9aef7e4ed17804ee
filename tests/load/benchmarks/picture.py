"""Pictures for the documents: SVG, written by hand, with colours that hold on light and
dark pages.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from tests.load.benchmarks.curves import Curve
from tests.load.benchmarks.measure import Row, Spread

_OURS: Final = "#2f7fd0"
_MISSED: Final = "#d0452f"
_PEER: Final = "#9aa0a6"
_INK: Final = "#5f6368"
_LINES: Final = ("#2f7fd0", "#d98a29", "#3d9a5b", "#9a55b5")
_WIDTH: Final = 860
_BAR: Final = 15
_LEFT: Final = 300
_RIGHT: Final = 150


def bars(rows: Iterable[Row]) -> str:
    """Draw one group of bars per row, on a logarithmic scale: the package with the goal as a mark,
    then the peers.
    """
    parts: list[str] = []
    y = 34
    for row in rows:
        entries = [
            ("iiniit_guard", row.ours),
            *((name, value) for name, value in row.peers.items() if isinstance(value, Spread)),
        ]
        values = [max(value.median, 1e-3) for _, value in entries] + [row.limit]
        low = min([*values, 1.0]) * 0.85
        high = max(values) * 1.05

        def place(value: float, low: float = low, high: float = high) -> float:
            share = (math.log(max(value, low)) - math.log(low)) / (math.log(high) - math.log(low))
            return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

        parts.append(_text(10, y, f"{row.goal}. {row.name.replace('`', '')}", weight="bold"))
        top = y + 8
        for name, value in entries:
            ours = name == "iiniit_guard"
            colour = _PEER if not ours else _OURS if row.met else _MISSED
            y += _BAR + 5
            parts.append(_text(_LEFT - 8, y, name, anchor="end"))
            parts.append(
                f'<rect x="{_LEFT}" y="{y - 11}" '
                f'width="{max(2.0, place(value.median) - _LEFT):.1f}" height="{_BAR - 2}" '
                f'fill="{colour}"/>'
            )
            parts.append(_text(place(value.median) + 6, y, written(value.median, row.unit)))
        goal = place(row.limit)
        parts.append(
            f'<line x1="{goal:.1f}" x2="{goal:.1f}" y1="{top}" y2="{y + 6}" stroke="{_MISSED}" '
            'stroke-dasharray="4 3"/>'
        )
        y += 34
    legend = _text(
        10,
        14,
        "dashed: the goal   ·   each group has a logarithmic scale of its own",
    )
    return _svg(_WIDTH, y, "The goals, measured", [legend, *parts])


def curve(drawn: Curve) -> str:
    """Draw one curve; the growing quantity has a logarithmic scale."""
    width, height, left, bottom, top = 640, 340, 64, 44, 48
    points = [point for line in drawn.lines.values() for point in line]
    low, high = math.log10(min(x for x, _ in points)), math.log10(max(x for x, _ in points))
    ceiling = _nice(max(y for _, y in points))

    def across(x: float) -> float:
        return left + (math.log10(x) - low) / max(high - low, 1e-9) * (width - left - 30)

    def up(y: float) -> float:
        return height - bottom - y / ceiling * (height - bottom - top)

    parts = [_text(left, 18, drawn.title, weight="bold")]
    for step in range(5):
        value = ceiling * step / 4
        parts.append(
            f'<line x1="{left}" x2="{width - 30}" y1="{up(value):.1f}" y2="{up(value):.1f}" '
            f'stroke="{_PEER}" stroke-opacity="0.35"/>'
        )
        parts.append(_text(left - 6, up(value) + 4, f"{value:g}", anchor="end"))
    powers = [10**power for power in range(math.ceil(low), math.floor(high) + 1)]
    parts += [
        _text(across(power), height - bottom + 18, f"{power:,}", anchor="middle")
        for power in powers
    ]
    parts.append(_text(width - 30, height - 8, drawn.across, anchor="end"))
    for number, (name, line) in enumerate(drawn.lines.items()):
        colour = _LINES[number]
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>'
            for x, y in line
        ]
        parts.append(_text(left + 8 + 270 * number, 38, f"{name} ({drawn.unit})", colour=colour))
    return _svg(width, height, drawn.title, parts)


def written(value: float, unit: str) -> str:
    """Return a value with its unit, with three significant digits if it is small."""
    number = (
        f"{value:,.0f}"
        if value >= 100
        else f"{value:.3g}"
        if value < 1
        else f"{value:.2f}".rstrip("0").rstrip(".")
    )
    return f"{number}{unit}" if unit == "×" else f"{number} {unit}"


def pictures(rows: Iterable[Row], drawn: Iterable[Curve]) -> Mapping[str, str]:
    """Return every picture by its file name."""
    return {"performance.svg": bars(rows), **{f"{each.name}.svg": curve(each) for each in drawn}}


def _nice(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= value)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    weight: str = "normal",
    colour: str = _INK,
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" '
        f'fill="{colour}">{escape(text)}</text>'
    )


def _svg(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12" role="img">'
    )
    return "\n".join([head, f"<title>{escape(title)}</title>", *parts, "</svg>", ""])
