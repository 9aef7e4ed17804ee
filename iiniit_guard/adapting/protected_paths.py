"""The paths that a guard protects if it guards only a part of an application."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from unicodedata import normalize

from iiniit_guard.core.model.path_ambiguity import is_ambiguous_text

# Pyramid and Zope find the view `x` for the segment `@@x` too.
_VIEW_MARK: Final = "/@@"
_VARIABLE: Final = re.compile(r"<[^<>]*>")
# Case-insensitive regular expressions take the Turkish letters i for the English one.
_DOTS_OF_I: Final = str.maketrans({"\u0131": "i", "\u0307": None})


@dataclass(frozen=True, slots=True)
class ProtectedPaths:
    """The paths in `only`.

    Attributes:
        exact: Single paths, folded.
        subtrees: Prefixes that end in `/`, folded.
    """

    exact: frozenset[str]
    subtrees: tuple[str, ...]

    def may_cover(self, path: str) -> bool:
        """Return whether a framework could route `path` to a protected path.

        Some routers ignore the case, or slashes, dots and spaces at the end, or normalize letters.
        All of these are ignored here. A path that two readers may interpret differently is always
        covered.

        Args:
            path: The decoded path, as the application routes it.
        """
        if path[:1] != "/" or _VIEW_MARK in path or has_ambiguous_text(path):
            return True
        folded = _folded(path)
        if not path.isascii() and has_ambiguous_text(folded):
            return True
        return folded in self.exact or f"{folded}/".startswith(self.subtrees)

    def omitted(self, rules: object) -> Iterator[str]:
        """Return the paths of rules that require a token for a path that is not protected.

        Args:
            rules: `Rules`. Other objects with `policy_for` have no list of rules.
        """
        for rule in getattr(rules, "rules", ()):
            path = str(getattr(rule, "path", "/"))
            requires = not getattr(rule, "public", False)
            if requires and not self.may_cover(_VARIABLE.sub("0", path)):
                yield path


def has_ambiguous_text(path: str) -> bool:
    """Return whether another parser could resolve `path` to a path outside its subtree."""
    # Stricter than for rules: some decoders also accept a % that starts no valid escape.
    return "%" in path or is_ambiguous_text(path)


def parse_only(only: object) -> tuple[ProtectedPaths, list[str]]:
    """Return the paths in the argument `only`, and its faults."""
    exact, subtrees, faults = set[str](), list[str](), list[str]()
    if isinstance(only, str) or not isinstance(only, Iterable):
        faults.append("only: must be a list of paths, not one string")
        only = ("/x",)
    for path in only:
        if not isinstance(path, str) or not path.startswith("/"):
            faults.append(f"only: {path!r} does not begin with /")
        elif path in ("/*", "/"):
            faults.append(f"only: {path!r} is the whole application; remove the setting")
        elif "*" in path.removesuffix("/*"):
            faults.append(f"only: {path!r}: * is allowed only after the last /")
        elif has_ambiguous_text(path) or path[-1] in " .":
            faults.append(f"only: {path!r} can be read in more than one way; write a plain path")
        elif path.endswith("/*"):
            subtrees.append(_folded(path[:-2]) + "/")
        else:
            exact.add(_folded(path))
    if not (exact or subtrees or faults):
        faults.append("only: must name at least one path; without paths the guard protects nothing")
    return ProtectedPaths(frozenset(exact), tuple(subtrees)), faults


def _folded(path: str) -> str:
    if path.isascii():
        return path.rstrip("/ .").casefold()
    # Decomposed before and after, because capitals with several accents decompose in another order.
    folded = normalize("NFKD", normalize("NFKD", path).casefold())
    return folded.translate(_DOTS_OF_I).rstrip("/ .")


def parse_public(public: Iterable[str]) -> tuple[set[str], list[str], list[str]]:
    """Return the exact paths, the prefixes of the subtrees, and the faults of the argument."""
    exact, subtrees, faults = set[str](), list[str](), list[str]()
    if isinstance(public, str):
        faults.append("public: must be a list of paths, not one string")
        public = ()
    for path in public:
        if not isinstance(path, str) or not path.startswith("/"):
            faults.append(f"public: {path!r} does not begin with /")
        elif path == "/*":
            faults.append(
                'public: "/*" makes every path public; name the paths, or use enforce="declared"'
            )
        elif path.endswith("/*") and "*" not in path[:-1]:
            subtrees.append(path[:-1])
        elif "*" in path:
            faults.append(
                f"public: {path!r}: * is allowed only after the last /, where it matches the whole "
                "subtree"
            )
        else:
            exact.add(path)
    return exact, subtrees, faults
