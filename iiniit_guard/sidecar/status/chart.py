"""Charts of one hour as inline SVG: no script, and no scaling, so that patterns and lines look alike on a phone and on a desk.

Bars are told apart by patterns and lines by dashes, colours only help. Labels are HTML beside the drawing, in the page's own letters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from iiniit_guard.sidecar.status.formatting import clock, shown
from iiniit_guard.sidecar.status.history import MINUTES

Kind: TypeAlias = str
"""How a series looks: `allow`, `deny`, `unavailable`, `saved`, `calls` (bars), `p50`, `p95`, `p99`, `ratio` (lines)."""

PATTERNS: Final = (
    '<svg width="0" height="0" aria-hidden="true" focusable="false" class="defs"><defs>'
    '<pattern id="deny" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect class="deny-back" width="6" height="6"/><rect class="deny" width="3" height="6"/></pattern>'
    '<pattern id="unavailable" width="5" height="5" patternUnits="userSpaceOnUse">'
    '<rect class="unavailable" width="5" height="5"/><circle class="spot" cx="2.5" cy="2.5" r="1.1"/></pattern>'
    '<pattern id="calls" width="4" height="4" patternUnits="userSpaceOnUse">'
    '<rect class="calls-back" width="4" height="4"/><rect class="calls" width="4" height="2"/></pattern>'
    "</defs></svg>"
)
_PATTERNED: Final = frozenset({"deny", "unavailable", "calls"})
_WIDTH: Final = 100 / MINUTES
_HAIRLINE: Final = 1.2  # per cent of the height: one refusal among thousands must be seen


class Tick(NamedTuple):
    """A line across the drawing: how high, 0 to 1, and its label."""

    share: float
    label: str


def nice_top(most: float) -> float:
    """Give a round number that is not below `most`, so that half of it is round too."""
    if most <= 2:
        return 2.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(factor * power for factor in (1, 2, 4, 6, 8, 10) if factor * power >= most)


def bars(minutes: Sequence[Sequence[tuple[Kind, float]]], titles: Sequence[str], top: float, ticks: Sequence[Tick], label: str) -> str:
    """Draw one stacked bar a minute.

    Args:
        minutes: The parts of each bar from below, as shares of `top` when divided by it.
        titles: What is said about each minute under the pointer.
        top: What reaches the upper edge.
        ticks: Lines across.
        label: The whole in words, for those who do not see it.
    """
    drawn = []
    for number, (parts, title) in enumerate(zip(minutes, titles, strict=True)):
        left, height, rects = number * _WIDTH, 0.0, []
        for kind, value in parts:
            if value:
                part = max(value / top * 100, _HAIRLINE)
                height += part
                rects.append(
                    f'<rect {_fill(kind)} x="{left + 0.15:.2f}%" y="{100 - height:.2f}%" width="{_WIDTH - 0.3:.2f}%" height="{part:.2f}%"/>'
                )
        drawn.append(_minute(left, title, "".join(rects)))
    return _drawing("".join(drawn), ticks, label)


def steps(lines: Sequence[tuple[Kind, Sequence[float | None]]], titles: Sequence[str], ticks: Sequence[Tick], label: str) -> str:
    """Draw lines that keep one height for each minute; a minute without a value is a gap.

    Args:
        lines: Kind and shares of the height, 0 to 1.
        titles: As for `bars`, and so are the next two.
        ticks: Lines across.
        label: The whole in words.
    """
    paths = "".join(f'<path class="{kind}" d="{_path(shares)}"/>' for kind, shares in lines)
    inner = f'<svg viewBox="0 0 {MINUTES} 100" preserveAspectRatio="none" width="100%" height="100%">{paths}</svg>'
    minutes = "".join(_minute(number * _WIDTH, title) for number, title in enumerate(titles))
    return _drawing(inner + minutes, ticks, label)


def figure(
    title: str, said: str, drawing: str, ticks: Sequence[Tick], first: int, legend: Sequence[tuple[Kind, str]], empty: str = ""
) -> str:
    """Put a drawing between its heading, its words and its labels.

    Args:
        title: The heading.
        said: What the drawing shows, in words; HTML.
        drawing: Of `bars` or `steps`.
        ticks: The same as in the drawing.
        first: The oldest minute, since the epoch.
        legend: Kind and name of each series.
        empty: What is written where there is nothing to draw.
    """
    heights = "".join(f'<span style="bottom:{tick.share * 100:.2f}%">{shown(tick.label)}</span>' for tick in ticks)
    times = "".join(
        f'<span style="left:{(number + 0.5) * _WIDTH:.2f}%">{clock(first + number)}</span>' for number in (*range(MINUTES - 1, 0, -15), 0)
    )
    named = "".join(f"<li>{_sample(kind)}{shown(name)}</li>" for kind, name in legend)
    nothing = f'<p class="nothing"><span>{shown(empty)}</span></p>' if empty else ""
    return (
        f'<figure class="card"><figcaption><h3>{shown(title)}</h3><p>{said}</p></figcaption>'
        f'<div class="plot"><div class="heights" aria-hidden="true">{heights}</div><div class="drawn">{drawing}{nothing}</div>'
        f'<div class="times" aria-hidden="true">{times}</div></div>' + (f'<ul class="legend">{named}</ul>' if named else "") + "</figure>"
    )


def _drawing(inner: str, ticks: Sequence[Tick], label: str) -> str:
    lines = "".join(
        f'<line class="grid" x1="0" x2="100%" y1="{(1 - tick.share) * 100:.2f}%" y2="{(1 - tick.share) * 100:.2f}%"/>' for tick in ticks
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
    return f'<svg class="sample" aria-hidden="true"><rect {_fill(kind)} width="26" height="14" rx="3"/></svg>'
