"""Draw docs/images/dashboard.svg from the dashboard: `python -m tests.quality.dashboard`.

The picture shows the panels with their titles, descriptions and queries, and no measurements.
"""

from __future__ import annotations

import json
import textwrap
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs/images/dashboard.svg"
COLUMN, ROW, GAP = 50, 30, 6
STYLE = (
    "text{font-family:system-ui,sans-serif;fill:#d8d9da;font-size:12px}"
    ".title{font-size:14px;font-weight:600}"
    ".query{font-family:monospace;font-size:10px;fill:#8fbbe8}"
    "rect{fill:#1f2229;stroke:#3a3f4a}.back{fill:#111217;stroke:none}"
)


def draw(dashboard: dict) -> str:
    """Return the picture of a dashboard as SVG."""
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    width, height = 24 * COLUMN, ROW * max(place["y"] + place["h"] for place in places)
    boxes = "\n".join(_box(panel) for panel in dashboard["panels"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="The panels of the dashboard"><style>{STYLE}</style>\n'
        f'<rect class="back" width="{width}" height="{height}"/>\n{boxes}\n</svg>\n'
    )


def _box(panel: dict) -> str:
    place = panel["gridPos"]
    left, top = place["x"] * COLUMN + GAP, place["y"] * ROW + GAP
    wide, high = place["w"] * COLUMN - 2 * GAP, place["h"] * ROW - 2 * GAP
    lines = [("title", panel["title"])]
    lines += [("", line) for line in textwrap.wrap(panel["description"], wide // 7)]
    for target in panel["targets"]:
        lines += [("query", line) for line in textwrap.wrap(target["expr"], wide // 7)]
    text = "".join(
        f'<text class="{kind}" x="{left + 10}" y="{top + 22 + 16 * number}">{escape(line)}</text>'
        for number, (kind, line) in enumerate(lines)
    )
    return f'<rect x="{left}" y="{top}" width="{wide}" height="{high}" rx="4"/>{text}'


if __name__ == "__main__":
    model = json.loads((ROOT / "examples/observe/dashboard.json").read_text(encoding="utf-8"))
    PICTURE.write_text(draw(model), encoding="utf-8")
