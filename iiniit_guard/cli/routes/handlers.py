"""The location of a handler in the source code."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any, Final

from iiniit_guard.adapting.handlers import original_of

DECORATOR: Final = "decorator"


def place_of(handler: Any) -> str:
    """Return the file and the line of a handler, relative to the working directory if it is below.

    Empty if they are unknown, as for a function in C.
    """
    original = original_of(handler)
    try:
        file, line = inspect.getsourcefile(original), inspect.getsourcelines(original)[1]
    except (OSError, TypeError):
        return ""
    return f"{_short(Path(file or ''))}:{line}"


def _short(path: Path) -> Path:
    """Return a path relative to the working directory, or to the directory of its import."""
    # The longest directory is the right one: a virtual environment may be in the working directory.
    places = {Path.cwd(), *(Path(place) for place in sys.path if place)}
    below = [place for place in places if path.is_relative_to(place)]
    return path.relative_to(max(below, key=_depth)) if below else path


def _depth(path: Path) -> int:
    return len(path.parts)
