"""Draw docs/images/architecture.svg from the code: `python -m tests.quality.architecture`.

The left half shows the layers of the `layers` contract in pyproject.toml and the imports between
them. The right half lists the files of the package that a cached and a cold request enter, in the
order of their first call. The picture has colours for light and for dark pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

from tests.quality.architecture.floors import (
    ROOT,
    floors_by_imports,
    floors_of_package,
    imports_between,
)
from tests.quality.architecture.traced import Visit, trace

PICTURE: Final = ROOT / "docs" / "images" / "architecture.svg"

_WIDTH: Final = 980
_ROW: Final = 28
_STEP: Final = 18
_CELL: Final = 16
_MATRIX: Final = 300
_REQUESTS: Final = 540

# The last entry is for each layer that the table does not name: the adapters and those above.
_GROUPS: Final = {
    "core": ("core", "errors"),
    "io": ("io", "rules"),
    "engine": ("engine", "guard"),
    "adapters": (),
}
_STYLE: Final = """
svg { font: 12px system-ui, sans-serif }
.page { fill: #ffffff; stroke: #d0d7de }
text { fill: #24292f }
.head { font-weight: 600; font-size: 14px }
.note { fill: #57606a; font-size: 11px }
.code { font-family: ui-monospace, monospace; font-size: 11px }
.path { fill: none; stroke: #8c959f }
.cell { fill: none; stroke: #d0d7de }
.core { fill: #8250df } .io { fill: #1a7f37 } .engine { fill: #bc4c00 } .adapters { fill: #0969da }
.box { fill-opacity: 0.14; stroke-opacity: 0.5 }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117; stroke: #30363d }
text { fill: #e6edf3 }
.note { fill: #9198a1 }
.path { stroke: #656c76 }
.cell { stroke: #30363d }
.core { fill: #ab7df8 } .io { fill: #3fb950 } .engine { fill: #db6d28 } .adapters { fill: #4493f8 }
.box { fill-opacity: 0.25 }
}"""
_LEGEND: Final = (
    "A dot: a module in the layer of the row imports one in the layer of the column.",
    "On the right: the files that a request enters, in the order of the first call,",
    "each with the function that is called. The colours are those of the layers.",
    "The guard of this picture calls an in-memory issuer and not the network.",
)


def draw(
    floors: Sequence[Sequence[str]],
    imports: Mapping[str, set[str]],
    core: Mapping[str, set[str]],
    visits: Mapping[str, Sequence[Visit]],
) -> str:
    """Return the picture as SVG."""
    parts: list[str] = []
    y = _stack(parts, 34, "The layers of iiniit_guard", floors, imports)
    y = _stack(
        parts, y + 44, "The layers of iiniit_guard/core", floors_by_imports(core), core, "core"
    )
    for line in _LEGEND:
        y += _STEP
        parts.append(_text(20, y + 6, line, "note"))
    left = y
    y = _request(parts, 34, "A request whose token is cached", visits["cached"])
    y = _request(parts, y + 40, "The first JWT of an issuer (cold)", visits["cold"])
    height = max(left, y) + 28
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        "<title>The layers of iiniit_guard, and two requests through them</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="page" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="8"/>',
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _stack(
    parts: list[str],
    y: int,
    title: str,
    floors: Sequence[Sequence[str]],
    imports: Mapping[str, set[str]],
    group: str | None = None,
) -> int:
    """Draw layers, one below the other, with a matrix of their imports. Return the lower end."""
    parts.append(_text(20, y, title, "head"))
    y += 22
    parts += [
        _text(_MATRIX + column * _CELL + _CELL // 2, y, str(column + 1), "note", "middle")
        for column in range(len(floors))
    ]
    y += 6
    for number, floor in enumerate(floors):
        middle = y + _ROW // 2
        parts.append(_text(34, middle + 4, str(number + 1), "note", "end"))
        total = sum(len(name) + 4 for name in floor)
        x = 42.0
        for name in floor:
            width = (_MATRIX - 52) * (len(name) + 4) / total
            kind = group or _group(name)
            parts.append(_rect(f"box {kind}", x, y + 2, width - 4, _ROW - 4, 4))
            parts.append(_text(x + width / 2 - 2, middle + 4, name, "code", "middle"))
            x += width
        reached = set[str]().union(*(imports[name] for name in floor))
        for column, other in enumerate(floors):
            across = _MATRIX + column * _CELL
            parts.append(_rect("cell", across, middle - _CELL // 2, _CELL, _CELL))
            if reached & set(other):
                parts.append(_dot(group or _group(other[0]), across + _CELL // 2, middle))
        y += _ROW
    return y


def _request(parts: list[str], y: int, title: str, visits: Iterable[Visit]) -> int:
    """Draw the files that one request enters. Return the lower end."""
    rows = list(visits)
    parts.append(_text(_REQUESTS, y, f"{title}: {len(rows)} files", "head"))
    y += 10
    columns = list(reversed(_GROUPS))
    points = []
    marks = []
    for visit in rows:
        y += _STEP
        kind = _group(visit.file.partition("/")[0].removesuffix(".py"))
        x = _REQUESTS + 8 + columns.index(kind) * 16
        points.append(f"{x},{y - 4}")
        marks.append(_dot(kind, x, y - 4))
        marks.append(_text(_REQUESTS + 76, y, visit.file, "code"))
        marks.append(_text(_WIDTH - 20, y, visit.function, "code note", "end"))
    parts.append(f'<polyline class="path" points="{" ".join(points)}"/>')
    parts += marks
    return y


def _group(floor: str) -> str:
    return next((group for group, names in _GROUPS.items() if floor in names), "adapters")


def _rect(kind: str, x: float, y: float, width: float, height: float, radius: int = 0) -> str:
    size = f'width="{width:.1f}" height="{height:g}"'
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:g}" {size} rx="{radius}"/>'


def _dot(kind: str, x: int, y: int) -> str:
    return f'<circle class="{kind}" cx="{x}" cy="{y}" r="4.5"/>'


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'


def picture() -> str:
    """Return the picture of the code as it is."""
    return draw(
        floors_of_package(),
        imports_between("iiniit_guard"),
        imports_between("iiniit_guard.core"),
        trace(),
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
