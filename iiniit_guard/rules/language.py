"""Patterns as sequences, of characters or of path segments: whether two have a word in common, whether one holds the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

# One place of a pattern; True: it may be taken any number of times, none included.
Item = tuple[T, bool]


def meet(left: Sequence[Item[T]], right: Sequence[Item[T]], fits: Callable[[T, T], bool]) -> bool:
    """Tell whether some word is in both.

    Args:
        left: One pattern.
        right: The other.
        fits: Whether two places have a value in common.
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


def within(inner: Sequence[Item[T]], outer: Sequence[Item[T]], fits: Callable[[T, T], bool]) -> bool:
    """Tell whether every word of `inner` is certainly in `outer`; False where that is not plain to see.

    Args:
        inner: The narrower pattern.
        outer: The wider one.
        fits: Whether every value of the first place is one of the second's.
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
