"""Draw docs/images/dashboard.svg from the dashboard: `python -m tests.quality.dashboard`.

The picture shows the panels with their titles, descriptions and queries, and no measurements. A row
of panels is as high as its texts.
"""

from __future__ import annotations

import json
import textwrap
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs/images/dashboard.svg"
COLUMN, GAP, MARGIN = 50, 6, 10
STYLE = (
    "text{font-family:system-ui,sans-serif;fill:#d8d9da;font-size:12px}"
    ".title{font-size:14px;font-weight:600}"
    ".query{font-family:monospace;font-size:10px;fill:#8fbbe8}"
    "rect{fill:#1f2229;stroke:#3a3f4a}.back{fill:#111217;stroke:none}"
)


def draw(dashboard: dict) -> str:
    """Return the picture of a dashboard as SVG."""
    width, top, boxes = 24 * COLUMN, GAP, []
    rows: dict[int, list[dict]] = {}
    for panel in dashboard["panels"]:
        rows.setdefault(panel["gridPos"]["y"], []).append(panel)
    for _, panels in sorted(rows.items()):
        texts = [_lines(panel) for panel in panels]
        high = max(sum(step for _, _, step in lines) for lines in texts) + 2 * MARGIN
        boxes += [
            _box(panel["gridPos"], lines, top, high)
            for panel, lines in zip(panels, texts, strict=True)
        ]
        top += high + GAP
    drawn = "\n".join(boxes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" role="img" '
        f'aria-label="The panels of the dashboard"><style>{STYLE}</style>\n'
        f'<rect class="back" width="{width}" height="{top}"/>\n{drawn}\n</svg>\n'
    )


def _lines(panel: dict) -> list[tuple[str, str, int]]:
    """Return class, text and height of each line."""
    wide = panel["gridPos"]["w"] * COLUMN - 2 * (GAP + MARGIN)
    lines = [("title", panel["title"], 18)]
    lines += [("", line, 16) for line in textwrap.wrap(panel["description"], wide // 7)]
    for target in panel["targets"]:
        query = textwrap.wrap(target["expr"], int(wide / 6.1))
        lines += [("query", line, 14) for line in query]
    return lines


def _box(place: dict, lines: list[tuple[str, str, int]], top: int, high: int) -> str:
    left, wide = place["x"] * COLUMN + GAP, place["w"] * COLUMN - 2 * GAP
    drawn, below = "", top + MARGIN - 4
    for kind, line, step in lines:
        below += step
        drawn += f'<text class="{kind}" x="{left + MARGIN}" y="{below}">{escape(line)}</text>'
    return f'<rect x="{left}" y="{top}" width="{wide}" height="{high}" rx="4"/>{drawn}'


if __name__ == "__main__":
    model = json.loads((ROOT / "examples/observe/dashboard.json").read_text(encoding="utf-8"))
    PICTURE.write_text(draw(model), encoding="utf-8")
