"""Text that cannot control a terminal."""

from __future__ import annotations


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
