"""The scopes of a token: their claims, their grammar, their aliases and their hierarchy.

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
from iiniit_guard.core.model.json_types import JsonMapping
from iiniit_guard.core.model.log_line import write_line
from iiniit_guard.core.model.policy import SCOPE_TOKEN

MALFORMED: Final = None
_NO_SCOPE: Final = (
    "has a name with a space or another character that no scope may have, so this name adds no "
    "scope; name it in scope_aliases"
)
# All scopes are checked together, because there may be thousands.
_SCOPES: Final = re.compile(f"(?:{SCOPE_TOKEN.pattern}| )*+")
_SEEN_BYTES: Final = 1024 * 1024
_SEEN_TEXT_BYTES: Final = 256  # overhead of an entry, besides its string and its set
_LONGEST_SEEN: Final = 1024


class SeenScopes(dict[str, frozenset[str]]):
    """A cache of scope strings → scopes. It uses at most 1 MiB and is emptied when it is full."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _SEEN_BYTES

    def keep(self, written: str, scopes: frozenset[str]) -> None:
        """Cache the scopes of `written`, unless either is longer than 1,024 characters."""
        if len(written) > _LONGEST_SEEN or sum(map(len, scopes)) > _LONGEST_SEEN:
            return
        size = (
            _SEEN_TEXT_BYTES + getsizeof(written) + getsizeof(scopes) + sum(map(getsizeof, scopes))
        )
        if size > self._left:
            self.clear()
            self._left = _SEEN_BYTES
        self._left -= size
        self[written] = scopes


@dataclass(frozen=True, slots=True)
class ScopeReading:
    """How the scopes of one issuer's tokens are read.

    Attributes:
        strict: In a JWT, read only `scope`, and only as a string (RFC 9068).
        also: Paths to further scopes.
        aliases: Scope, or role at one of the paths → the name of the same scope in this API.
        implies: Scope → the scopes that it includes, transitively.
        issuer: The issuer of the tokens, for the log.
        seen: Cache of scope strings.
        reported: Paths that a warning has been logged for.
    """

    strict: bool
    also: tuple[ScopePath, ...]
    aliases: Mapping[str, str]
    implies: Mapping[str, tuple[str, ...]]
    issuer: str
    seen: SeenScopes = field(repr=False, compare=False)
    reported: set[ScopePath] = field(repr=False, compare=False)

    def scopes_of(
        self, claims: JsonMapping, *, introspected: bool = False
    ) -> frozenset[str] | None:
        """Return the scopes after aliases and hierarchy; None if a scope claim is malformed.

        Args:
            claims: Of a valid token, or of an introspection response about one.
            introspected: Whether the claims are an introspection response, to which the profile for
                JWTs does not apply (RFC 7662 §2.2).
        """
        written = claims.get("scope")
        if type(written) is str:  # fast path: one cached string
            known = self.seen.get(written)
            if known is not None:
                return known
        found = self.written_in(claims, introspected=introspected)
        if found is None:
            return MALFORMED
        if self.also:
            found = found.union(*(self._further(claims, path) for path in self.also))
        plain = not self.aliases and not self.implies
        scopes = frozenset(found) if plain else self._expand(found)
        if type(written) is str and not self.also:
            self.seen.keep(written, scopes)
        return scopes

    def written_in(self, claims: JsonMapping, *, introspected: bool = False) -> set[str] | None:
        """Return the scopes of `scope`, else of `scp`, unchanged; None if they are malformed."""
        strict = self.strict and not introspected
        name = "scope" if strict or "scope" in claims else "scp"
        if name not in claims:
            return set()
        value = claims[name]
        if isinstance(value, str):
            if not _SCOPES.fullmatch(value):
                return MALFORMED
            # Only U+0020 separates: U+00A0 is part of an (invalid) scope.
            return set(value.split(" ")) - {""}
        return (
            set(value)
            if isinstance(value, list) and not strict and _are_scopes(value)
            else MALFORMED
        )

    def _further(self, claims: JsonMapping, path: ScopePath) -> list[str]:
        words, complaint = path.read(claims)
        # Roles may be any text. A role that is not a valid scope counts only under its alias. The
        # text of `scope` is always a list: a client chooses the scopes in it and their order.
        aliases = {} if path.names in (("scope",), ("scp",)) else self.aliases
        scopes = [
            word if SCOPE_TOKEN.fullmatch(word) else aliases[word]
            for word in words
            if SCOPE_TOKEN.fullmatch(word) or word in aliases
        ]
        if path not in self.reported:
            if complaint is None and len(scopes) < len(words) and _drops_a_name(words, aliases):
                complaint = _NO_SCOPE
            if complaint is not None:
                self.reported.add(path)
                # Log the path as configured, and no value of the token.
                line = "scope_claims: %s in the tokens of %s %s"
                write_line(logging.WARNING, line, path.shown, self.issuer, complaint)
        return scopes

    def _expand(self, found: set[str]) -> frozenset[str]:
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
    """Return a `ScopeReading` with its own cache of scope strings."""
    return ScopeReading(
        strict, tuple(map(scope_path, also)), aliases, implies, issuer, SeenScopes(), set()
    )


def _drops_a_name(words: list[str], aliases: Mapping[str, str]) -> bool:
    """Return whether a name adds no scope. A text whose parts are in `words` too does not count."""
    return any(
        word not in aliases
        and not SCOPE_TOKEN.fullmatch(word)
        and not set(word.split(" ")).issubset([other for other in words if other != word] or [""])
        for word in filter(None, words)
    )


def _are_scopes(words: list[Any]) -> bool:
    try:
        joined = " ".join(words)
    except TypeError:
        return False
    return (
        "" not in words
        and joined.count(" ") == max(0, len(words) - 1)
        and _SCOPES.fullmatch(joined) is not None
    )
