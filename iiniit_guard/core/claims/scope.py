"""Which scopes a token carries: where servers write them, how they are spelled, what they imply.

Spec: RFC 6749 §3.3 (grammar), RFC 9068 §2.2.3 (`scope`), RFC 8693 §4.2.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from sys import getsizeof
from typing import Any, Final

from iiniit_guard.core.claims.scope_path import ScopePath, scope_path
from iiniit_guard.core.model.policy import SCOPE_TOKEN

_log: Final = logging.getLogger("iiniit_guard")

MALFORMED: Final = None
_SCOPES: Final = re.compile(f"(?:{SCOPE_TOKEN.pattern}| )*+")  # the words are checked together: there may be thousands
_SEEN_BYTES: Final = 1024 * 1024
_SEEN_TEXT_BYTES: Final = 256  # what a text takes in the table at most, besides its own object and its set
_LONGEST_SEEN: Final = 1024


class SeenScopes(dict[str, frozenset[str]]):
    """Scope string → the scopes it says, for strings read before. They take 1 MiB at most; when that is full, it starts afresh."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _SEEN_BYTES

    def keep(self, written: str, scopes: frozenset[str]) -> None:
        """Remember what `written` says, unless one of them is longer than 1,024 characters."""
        if len(written) > _LONGEST_SEEN or sum(map(len, scopes)) > _LONGEST_SEEN:
            return
        size = _SEEN_TEXT_BYTES + getsizeof(written) + getsizeof(scopes) + sum(map(getsizeof, scopes))
        if size > self._left:
            self.clear()
            self._left = _SEEN_BYTES
        self._left -= size
        self[written] = scopes


@dataclass(frozen=True, slots=True)
class ScopeReading:
    """How one issuer's tokens name scopes.

    Attributes:
        strict: In a JWT, only `scope`, and only as a string (RFC 9068).
        also: Where further scopes stand.
        aliases: Scope → the scope that this API calls it.
        implies: Scope → what it includes; followed to the end.
        issuer: Whose tokens these are, for the log.
        seen: What strings that were read before say.
        reported: Paths about which the log has a line.
    """

    strict: bool
    also: tuple[ScopePath, ...]
    aliases: Mapping[str, str]
    implies: Mapping[str, tuple[str, ...]]
    issuer: str
    seen: SeenScopes = field(repr=False, compare=False)
    reported: set[ScopePath] = field(repr=False, compare=False)

    def scopes_of(self, claims: Mapping[str, Any], *, introspected: bool = False) -> frozenset[str] | None:
        """Return the scopes after aliases and hierarchy; None where a scope claim is malformed.

        Args:
            claims: Of a good token, or of the authorization server's answer about one.
            introspected: The profile for JWTs does not bind an answer (RFC 7662 §2.2).
        """
        written = claims.get("scope")
        if type(written) is str:  # the usual case: one string, seen before
            known = self.seen.get(written)
            if known is not None:
                return known
        found = self.written_in(claims, introspected=introspected)
        if found is None:
            return MALFORMED
        if self.also:
            found = found.union(*(self._further(claims, path) for path in self.also))
        scopes = self._expand(found)
        if type(written) is str and not self.also:
            self.seen.keep(written, scopes)
        return scopes

    def written_in(self, claims: Mapping[str, Any], *, introspected: bool = False) -> set[str] | None:
        """Return what `scope`, else `scp`, says to the letter; None where it is malformed."""
        strict = self.strict and not introspected
        name = "scope" if strict or "scope" in claims else "scp"
        if name not in claims:
            return set()
        value = claims[name]
        if isinstance(value, str):
            if not _SCOPES.fullmatch(value):
                return MALFORMED
            return set(value.split(" ")) - {""}  # U+0020 alone separates: U+00A0 is part of a (bad) word
        return set(value) if isinstance(value, list) and not strict and _are_scopes(value) else MALFORMED

    def _further(self, claims: Mapping[str, Any], path: ScopePath) -> list[str]:
        words, complaint = path.read(claims)
        if complaint is not None and path not in self.reported:
            self.reported.add(path)
            # The path as configured, and nothing that the token says.
            _log.warning("scope_claims: %s in the tokens of %s %s", path.shown, self.issuer, complaint)
        # Roles may be any text; one that is no scope cannot be asked for either.
        return [word for word in words if SCOPE_TOKEN.fullmatch(word)]

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
    *,
    strict: bool,
    also: Sequence[str | Sequence[str]],
    aliases: Mapping[str, str],
    implies: Mapping[str, tuple[str, ...]],
    issuer: str = "",
) -> ScopeReading:
    """Make a reading with a memory of its own for scope strings already read."""
    return ScopeReading(strict, tuple(map(scope_path, also)), aliases, implies, issuer, SeenScopes(), set())


def _are_scopes(words: list[Any]) -> bool:
    try:
        joined = " ".join(words)
    except TypeError:
        return False
    return "" not in words and joined.count(" ") == max(0, len(words) - 1) and _SCOPES.fullmatch(joined) is not None
