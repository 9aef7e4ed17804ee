"""Which scopes a token carries: where servers write them, how they are spelled, what they imply.

Spec: RFC 6749 §3.3 (grammar), RFC 9068 §2.2.3 (`scope`), RFC 8693 §4.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from iiniit_guard.core.policy import SCOPE_TOKEN

MALFORMED: Final = None
_SCOPES: Final = re.compile(f"(?:{SCOPE_TOKEN.pattern}| )*+")  # the words are checked together: there may be thousands
_KEPT: Final = 4096
_LONGEST_KEPT: Final = 1024


@dataclass(frozen=True, slots=True)
class ScopeReading:
    """How one issuer's tokens name scopes.

    Attributes:
        strict: Only `scope`, and only as a string (RFC 9068).
        also: Further claims that hold scopes, `roles` or a dotted path such as `realm_access.roles`.
        aliases: Scope → the scope that this API calls it.
        implies: Scope → what it includes; followed to the end.
        seen: Scope string → the scopes it says, for strings read before; sets of scopes → themselves.
    """

    strict: bool
    also: tuple[str, ...]
    aliases: Mapping[str, str]
    implies: Mapping[str, tuple[str, ...]]
    seen: dict[Any, frozenset[str]] = field(repr=False, compare=False)

    def scopes_of(self, claims: Mapping[str, Any]) -> frozenset[str] | None:
        """Give the scopes after aliases and hierarchy; None where a scope claim is malformed."""
        written = claims.get("scope")
        if type(written) is str:  # the usual case: one string, seen before
            known = self.seen.get(written)
            if known is not None:
                return known
        found = self._read(claims)
        if found is None:
            return MALFORMED
        scopes = self._expand(found)
        if sum(map(len, scopes)) > _LONGEST_KEPT:
            return scopes
        if len(self.seen) >= _KEPT:
            self.seen.clear()
        scopes = self.seen.setdefault(scopes, scopes)
        if type(written) is str and not self.also and len(written) <= _LONGEST_KEPT:
            self.seen[written] = scopes
        return scopes

    def _read(self, claims: Mapping[str, Any]) -> set[str] | None:
        found: set[str] = set()
        name = "scope" if self.strict or "scope" in claims else "scp"
        if name in claims:
            value = claims[name]
            if isinstance(value, str):
                if not _SCOPES.fullmatch(value):
                    return MALFORMED
                found.update(value.split(" "))  # U+0020 alone separates: U+00A0 is part of a (bad) word
                found.discard("")
            elif isinstance(value, list) and not self.strict:
                if not _are_scopes(value):
                    return MALFORMED
                found.update(value)
            else:
                return MALFORMED
        for path in self.also:
            value = _at(claims, path)
            words = value.split(" ") if isinstance(value, str) else value if isinstance(value, list) else []
            # Roles may be any text; one that is no scope cannot be asked for either.
            found.update(word for word in words if isinstance(word, str) and SCOPE_TOKEN.fullmatch(word))
        return found

    def _expand(self, found: set[str]) -> frozenset[str]:
        if not self.aliases and not self.implies:
            return frozenset(found)
        scopes = found | {self.aliases[scope] for scope in found if scope in self.aliases}
        waiting = list(scopes)
        while waiting:
            for implied in self.implies.get(waiting.pop(), ()):
                if implied not in scopes:
                    scopes.add(implied)
                    waiting.append(implied)
        return frozenset(scopes)


def scope_reading(
    *, strict: bool, also: tuple[str, ...], aliases: Mapping[str, str], implies: Mapping[str, tuple[str, ...]]
) -> ScopeReading:
    """Make a reading with a memory of its own for scope strings already read."""
    return ScopeReading(strict, also, aliases, implies, {})


def _are_scopes(words: list[Any]) -> bool:
    try:
        joined = " ".join(words)
    except TypeError:
        return False
    return "" not in words and joined.count(" ") == max(0, len(words) - 1) and _SCOPES.fullmatch(joined) is not None


def _at(claims: Mapping[str, Any], path: str) -> Any:
    if path in claims:  # a claim name may hold dots itself (https://api.example/roles)
        return claims[path]
    value: Any = claims
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value
