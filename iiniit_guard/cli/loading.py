"""Import the object that a command-line argument names as `module:attribute`."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from iiniit_guard.guard import Guard


def load_module(name: str) -> ModuleType:
    """Import a module, which may be in the working directory.

    Raises:
        ClickException: The module does not exist, or a module that it imports is missing.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_module(name)
    except ImportError as error:
        raise click.ClickException(
            f"{name}: the import failed ({error}); run the command in the "
            "directory and in the virtual environment of the application"
        ) from error


def load_object(place: str) -> Any:
    """Return the object at `module:attribute`, or what the factory at `module:function()` returns.

    Raises:
        ClickException: The object does not exist.
    """
    module_name, _, path = place.partition(":")
    found: Any = load_module(module_name)
    if not path:
        return found
    names = path.removesuffix("()")
    for name in names.split("."):
        if not hasattr(found, name):
            raise click.ClickException(f"{place}: {module_name} has no {names}")
        found = getattr(found, name)
    return found() if path.endswith("()") else found


def load_guard(place: str) -> Guard:
    """Return the guard at `module:attribute`.

    Raises:
        ClickException: The object is not a guard.
    """
    found = load_object(place)
    guard = found if isinstance(found, Guard) else getattr(found, "guard", None)
    if not isinstance(guard, Guard):
        raise click.ClickException(f"{place}: must be a Guard, or have one as its attribute guard")
    return guard
