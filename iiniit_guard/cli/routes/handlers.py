"""What handlers have in common in every framework: their name, their place and their methods."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CellType
from typing import Any, Final

from iiniit_guard.adapting.decorator_order import function_of
from iiniit_guard.adapting.decorators import policies_of
from iiniit_guard.core.model.policy import Policy

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
DECORATOR: Final = "decorator"


def name_of(handler: Any) -> str:
    """Return the module and the name of a handler."""
    named = _original(handler)
    named = named if hasattr(named, "__qualname__") else type(named)
    return f"{named.__module__}.{named.__qualname__}"


def place_of(handler: Any) -> str:
    """Return the file and the line of a handler, relative to the working directory if it is below.

    Empty if they are unknown, as for a function in C.
    """
    original = _original(handler)
    original = original if hasattr(original, "__qualname__") else type(original)
    try:
        file, line = inspect.getsourcefile(original), inspect.getsourcelines(original)[1]
    except (OSError, TypeError):
        return ""
    return f"{_short(Path(file or ''))}:{line}"


def closure_of(function: object) -> list[Any]:
    """Return the objects in the closure of a function."""
    cells = getattr(function, "__closure__", None) or ()
    # The function that owns a cell may not have set it yet.
    return [cell.cell_contents for cell in cells if cell != CellType()]


def _short(path: Path) -> Path:
    """Return a path relative to the working directory, or to the directory of its import."""
    # The longest directory is the right one: a virtual environment may be in the working directory.
    places = {Path.cwd(), *(Path(place) for place in sys.path if place)}
    below = [place for place in places if path.is_relative_to(place)]
    return path.relative_to(max(below, key=_depth)) if below else path


def _depth(path: Path) -> int:
    return len(path.parts)


def methods_of_class(owner: Any) -> Iterator[tuple[str, Any, tuple[Policy, ...]]]:
    """Return each HTTP method that a class handles, with its function and the function's policies.

    Args:
        owner: A class whose methods `get`, `post`, … handle requests.
    """
    for method in METHODS:
        function = getattr(owner, method.lower(), None)
        if function is not None:
            yield method, function, policies_of(function)


def _original(handler: Any) -> Any:
    found = function_of(handler)
    return inspect.unwrap(found) if callable(found) else found
