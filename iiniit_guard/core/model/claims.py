"""Claims as a read-only mapping that shares its names with every other token of the same shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeGuard, cast

from iiniit_guard.core.model.copying import CopiedAsItself

LATEST: Final = 253_402_300_800
"""10000-01-01: a time from then on cannot be meant, and 2**63 or 1e400 is an attack on arithmetic."""


class Claims(CopiedAsItself, Mapping[str, Any]):
    """A frozen mapping from claim name to frozen value: nested objects are read-only mappings, arrays are tuples.

    A token's claims cost a tuple of values, in the order of the names; tokens with the same names share these (`make_claims`).
    """

    __slots__ = ("_shape", "_values")
    _shape: dict[str, int]
    _values: tuple[Any, ...]

    def __init__(self, claims: Mapping[str, Any]) -> None:
        _set_shape(self, {name: position for position, name in enumerate(claims)})
        _set_values(self, tuple(map(freeze, claims.values())))

    def __getitem__(self, name: str) -> Any:
        return self._values[self._shape[name]]

    def get(self, name: str, default: Any = None) -> Any:
        """Give the value of `name`; what `Mapping` inherits would raise and catch an error for each missing claim."""
        position = self._shape.get(name)
        return default if position is None else self._values[position]

    def __iter__(self) -> Iterator[str]:
        return iter(self._shape)

    def __len__(self) -> int:
        return len(self._values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("claims are read-only")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("claims are read-only")

    def __hash__(self) -> int:
        return hash(frozenset(self._shape))

    def __repr__(self) -> str:
        return f"Claims({', '.join(self._shape)})"

    def __reduce__(self) -> tuple[type[Claims], tuple[dict[str, Any]]]:
        return Claims, (thaw(self),)


# Slots are set by their descriptors: `object.__setattr__` looks each up by its name, and takes twice the time.
_new: Final = object.__new__
_set_shape: Final = cast("Any", Claims._shape).__set__
_set_values: Final = cast("Any", Claims._values).__set__


def make_claims(shape: dict[str, int], values: tuple[Any, ...]) -> Claims:
    """Do what the constructor does, for whoever has the position of each name and the frozen values at hand."""
    claims = _new(Claims)
    _set_shape(claims, shape)
    _set_values(claims, values)
    return claims


def freeze(value: Any) -> Any:
    """Give `value` (out of JSON) with every object read-only and every array a tuple, at every depth."""
    kind = type(value)
    if kind is dict:
        return make_claims(dict(zip(value, range(len(value)), strict=True)), tuple([freeze(inner) for inner in value.values()]))
    if kind is list or kind is tuple:
        return tuple([freeze(inner) for inner in value])
    return value


def thaw(value: Any) -> Any:
    """Undo `freeze`, for those who must write JSON."""
    if isinstance(value, Mapping):
        return {name: thaw(inner) for name, inner in value.items()}
    if isinstance(value, tuple):
        return [thaw(inner) for inner in value]
    return value


def is_time(value: object) -> TypeGuard[float]:
    """Tell whether `value` is a NumericDate that can be compared: a number, not a boolean, finite, between 1970 and 9999."""
    kind = type(value)
    return (kind is int or kind is float) and 0 <= value < LATEST  # type: ignore[operator]  # NaN compares false, infinity is too large
