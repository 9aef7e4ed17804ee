"""The paths of routes with parameters: whether a middleware may let one of them pass."""

from __future__ import annotations

import re
from typing import Final

from iiniit_guard.adapting.admission import Admission

_PARAMETER: Final = re.compile(r"\{[^{}]*\}|<[^<>]*>")


def sample_of(path: str) -> str:
    """Return a path that the route matches: `0` in place of each parameter.

    Args:
        path: The path of a route, with parameters in braces or angle brackets.
    """
    return _PARAMETER.sub("0", path)


def meets_public_path(admission: Admission, path: str) -> bool:
    """Return whether a path of `public` may match the route.

    Args:
        admission: The settings of a middleware.
        path: As for `sample_of`.
    """
    # A parameter may match several segments ({path:path}), so each matches any characters here.
    static, *rest = _PARAMETER.split(path)
    pattern = re.compile(".*".join(map(re.escape, [static, *rest])), re.DOTALL)
    if any(pattern.fullmatch(public) for public in admission.public):
        return True
    return any(
        static.startswith(subtree) or (bool(rest) and subtree.startswith(static))
        for subtree in admission.subtrees
    )
