"""TOML reader. Errors name a position and never quote the file, as it may hold secrets."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from iiniit_guard.core.model.json_types import JsonObject
from iiniit_guard.errors import SettingsError

_PLACE: Final = re.compile(r"\(at line (\d+), column (\d+)\)$")
_AT_THE_END: Final = "(at end of document)"


def read_toml(path: str | os.PathLike[str]) -> JsonObject:
    """Read a TOML file.

    Args:
        path: For example `guard.toml`.

    Raises:
        SettingsError: The file cannot be read, is not UTF-8 or is not TOML. For invalid TOML the
            message names line and column.
    """
    document = _read(Path(path))
    if isinstance(document, str):
        raise SettingsError([f"{os.fspath(path)}: {document}"])
    return document


def _read(path: Path) -> JsonObject | str:
    """Return the document, or the fault.

    An exception raised here would have the content of the file in its context and in its frame.
    """
    import tomllib

    try:
        text = path.read_text("utf-8")
    except OSError as error:
        return error.strerror or type(error).__name__
    except UnicodeDecodeError as error:
        return f"line {error.object.count(10, 0, error.start) + 1}: not UTF-8"
    try:
        return tomllib.loads(text)
    except ValueError as error:
        return f"{_place(str(error), text)}not TOML"


def _place(message: str, text: str) -> str:
    """Return line and column from the message of tomllib.

    The result is empty for a number of thousands of digits, whose message has neither.
    """
    found = _PLACE.search(message)
    if found is not None:
        return f"line {found[1]}, column {found[2]}: "
    if not message.endswith(_AT_THE_END):
        return ""
    lines = text.split("\n")
    return f"line {len(lines)}, column {len(lines[-1]) + 1}: "
