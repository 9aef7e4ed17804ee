"""Objects that are shared by copies of a scope or environ, which applications may copy."""

from __future__ import annotations

from typing import Self


class CopiedAsItself:
    """Base class of objects that `copy.copy` and `copy.deepcopy` return unchanged.

    Each object is either frozen or represents a single resource.
    """

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self
