"""Read-only claims. Tokens with the same claim names share one table of names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, TypeGuard, cast

from iiniit_guard.core.model.copying import CopiedAsItself

LATEST: Final = 253_402_300_800
"""10000-01-01. Times from then on are refused: values such as 2**63 or 1e400 attack arithmetic."""


class Claims(CopiedAsItself, Mapping[str, Any]):
    """A frozen mapping of claim names to values. Nested objects are mappings, arrays are tuples.

    Each token holds only a tuple of values, in the order of the names. Tokens with the same names
    can share the table of names (`make_claims`).
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
        """Return the value of `name`, or `default`.

        The inherited method would raise and catch an exception for each missing claim.
        """
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


# Slots are set through their descriptors: `object.__setattr__` looks up each slot by name, which
# takes twice the time.
_new: Final = object.__new__
_set_shape: Final = cast("Any", Claims._shape).__set__
_set_values: Final = cast("Any", Claims._values).__set__


def make_claims(shape: dict[str, int], values: tuple[Any, ...]) -> Claims:
    """Return `Claims` from the position of each name and the frozen values."""
    claims = _new(Claims)
    _set_shape(claims, shape)
    _set_values(claims, values)
    return claims


def freeze(value: Any) -> Any:
    """Return `value` (parsed from JSON) with read-only mappings and tuples, at every depth."""
    kind = type(value)
    if kind is dict:
        return make_claims(
            dict(zip(value, range(len(value)), strict=True)),
            tuple([freeze(inner) for inner in value.values()]),
        )
    if kind is list or kind is tuple:
        return tuple([freeze(inner) for inner in value])
    return value


def thaw(value: Any) -> Any:
    """Return a frozen `value` with `dict` and `list` objects, for writing JSON."""
    if isinstance(value, Mapping):
        return {name: thaw(inner) for name, inner in value.items()}
    if isinstance(value, tuple):
        return [thaw(inner) for inner in value]
    return value


def without_nulls(members: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return `members` without those of `names` whose value is null.

    Some servers write null for a member that they do not set. Null counts as absent only for named
    members whose absence has a harmless meaning.
    """
    if None not in members.values():
        return members
    return {name: item for name, item in members.items() if item is not None or name not in names}


def is_time(value: object) -> TypeGuard[float]:
    """Return whether `value` is a NumericDate that can be compared.

    It must be a finite number between the years 1970 and 9999, and not a boolean.
    """
    kind = type(value)
    return (kind is int or kind is float) and 0 <= value < LATEST  # type: ignore[operator]  # NaN compares false, infinity is too large
