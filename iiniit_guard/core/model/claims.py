"""Claims, frozen at every depth, and the authorization details among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Self

from iiniit_guard.core.model.copying import CopiedAsItself
from iiniit_guard.core.model.json_types import Json, JsonMapping, JsonObject

_ATOMS: Final = frozenset({str, int, float, bool, type(None)})


class Claims(CopiedAsItself, JsonMapping):
    """A frozen mapping of claim names to values. Nested objects are mappings, arrays are tuples.

    A nested value is frozen when it is read. Most handlers read none, and an object that holds
    thousands of others must not cost the time to freeze all of them.

    Args:
        claims: Copied at every depth.
    """

    __slots__ = ("_members",)
    _members: JsonObject

    def __init__(self, claims: JsonMapping) -> None:
        _set_members(self, {name: thaw(value) for name, value in claims.items()})

    def __getitem__(self, name: str) -> Json:
        value = self._members[name]
        return value if type(value) in _ATOMS else freeze(value)

    def get(self, name: str, default: Json = None) -> Json:
        """Return the value of `name`, or `default` itself.

        The inherited method would raise and catch an exception for each missing claim.
        """
        value = self._members.get(name, default)
        return value if type(value) in _ATOMS or value is default else freeze(value)

    def __contains__(self, name: object) -> bool:
        # The inherited method reads the value too, and catches an exception for a missing claim.
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("claims are read-only")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("claims are read-only")

    def __hash__(self) -> int:
        return hash(frozenset(self._members))

    def __repr__(self) -> str:
        return f"Claims({', '.join(self._members)})"

    def __reduce__(self) -> tuple[type[Self], tuple[JsonObject]]:
        return type(self), (thaw(self),)  # a copy: `_members` must not leave this object


# `object.__setattr__` looks up the slot by name, which takes twice the time.
_set_members: Final = Claims.__dict__["_members"].__set__


def frozen_object(members: JsonObject) -> Claims:
    """Return an object parsed from JSON as read-only claims.

    Args:
        members: No other code keeps it, because it is not copied.
    """
    frozen = Claims.__new__(Claims)
    _set_members(frozen, members)
    return frozen


def freeze(value: Json) -> Json:
    """Return `value` with read-only mappings and tuples, at every depth.

    Args:
        value: Parsed from JSON. No other code keeps it: an object in it is not copied.
    """
    if isinstance(value, dict):
        return frozen_object(value)
    if isinstance(value, (list, tuple)):
        return tuple(map(freeze, value))
    return value


def thaw(value: Json) -> Json:
    """Return a copy of `value` with `dict` and `list` objects, for writing JSON."""
    if type(value) in _ATOMS:
        return value
    if isinstance(value, (list, tuple)):
        return [thaw(inner) for inner in value]
    if isinstance(value, Mapping):
        members = value._members if type(value) is Claims else value
        return {name: thaw(inner) for name, inner in members.items()}
    return value


EMPTY_CLAIMS: Final = Claims({})


class AuthorizationDetail(Claims):
    """One authorization detail of a verified token: a read-only mapping of its members.

    The properties are the common members of RFC 9396 §2.2. The guard refuses a token in which one
    of them has another type than the RFC defines.
    """

    __slots__ = ()

    @property
    def type(self) -> str:
        """The type, which defines the meaning of the other members."""
        return str(self["type"])

    @property
    def locations(self) -> tuple[str, ...]:
        """The resources where the client may use the detail; empty if it names none."""
        return tuple(self.get("locations", ()))

    @property
    def actions(self) -> tuple[str, ...]:
        """The allowed actions; empty if it names none."""
        return tuple(self.get("actions", ()))

    @property
    def datatypes(self) -> tuple[str, ...]:
        """The requested kinds of data; empty if it names none."""
        return tuple(self.get("datatypes", ()))

    @property
    def privileges(self) -> tuple[str, ...]:
        """The levels of privilege; empty if it names none."""
        return tuple(self.get("privileges", ()))

    @property
    def identifier(self) -> str | None:
        """The resource that the detail concerns, or None."""
        value: str | None = self.get("identifier")
        return value
