"""Objects that a copy shares: what an application finds in its scope or environ, and may copy with it."""

from __future__ import annotations

from typing import Self


class CopiedAsItself:
    """A base for objects that `copy.copy` and `copy.deepcopy` return as they are: each is frozen, or stands for one thing alone."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self
