"""Characters and segments of a path that two readers may interpret differently."""

from __future__ import annotations

import re
from typing import Final

# Some readers drop, cut off or replace these: control characters (C1 too), backslashes, path
# parameters, U+FFFD and lone surrogates (which invalid UTF-8 became).
_CHARACTERS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\\;\ufffd\ud800-\udfff]")
_ASCII_CHARACTERS: Final = bytes((*range(0x20), 0x7F)) + b"\\;"
_DOT_SEGMENT: Final = re.compile(r"/\.\.?(?:/|\Z)")


def is_ambiguous_text(path: str) -> bool:
    """Return whether a decoded path has characters or segments that some readers change.

    Such readers drop, merge or resolve them. The client chooses the length of the path, so each
    step is one pass in C. A single regular expression for all steps takes ten times as long.
    """
    if path.isascii():
        if len(path.encode().translate(None, _ASCII_CHARACTERS)) != len(path):
            return True
    elif _CHARACTERS.search(path) is not None:
        return True
    return has_ambiguous_segments(path)


def has_ambiguous_segments(path: str) -> bool:
    """Return whether a path has an empty segment before its end, `.` or `..`.

    Some readers merge or resolve these segments.
    """
    return "//" in path or _DOT_SEGMENT.search(path) is not None
