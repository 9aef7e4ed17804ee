"""Types of parsed values (JSON, TOML, keyword arguments), and the removal of null members."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
"""A parsed value. The code that reads it checks its type."""

JsonObject: TypeAlias = dict[str, Any]
"""A parsed object."""

JsonMapping: TypeAlias = Mapping[str, Any]
"""A parsed object that is only read."""

ATOMS: Final = frozenset({str, int, float, bool, type(None)})
"""The types of values without members or elements."""


def without_nulls(members: JsonObject, names: Collection[str]) -> JsonObject:
    """Return `members` without those of `names` whose value is null.

    Some servers write null for a member that they do not set. Null counts as absent only for named
    members whose absence has a harmless meaning.
    """
    return {name: item for name, item in members.items() if item is not None or name not in names}
