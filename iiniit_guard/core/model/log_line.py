"""Lines of the logger `iiniit_guard` that are written during a decision."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Final

_log: Final = logging.getLogger("iiniit_guard")


def write_line(level: int, line: str, *parts: object) -> None:
    """Log a line. An exception of the log does not change the decision.

    A filter or a handler of the application may raise one.

    Args:
        level: A level of `logging`.
        line: The format of the line.
        parts: The values in the line.
    """
    with suppress(Exception):
        _log.log(level, line, *parts)
