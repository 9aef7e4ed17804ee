"""Draw the charts of one hour as inline SVG.

The charts need no script. They are not scaled, so patterns and lines look the same on a phone and
on a desktop. Bars differ in pattern and lines in dashes, so no chart relies on colour alone. Labels
are HTML outside the SVG, in the font of the page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from iiniit_guard.sidecar.status.formatting import clock, shown
from iiniit_guard.sidecar.status.history import MINUTES

Kind: TypeAlias = str
"""The style of a series.

Bars: `allow`, `deny`, `unavailable`, `saved`, `calls`. Lines: `p50`, `p95`, `p99`, `ratio`.
"""

PATTERNS: Final = (
    '<svg width="0" height="0" aria-hidden="true" focusable="false" class="defs"><defs>'
    '<pattern id="deny" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)">'
    '<rect class="deny-back" width="6" height="6"/><rect class="deny" width="3" '
    'height="6"/></pattern>'
    '<pattern id="unavailable" width="5" height="5" patternUnits="userSpaceOnUse">'
    '<rect class="unavailable" width="5" height="5"/><circle class="spot" cx="2.5" cy="2.5" '
    'r="1.1"/></pattern>'
    '<pattern id="calls" width="4" height="4" patternUnits="userSpaceOnUse">'
    '<rect class="calls-back" width="4" height="4"/><rect class="calls" width="4" '
    'height="2"/></pattern>'
    "</defs></svg>"
)
_PATTERNED: Final = frozenset({"deny", "unavailable", "calls"})
_WIDTH: Final = 100 / MINUTES
# Minimum height of a part in per cent, so that one refusal among thousands stays visible.
_HAIRLINE: Final = 1.2


class Tick(NamedTuple):
    """A horizontal grid line: its height, from 0 to 1, and its label."""

    share: float
    label: str


def nice_top(most: float) -> float:
    """Return a round number that is at least `most`, and whose half is also round."""
    if most <= 2:
        return 2.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(factor * power for factor in (1, 2, 4, 6, 8, 10) if factor * power >= most)


def bars(
    minutes: Sequence[Sequence[tuple[Kind, float]]],
    titles: Sequence[str],
    top: float,
    ticks: Sequence[Tick],
    label: str,
) -> str:
    """Return the SVG of a stacked bar chart, with one bar for each minute.

    Args:
        minutes: For each minute, the kind and the value of each part of the bar, from the bottom.
        titles: Tooltip of each minute.
        top: The value at the upper edge of the chart.
        ticks: Grid lines.
        label: Text alternative for screen readers.
    """
    drawn = []
    for number, (parts, title) in enumerate(zip(minutes, titles, strict=True)):
        left, height, rects = number * _WIDTH, 0.0, []
        for kind, value in parts:
            if value:
                part = max(value / top * 100, _HAIRLINE)
                height += part
                rects.append(
                    f'<rect {_fill(kind)} x="{left + 0.15:.2f}%" y="{100 - height:.2f}%" '
                    f'width="{_WIDTH - 0.3:.2f}%" height="{part:.2f}%"/>'
                )
        drawn.append(_minute(left, title, "".join(rects)))
    return _drawing("".join(drawn), ticks, label)


def steps(
    lines: Sequence[tuple[Kind, Sequence[float | None]]],
    titles: Sequence[str],
    ticks: Sequence[Tick],
    label: str,
) -> str:
    """Return the SVG of a step chart. Each line has one height for each minute.

    Args:
        lines: Kind and heights of each line, from 0 to 1. None leaves a gap.
        titles: Tooltip of each minute.
        ticks: Grid lines.
        label: Text alternative for screen readers.
    """
    paths = "".join(f'<path class="{kind}" d="{_path(shares)}"/>' for kind, shares in lines)
    inner = (
        f'<svg viewBox="0 0 {MINUTES} 100" preserveAspectRatio="none" width="100%" '
        f'height="100%">{paths}</svg>'
    )
    minutes = "".join(_minute(number * _WIDTH, title) for number, title in enumerate(titles))
    return _drawing(inner + minutes, ticks, label)


def figure(
    title: str,
    text: str,
    drawing: str,
    ticks: Sequence[Tick],
    first: int,
    legend: Sequence[tuple[Kind, str]],
    empty: str = "",
) -> str:
    """Return the HTML of a figure: heading, summary, chart, labels and legend.

    Args:
        title: The heading.
        text: HTML of the summary below the heading.
        drawing: The SVG that `bars` or `steps` returned.
        ticks: The grid lines of the chart.
        first: The oldest minute, in minutes since the epoch.
        legend: Kind and name of each series.
        empty: Text to show over a chart without data. An empty string shows none.
    """
    heights = "".join(
        f'<span style="bottom:{tick.share * 100:.2f}%">{shown(tick.label)}</span>' for tick in ticks
    )
    times = "".join(
        f'<span style="left:{(number + 0.5) * _WIDTH:.2f}%">{clock(first + number)}</span>'
        for number in (*range(MINUTES - 1, 0, -15), 0)
    )
    named = "".join(f"<li>{_sample(kind)}{shown(name)}</li>" for kind, name in legend)
    nothing = f'<p class="nothing"><span>{shown(empty)}</span></p>' if empty else ""
    return (
        f'<figure class="card"><figcaption><h3>{shown(title)}</h3><p>{text}</p></figcaption>'
        f'<div class="plot"><div class="heights" aria-hidden="true">{heights}</div><div '
        f'class="drawn">{drawing}{nothing}</div>'
        f'<div class="times" aria-hidden="true">{times}</div></div>'
        + (f'<ul class="legend">{named}</ul>' if named else "")
        + "</figure>"
    )


def _drawing(inner: str, ticks: Sequence[Tick], label: str) -> str:
    lines = "".join(
        f'<line class="grid" x1="0" x2="100%" y1="{(1 - tick.share) * 100:.2f}%" '
        f'y2="{(1 - tick.share) * 100:.2f}%"/>'
        for tick in ticks
    )
    return f'<svg class="chart" role="img" aria-label="{shown(label)}">{lines}{inner}</svg>'


def _minute(left: float, title: str, inner: str = "") -> str:
    area = f'<rect class="area" x="{left:.2f}%" y="0" width="{_WIDTH:.2f}%" height="100%"/>'
    under_way = ' class="now"' if left > 100 - 1.5 * _WIDTH else ""
    return f"<g{under_way}><title>{shown(title)}</title>{area}{inner}</g>" if title else inner


def _path(shares: Sequence[float | None]) -> str:
    drawn, before = [], False
    for number, share in enumerate(shares):
        if share is None:
            before = False
            continue
        height = f"{(1 - share) * 100:.2f}"
        drawn.append(f"V{height}H{number + 1}" if before else f"M{number} {height}H{number + 1}")
        before = True
    return "".join(drawn)


def _fill(kind: Kind) -> str:
    return f'fill="url(#{kind})"' if kind in _PATTERNED else f'class="{kind}"'


def _sample(kind: Kind) -> str:
    if kind.startswith("p") or kind == "ratio":
        return f'<svg class="sample" aria-hidden="true"><path class="{kind}" d="M0 7H26"/></svg>'
    return (
        f'<svg class="sample" aria-hidden="true"><rect {_fill(kind)} width="26" height="14" '
        f'rx="3"/></svg>'
    )
