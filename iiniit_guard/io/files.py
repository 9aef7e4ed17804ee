"""Reading of key files and secrets."""

from __future__ import annotations

import stat
from pathlib import Path

from iiniit_guard.core.model.flow import MAX_BODY_BYTES, Unreachable


def read_file(path: str) -> bytes | Unreachable:
    """Read a file of at most 1 MiB.

    Returns:
        Its content. `Unreachable` if it is missing, larger or not a regular file: opening a pipe
        could block forever.
    """
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            return Unreachable("file", f"not a regular file: {path}")
        with Path(path).open("rb") as opened:
            content = opened.read(MAX_BODY_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        return Unreachable("file", f"{type(error).__name__}: {path}")
    return content if len(content) <= MAX_BODY_BYTES else Unreachable("file", f"over 1 MiB: {path}")
