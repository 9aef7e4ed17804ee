"""An entry of `scope_claims`: a path to further scopes in a token's claims (roles, groups)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from iiniit_guard.core.model.json_types import JsonMapping

KEYS: Final = "*"
"""As the last name of a path: the scopes are the names in that object, not its values."""

Found: TypeAlias = tuple[list[str], str | None]
"""The scopes at the end of a path, and a warning about the path for the operator."""

_THROUGH_OTHER: Final = (
    "leads through a claim that is not an object, so it adds no scope; correct the path"
)
_DOTTED_NAME: Final = (
    "leads through a claim whose name has dots, so it adds no scope; write the path as a "
    "list of names"
)
_UNREADABLE: Final = "is neither text nor a list of texts, so it adds no scope; correct the path"
_OBJECT: Final = (
    "is an object, so it adds no scope; name a claim inside it, or add * to the path where "
    "its names are the scopes"
)
_ROLE_MAP: Final = "is an object whose names are read as scopes; add * to the path to confirm this"
_NO_OBJECT: Final = "is not an object, so its names (*) add no scope; remove the * from the path"


@dataclass(frozen=True, slots=True)
class ScopePath:
    """A parsed path.

    Attributes:
        shown: As configured, for messages.
        whole: The whole path as the name of one claim, which is tried first, because names may have
            dots (`https://api.example/roles`); None for a list.
        names: From the outermost object inwards.
        keys: Whether the names in the object at the end are the scopes.
    """

    shown: str
    whole: str | None
    names: tuple[str, ...]
    keys: bool

    def read(self, claims: JsonMapping) -> Found:
        """Return the scopes at the end of this path; none if the token has no such claim."""
        if self.whole is not None and self.whole in claims:
            return self._words(claims[self.whole])
        value: Any = claims
        for place, name in enumerate(self.names):
            if not isinstance(value, Mapping):
                return [], _THROUGH_OTHER
            if name not in value:
                return [], _DOTTED_NAME if self._passes_dots(value, place) else None
            value = value[name]
        return self._words(value)

    def _passes_dots(self, value: JsonMapping, place: int) -> bool:
        """Return whether an object has a name that joins two or more names of this path with dots.

        The names begin at `place`.
        """
        ends = range(place + 2, len(self.names) + 1) if self.whole is not None else ()
        return any(".".join(self.names[place:end]) in value for end in ends)

    def _words(self, value: Any) -> Found:
        if value is None:
            return [], None
        if self.keys:
            objects = [item for item in _listed(value) if isinstance(item, Mapping)]
            return [
                name for item in objects for name in item if _is_granted(item[name])
            ], None if objects or value == [] else _NO_OBJECT
        if isinstance(value, str):
            # A text with spaces may also be one name, which only an alias turns into a scope.
            return [*value.split(" "), *([value] if " " in value else ())], None
        listed = _listed(value)
        words = [item for item in listed if isinstance(item, str)]
        roles = [name for item in listed if _is_role_map(item) for name in item if item[name]]
        if roles:
            return words + roles, _ROLE_MAP
        if words or value in ([], {}):
            return words, None
        return [], _OBJECT if any(isinstance(item, Mapping) for item in listed) else _UNREADABLE


def scope_path(written: str | Sequence[str]) -> ScopePath:
    """Parse an entry of `scope_claims` in which `path_fault` found no fault.

    Args:
        written: A name, a dotted path, or a list of names.
    """
    names = tuple(written.split(".")) if isinstance(written, str) else tuple(written)
    keys = names[-1] == KEYS
    if keys:
        names = names[:-1]
    shown = written if isinstance(written, str) else f"[{', '.join(written)}]"
    return ScopePath(shown, ".".join(names) if isinstance(written, str) else None, names, keys)


def path_fault(written: object) -> str | None:
    """Return why an entry of `scope_claims` can match no claim, or None."""
    if isinstance(written, str):
        names: list[object] = list(written.split("."))
    elif isinstance(written, (list, tuple)):
        names = list(written)
    else:
        return "must be a name, a dotted path or a list of names"
    if not names or not all(
        isinstance(name, str) and name and name.isprintable() and name == name.strip()
        for name in names
    ):
        return (
            "a name in a path is empty, is not a string or has white space around it; "
            "correct the path"
        )
    if KEYS in names[:-1] or names == [KEYS]:
        return "a * must be the last name of a path and not the only one; correct the path"
    return None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_granted(value: object) -> bool:
    """Return whether a name in an object of roles is granted.

    The value is true (`{"orders:read": true}`), or an object or list that is not empty.
    """
    return value is True or (isinstance(value, (Mapping, list)) and bool(value))


def _is_role_map(value: object) -> bool:
    """Return whether an object has the form of Zitadel's roles.

    It maps a role to the organisations in which it is granted: identifier → domain.
    """
    return isinstance(value, Mapping) and all(
        isinstance(item, Mapping) and all(isinstance(text, str) for text in item.values())
        for item in value.values()
    )
