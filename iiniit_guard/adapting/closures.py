"""The objects that a function holds in its closure.

Frameworks keep the function of an application there, and no attribute leads to it.
"""

from __future__ import annotations

from types import CellType


def closure_of(function: object) -> list[object]:
    """Return the objects in the closure of `function`; an empty list if it has none."""
    cells = getattr(function, "__closure__", None) or ()
    # The function that owns a cell may not have set it yet.
    return [cell.cell_contents for cell in cells if cell != CellType()]
