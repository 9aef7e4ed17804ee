"""The paths that a guard protects if it guards only a part of an application."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from iiniit_guard.core.model.path_ambiguity import is_ambiguous_text


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

        Some routers ignore the case or a slash at the end, so both are ignored here. A path that
        two readers may interpret differently is always covered.

        Args:
            path: The decoded path, as the application routes it.
        """
        if path[:1] != "/" or has_ambiguous_text(path):
            return True
        folded = _folded(path)
        return folded in self.exact or f"{folded}/".startswith(self.subtrees)


def has_ambiguous_text(path: str) -> bool:
    """Return whether another parser could resolve `path` to a path outside its subtree."""
    # Stricter than for rules: some decoders also accept a % that starts no valid escape.
    return "%" in path or is_ambiguous_text(path)


def parse_only(only: Iterable[str]) -> tuple[ProtectedPaths, list[str]]:
    """Return the paths in the argument `only`, and its faults."""
    exact, subtrees, faults = set[str](), list[str](), list[str]()
    if isinstance(only, str):
        faults.append("only: must be a list of paths, not one string")
        only = ("/x",)
    for path in only:
        if not isinstance(path, str) or not path.startswith("/"):
            faults.append(f"only: {path!r} does not begin with /")
        elif path in ("/*", "/"):
            faults.append(f"only: {path!r} is no part of the application; remove the setting")
        elif "*" in path.removesuffix("/*"):
            faults.append(f"only: {path!r}: * is allowed only after the last /")
        elif has_ambiguous_text(path):
            faults.append(f"only: {path!r} can be read in more than one way; write a plain path")
        elif path.endswith("/*"):
            subtrees.append(_folded(path[:-2]) + "/")
        else:
            exact.add(_folded(path))
    if not (exact or subtrees or faults):
        faults.append("only: must name at least one path; without paths the guard protects nothing")
    return ProtectedPaths(frozenset(exact), tuple(subtrees)), faults


def _folded(path: str) -> str:
    return path.rstrip("/").casefold()
