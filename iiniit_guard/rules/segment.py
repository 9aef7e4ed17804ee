"""One segment of a path pattern: plain text, or text with variables under Werkzeug's converters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from math import comb
from typing import TYPE_CHECKING, Final

from iiniit_guard.rules.language import meet, within
from iiniit_guard.rules.segment_part import (
    ANY_TEXT,
    Part,
    Placeholder,
    Shape,
    literal_part,
    variable_part,
)

if TYPE_CHECKING:
    from werkzeug.routing import BaseConverter

# Bits of doubt: why a framework might not match a path. Only Flask's `int` accepts Unicode digits.
EXACT: Final = 0
NO_FIT: Final = -1
_DOUBTS: Final = {"int": 4, "float": 8, "uuid": 16}
_OTHER_DOUBT: Final = 32
TOO_LONG: Final = 64
"""The segment was not matched, because matching would take too many steps."""

# A regular expression tries all splits of a segment with several variables. The path of the client
# determines how many there are.
_LONGEST: Final = 255
_MOST_SPLITS: Final = comb(_LONGEST, 2)


_STRING: Final = Placeholder()


@dataclass(frozen=True, slots=True)
class Variable:
    """A segment that matches more than one text.

    Attributes:
        text: Its pattern without variable names, which identifies it.
        literals: How many of its characters are fixed.
        weight: Specificity by its converters; smaller is more specific.
        words: All texts that match, if they are few; None otherwise.
        shape: Its characters.
        plain: Whether every text of `shape` matches.
        affixes: Its fixed first and last characters.
        _takes_all: Whether every segment except the empty one matches.
        _glob: Each of several variables, as its minimum length and the text after it; empty for a
            single variable.
        _longest: The maximum length for matching several variables by regular expression; None if
            `_glob` is sufficient.
    """

    text: str
    literals: int = field(compare=False)
    weight: int = field(compare=False)
    words: frozenset[str] | None = field(compare=False)
    shape: Shape = field(compare=False)
    plain: bool = field(compare=False)
    affixes: tuple[str, str] = field(compare=False)
    _takes_all: bool = field(compare=False)
    _glob: tuple[tuple[int, str], ...] = field(compare=False)
    _longest: int | None = field(compare=False)
    _strict: re.Pattern[str] = field(compare=False)
    _loose: re.Pattern[str] = field(compare=False)
    _converters: tuple[BaseConverter | None, ...] = field(compare=False)
    _doubts: int = field(compare=False)

    def fit(self, text: str) -> int:
        """Match one decoded segment.

        Returns:
            `EXACT`, `NO_FIT`, or the bits that name why frameworks may match it differently.
            `TOO_LONG` is never combined with other bits.
        """
        if self._takes_all:
            return EXACT if text else NO_FIT
        if self._glob:
            if not self._globs(text):
                return NO_FIT
            if self._longest is None:
                return EXACT
            if len(text) > self._longest:
                return TOO_LONG
        found = self._strict.fullmatch(text)
        if found is not None:
            try:
                for converter, value in zip(self._converters, found.groups(), strict=True):
                    if converter is not None:
                        converter.to_python(value)
            except ValueError:  # out of the converter's range, or more digits than int() accepts
                return self._doubts
            return EXACT
        return NO_FIT if self._loose.fullmatch(text) is None else self._doubts

    def _globs(self, text: str) -> bool:
        """Return whether `text` has the fixed texts in order, with space for each variable.

        The first position that fits leaves the most characters to the rest, so no position is tried
        twice.
        """
        first, last = self.affixes
        place = len(first)
        for least, behind in self._glob[:-1]:
            place = text.find(behind, place + least)
            if place < 0:
                return False
            place += len(behind)
        return (
            text.startswith(first)
            and text.endswith(last)
            and len(text) - len(last) >= place + self._glob[-1][0]
        )


Segment = str | Variable


def make_segment(pieces: Sequence[str | Placeholder]) -> Segment:
    """Return one segment of a pattern.

    Raises:
        ValueError: A converter or its arguments are unknown to Werkzeug.
    """
    parts = [
        literal_part(piece) if isinstance(piece, str) else variable_part(piece) for piece in pieces
    ]
    names = [piece.converter for piece in pieces if isinstance(piece, Placeholder)]
    if not names:
        return "".join(part.text for part in parts)
    doubts = 0
    for name in names:
        doubts |= _DOUBTS.get(name, _OTHER_DOUBT)
    choices = [part.words for part in parts]
    return Variable(
        text="".join(part.text for part in parts),
        literals=sum(len(piece) for piece in pieces if isinstance(piece, str)),
        weight=max(part.weight for part in parts),
        words=None if None in choices else frozenset(map("".join, product(*filter(None, choices)))),
        shape=tuple(item for part in parts for item in part.shape),
        plain=all(part.plain for part in parts),
        affixes=(
            pieces[0] if isinstance(pieces[0], str) else "",
            pieces[-1] if isinstance(pieces[-1], str) else "",
        ),
        _takes_all=list(pieces) == [_STRING],
        _glob=_glob(pieces) if len(names) > 1 else (),
        _longest=None
        if all(isinstance(piece, str) or piece == _STRING for piece in pieces)
        else _longest(pieces, parts),
        _strict=re.compile("".join(part.strict for part in parts), re.ASCII),
        _loose=re.compile("".join(part.loose for part in parts)),
        _converters=tuple(
            part.converter
            for part, piece in zip(parts, pieces, strict=True)
            if isinstance(piece, Placeholder)
        ),
        _doubts=doubts,
    )


def segments_meet(left: Segment, right: Segment) -> bool:
    """Return whether some text matches both segments."""
    if isinstance(left, str):
        return left == right if isinstance(right, str) else right.fit(left) == EXACT
    if isinstance(right, str):
        return left.fit(right) == EXACT
    for one, other in ((left, right), (right, left)):
        if one.words is not None:
            return any(other.fit(word) == EXACT for word in one.words)
    (first, last), (other_first, other_last) = left.affixes, right.affixes
    if not (first.startswith(other_first) or other_first.startswith(first)) or not (
        last.endswith(other_last) or other_last.endswith(last)
    ):
        return False
    return meet(
        left.shape,
        right.shape,
        lambda one, other: one is None or other is None or not one.isdisjoint(other),
    )


def segment_within(inner: Segment | None, outer: Segment | None) -> bool:
    """Return whether every text that matches `inner` certainly matches `outer`.

    None matches every text.
    """
    if outer is None or inner == outer:
        return True
    if inner is None:
        return isinstance(outer, Variable) and outer.plain and outer.shape == ANY_TEXT
    if isinstance(outer, str):
        return False
    words = (inner,) if isinstance(inner, str) else inner.words
    if words is not None:
        return all(outer.fit(word) == EXACT for word in words)
    if not outer.plain or isinstance(inner, str):
        return False
    return within(
        inner.shape,
        outer.shape,
        lambda one, other: other is None or (one is not None and one <= other),
    )


def _glob(pieces: Sequence[str | Placeholder]) -> tuple[tuple[int, str], ...]:
    """Return each of several variables, as its minimum length and the text after it."""
    following = [*pieces[1:], ""]
    return tuple(
        (int(piece == _STRING), text if isinstance(text, str) else "")
        for piece, text in zip(pieces, following, strict=True)
        if isinstance(piece, Placeholder)
    )


def _longest(pieces: Sequence[str | Placeholder], parts: Sequence[Part]) -> int:
    """Return the maximum length of a segment for which all ways to split it can be tried."""
    free = sum(
        isinstance(piece, Placeholder)
        and (
            isinstance(behind, Placeholder)
            or any(characters is None or behind[0] in characters for characters, _ in part.shape)
        )
        for piece, part, behind in zip(pieces, parts, pieces[1:], strict=False)
    )
    return next(length for length in range(_LONGEST, 0, -1) if comb(length, free) <= _MOST_SPLITS)
