"""Limits on a message that are checked before its JSON is parsed.

The parser holds the interpreter lock, so other tasks and threads wait until it ends. Parsing a
member, an object or an array takes as long as parsing several hundred bytes of text. The time for
an integer grows with the square of the number of its digits.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

MAX_VALUES: Final = 20_000
"""The default limit of the members and items of a message, at all levels."""
MAX_DIGITS: Final = 308
"""The most digits in a row. A longer integer may exceed the range of an IEEE 754 double (RFC 8259
§6)."""
_MARKS: Final = (b",", b"[", b"{")
_TO_ZERO: Final = bytes.maketrans(b"123456789", b"0" * 9)
_TOO_LONG: Final = b"0" * (MAX_DIGITS + 1)


class Excess(Enum):
    """The limit that a message exceeds."""

    VALUES = auto()
    DIGITS = auto()


def find_excess(body: bytes, max_values: int) -> Excess | None:
    """Return the limit that a message exceeds, or None. The time is linear in the length.

    Args:
        body: As received; it need not be JSON.
        max_values: The limit of the members and items, at all levels. An empty object or array
            counts as one.
    """
    # This suffices for most messages. It counts characters in strings too, so it is an upper bound.
    if not _excess(body, max_values):
        return None
    # Remove escaped backslashes first. A backslash that is still before a quote escapes it. If the
    # body is not JSON, the result is right up to the fault, where the parser ends.
    text = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    # A member has two strings at most. Each one costs time and memory below.
    if text.count(b'"') > 4 * (max_values + 1):
        return Excess.VALUES
    return _excess(b" ".join(text.split(b'"')[::2]), max_values)


def _excess(text: bytes, max_values: int) -> Excess | None:
    # One member or item follows each bracket, and one follows each comma.
    if sum(map(text.count, _MARKS)) > max_values:
        return Excess.VALUES
    return Excess.DIGITS if _TOO_LONG in text.translate(_TO_ZERO) else None
