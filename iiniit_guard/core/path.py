"""What two readers of one path could read differently."""

from __future__ import annotations

from typing import Final

# What one reader drops, cuts off or replaces and another does not: control characters (C1 too), backslash, path parameters, U+FFFD and lone
# surrogates (what invalid UTF-8 became).
AMBIGUOUS_CHARACTERS: Final = r"\x00-\x1f\x7f-\x9f\\;\ufffd\ud800-\udfff"
"""For a character class of a regular expression."""

AMBIGUOUS_SEGMENTS: Final = r"//|/\.\.?(?:/|\Z)"
"""Empty ones and dots, which some merge or resolve; a regular expression."""
