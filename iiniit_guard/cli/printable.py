"""Text that cannot control a terminal, and fits into it."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import Final

_LEAST_COLUMNS: Final = 40


def printable(text: str) -> str:
    """Return `text` with an escape in place of each character that is not printable.

    Subjects, key names and header fields come from users and servers. None of them can control the
    terminal, or imitate another line of the output.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def folded(text: str, indent: int) -> str:
    """Return one line of text as lines that fit into the terminal.

    Output that goes to a file or to another program stays one line.

    Args:
        text: One line, without styles.
        indent: How many spaces every line but the first begins with.
    """
    if fits(text):
        return text
    width = max(shutil.get_terminal_size().columns, indent + _LEAST_COLUMNS)
    lines = textwrap.wrap(text, width, subsequent_indent=" " * indent, break_on_hyphens=False)
    return "\n".join(lines)


def fits(text: str) -> bool:
    """Return whether a line fits into the terminal. Without a terminal, every line does."""
    return not sys.stdout.isatty() or len(text) <= shutil.get_terminal_size().columns
