"""Patterns as sequences of characters or path segments: intersection and inclusion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

# One position of a pattern. True: it may be repeated any number of times, including zero.
Item = tuple[T, bool]


def meet(left: Sequence[Item[T]], right: Sequence[Item[T]], fits: Callable[[T, T], bool]) -> bool:
    """Return whether some sequence matches both patterns.

    Args:
        left: One pattern.
        right: The other.
        fits: Returns whether two positions have a value in common.
    """
    seen, todo = set(), [(0, 0)]
    while todo:
        state = i, j = todo.pop()
        if state in seen:
            continue
        seen.add(state)
        more_left, more_right = i < len(left), j < len(right)
        if not more_left and not more_right:
            return True
        if more_left and left[i][1]:
            todo.append((i + 1, j))
        if more_right and right[j][1]:
            todo.append((i, j + 1))
        if more_left and more_right and fits(left[i][0], right[j][0]):
            todo.append((i if left[i][1] else i + 1, j if right[j][1] else j + 1))
    return False


def within(
    inner: Sequence[Item[T]], outer: Sequence[Item[T]], fits: Callable[[T, T], bool]
) -> bool:
    """Return whether every sequence of `inner` certainly matches `outer`; False if in doubt.

    Args:
        inner: The narrower pattern.
        outer: The wider pattern.
        fits: Returns whether every value of the first position is a value of the second.
    """
    seen, todo = set(), [(0, 0)]
    while todo:
        state = i, j = todo.pop()
        if state in seen:
            continue
        seen.add(state)
        if j == len(outer):
            if i == len(inner):
                return True
            continue
        repeated = outer[j][1]
        if repeated:
            todo.append((i, j + 1))
        if i < len(inner) and fits(inner[i][0], outer[j][0]) and (repeated or not inner[i][1]):
            todo.append((i + 1, j if repeated else j + 1))
    return False
