"""Path patterns: segments, at most one `<path:…>`, with or without a trailing slash."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from iiniit_guard.rules.language import Item, within
from iiniit_guard.rules.segment import Segment, Variable, make_segment, segment_within
from iiniit_guard.rules.segment_part import Placeholder
from iiniit_guard.rules.target import is_ambiguous

# Werkzeug's grammar of a variable.
_VARIABLE: Final = re.compile(r"<(?:([A-Za-z_]\w*)(?:\(([^<>]*)\))?:)?[A-Za-z_]\w*>", re.ASCII)
_HINTS: Final = {
    "{": "a variable is written <name>, not {name}",
    "*": "a subtree is written <path:name>, not *",
    "?": "a path has no query",
    "#": "a path has no fragment",
    "<": "a variable is written <name> or <converter:name>",
    ">": "a variable is written <name> or <converter:name>",
}


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A parsed path pattern.

    Attributes:
        head: The segments before `<path:…>`, or all of them.
        deep: Whether `<path:…>`, one or more segments, follows them.
        tail: The segments after it.
        slash: Whether the pattern ends in a slash.
        text: The pattern as written.
    """

    head: tuple[Segment, ...]
    deep: bool
    tail: tuple[Segment, ...]
    slash: bool
    text: str = field(compare=False)

    @property
    def segments(self) -> tuple[tuple[Segment, ...], bool, tuple[Segment, ...]]:
        """The pattern without its trailing slash."""
        return self.head, self.deep, self.tail

    @property
    def items(self) -> tuple[Item[Segment | None], ...]:
        """The segments as a sequence; None matches any segment."""
        anything: tuple[Item[Segment | None], ...] = (
            ((None, False), (None, True)) if self.deep else ()
        )
        return (
            *[(segment, False) for segment in self.head],
            *anything,
            *[(segment, False) for segment in self.tail],
        )

    @property
    def plain_path(self) -> str | None:
        """The path that matches, if exactly one path does; otherwise None."""
        return (
            None
            if self.deep or not all(isinstance(segment, str) for segment in self.head)
            else self.text
        )

    def is_narrower(self, other: PathPattern) -> bool:
        """Return whether this pattern certainly takes precedence over `other`.

        Every path of this pattern certainly matches `other`, and every framework tries this pattern
        first.
        """
        if self.segments == other.segments:
            # Only the trailing slash differs, which Flask with strict_slashes=False sometimes
            # ignores.
            return False
        place = len(other.head)
        if other.tail and isinstance(next(iter(self.head[place:]), None), Variable):
            return False  # Flask tries <path:a>/b before <a>/b
        return within(self.items, other.items, segment_within)

    def overlap(self, other: PathPattern) -> tuple[Segment, ...] | None:
        """Return the segments of the pattern that matches exactly the paths that both match.

        None if no single pattern does.
        """
        length = (
            max(len(one.head) + len(one.tail) for one in (self, other) if not one.deep)
            if not (self.deep and other.deep)
            else 0
        )
        both = []
        for one, another in zip(self._spread(length), other._spread(length), strict=True):
            if segment_within(one, another) and one is not None:
                both.append(one)
            elif segment_within(another, one) and another is not None:
                both.append(another)
            else:
                return None
        return tuple(both) or None

    def _spread(self, length: int) -> tuple[Segment | None, ...]:
        return (
            (*self.head, *[None] * (length - len(self.head) - len(self.tail)), *self.tail)
            if length
            else ()
        )


def parse_pattern(text: str) -> PathPattern:
    """Parse a pattern in Werkzeug's syntax.

    Raises:
        ValueError: With the fault of the pattern.
    """
    segments: list[list[str | Placeholder]] = [[]]
    place = 0
    for found in _VARIABLE.finditer(text):
        _add_text(segments, text[place : found.start()])
        segments[-1].append(Placeholder(found[1] or "string", found[2] or ""))
        place = found.end()
    _add_text(segments, text[place:])
    if is_ambiguous(_VARIABLE.sub("x", text)):
        raise ValueError(
            "a path must begin with / and be written decoded, without //, . or .. segments, ; and "
            "backslashes"
        )
    slash = not segments[-1]
    return _arrange(segments[1 : -1 if slash else None], slash, text)


def _add_text(segments: list[list[str | Placeholder]], text: str) -> None:
    for character, hint in _HINTS.items():
        if character in text:
            raise ValueError(hint)
    first, *others = text.split("/")
    if first:
        segments[-1].append(first)
    segments.extend([[other] if other else [] for other in others])


def _arrange(
    segments: Sequence[Sequence[str | Placeholder]], slash: bool, text: str
) -> PathPattern:
    deep = [
        place
        for place, pieces in enumerate(segments)
        if any(isinstance(piece, Placeholder) and piece.converter == "path" for piece in pieces)
    ]
    if not deep:
        return PathPattern(tuple(map(make_segment, segments)), False, (), slash, text)
    # With two of them in one pattern, the number of possible matches would be the square of the
    # number of segments, which the client chooses.
    if len(deep) > 1 or list(segments[deep[0]]) != [Placeholder("path")]:
        raise ValueError(
            "<path:name> stands once in a path, alone between slashes and without arguments"
        )
    head, tail = segments[: deep[0]], segments[deep[0] + 1 :]
    return PathPattern(
        tuple(map(make_segment, head)), True, tuple(map(make_segment, tail)), slash, text
    )
