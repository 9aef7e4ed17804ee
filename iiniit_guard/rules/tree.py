"""All path patterns in one tree. The time of a search depends on the path, not on the rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from iiniit_guard.rules.pattern import PathPattern
from iiniit_guard.rules.segment import (
    EXACT,
    NO_FIT,
    Segment,
    Variable,
    segment_within,
    segments_meet,
)

T = TypeVar("T")

# Bits of doubt, besides those of a segment: frameworks differ on a trailing slash, and on whether
# `<path:…>` may be empty (in Starlette it may).
SLASH: Final = 1
EMPTY: Final = 2


@dataclass(slots=True, eq=False)
class _Node(Generic[T]):
    plain: dict[str, _Node[T]] = field(default_factory=dict)
    variables: dict[Variable, _Node[T]] = field(default_factory=dict)
    by_affixes: dict[
        tuple[int, int], dict[tuple[str, str], list[tuple[int, Variable, _Node[T]]]]
    ] = field(default_factory=dict)
    # After <path:…>, by the number of segments that follow it.
    deep: dict[int, _Node[T]] = field(default_factory=dict)
    ends: dict[bool, T] = field(default_factory=dict)  # by the trailing slash
    open_ended: bool = False  # <path:…> is last: the trailing slash may belong to it

    @property
    def is_leaf(self) -> bool:
        return not (self.plain or self.variables or self.deep)

    def candidates(self, text: str) -> list[tuple[int, Variable, _Node[T]]]:
        """Return the variables whose fixed first and last characters are those of `text`.

        With a thousand `/<id>:verb` patterns, this avoids trying all of them.
        """
        found: list[tuple[int, Variable, _Node[T]]] = []
        for (first, last), choices in self.by_affixes.items():
            found.extend(choices.get((text[:first], text[len(text) - last :]), ()))
        return found if len(self.by_affixes) < 2 else sorted(found, key=_place)


class Tree(Generic[T]):
    """A value for each pattern, found by path, the most specific first.

    Earlier segments count more than later ones. In each segment, text precedes variables, narrower
    variables precede wider ones, and all of them precede `<path:…>`.
    """

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, pattern: PathPattern, value: T) -> T:
        """Store `value` for a pattern and return it, or return the value of an equal pattern."""
        node = self._descend(self._root, pattern.head)
        if pattern.deep:
            node = self._descend(node.deep.setdefault(len(pattern.tail), _Node()), pattern.tail)
            node.open_ended = not pattern.tail
        return node.ends.setdefault(pattern.slash, value)

    @staticmethod
    def _descend(node: _Node[T], segments: tuple[Segment, ...]) -> _Node[T]:
        for segment in segments:
            node = (
                node.plain.setdefault(segment, _Node())
                if isinstance(segment, str)
                else node.variables.setdefault(segment, _Node())
            )
        return node

    def sort(self) -> None:
        """Sort the variables, the most specific first. Called once, after the last `add`."""
        todo = [self._root]
        while todo:
            node = todo.pop()
            variables = list(node.variables)
            # A variable that lies within another one has more variables around it, for any weights
            # of the converters.
            around = {
                one: sum(
                    segments_meet(one, other) and segment_within(one, other) for other in variables
                )
                for one in variables
            }
            variables.sort(key=lambda one: (-around[one], -one.literals, one.weight, one.text))
            node.variables = {variable: node.variables[variable] for variable in variables}
            for place, (variable, child) in enumerate(node.variables.items()):
                lengths = len(variable.affixes[0]), len(variable.affixes[1])
                node.by_affixes.setdefault(lengths, {}).setdefault(variable.affixes, []).append(
                    (place, variable, child)
                )
            node.deep = {length: node.deep[length] for length in sorted(node.deep, reverse=True)}
            todo.extend((*node.plain.values(), *node.variables.values(), *node.deep.values()))

    def find(self, path: str) -> Iterator[tuple[T, int]]:
        """Return the value of every pattern that `path` might match, with the doubts.

        The most specific pattern comes first. `path` is decoded and unambiguous.
        """
        segments = path.split("/")[1:]
        slash = segments[-1] == ""
        if slash:
            segments.pop()
        return self._find(self._root, segments, 0, slash, EXACT)

    def _find(
        self, node: _Node[T], segments: list[str], place: int, slash: bool, doubts: int
    ) -> Iterator[tuple[T, int]]:
        rest = len(segments) - place
        if not rest:
            yield from _ends(node, slash, doubts)
            if slash and 0 in node.deep and False in node.deep[0].ends:
                yield node.deep[0].ends[False], doubts | EMPTY
            return
        text = segments[place]
        child = node.plain.get(text)
        if child is not None:
            yield from self._find(child, segments, place + 1, slash, doubts)
        for _, variable, child in node.candidates(text):
            fit = variable.fit(text)
            if fit != NO_FIT:
                yield from self._find(child, segments, place + 1, slash, doubts | fit)
        for length, child in node.deep.items():
            if rest > length:
                yield from self._find(child, segments, len(segments) - length, slash, doubts)

    def overlapping(self, pattern: PathPattern) -> list[T]:
        """Return the value of every pattern that has a path in common with this one.

        The trailing slash is ignored.
        """
        items = pattern.items
        wanted = [
            sum(not repeated for _, repeated in items[place:]) for place in range(len(items) + 1)
        ]
        found: list[T] = []
        seen: set[tuple[_Node[T], int, bool]] = set()
        # Node, place in items, whether the node's <path:…> may match more.
        todo = [(self._root, 0, False)]
        while todo:
            state = node, place, loop = todo.pop()
            if state in seen:
                continue
            seen.add(state)
            if place == len(items):
                found.extend(node.ends.values())
                continue
            segment, repeated = items[place]
            if repeated:
                todo.append((node, place + 1, loop))
            after = place if repeated else place + 1
            if loop:
                todo.append((node, after, True))
            todo.extend((child, after, True) for child in node.deep.values())
            # Skip a node without children that cannot match the remaining segments. Otherwise a
            # thousand <path:…>/x patterns would take a million steps.
            todo.extend(
                (child, after, False)
                for child in _children(node, segment)
                if not wanted[after] or not child.is_leaf
            )
        return list({id(value): value for value in found}.values())


def _place(candidate: tuple[int, object, object]) -> int:
    return candidate[0]


def _ends(node: _Node[T], slash: bool, doubts: int) -> Iterator[tuple[T, int]]:
    if slash in node.ends:
        yield node.ends[slash], doubts
    if (not slash) in node.ends:
        yield node.ends[not slash], doubts if node.open_ended and slash else doubts | SLASH


def _children(node: _Node[T], segment: Segment | None) -> list[_Node[T]]:
    texts = [node.plain[segment]] if isinstance(segment, str) and segment in node.plain else []
    if segment is None:
        return [*node.plain.values(), *node.variables.values()]
    if not isinstance(segment, str):
        texts = [child for text, child in node.plain.items() if segments_meet(text, segment)]
    return texts + [
        child for variable, child in node.variables.items() if segments_meet(variable, segment)
    ]
