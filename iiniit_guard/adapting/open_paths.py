"""Find the routes for which a middleware requires no token."""

from __future__ import annotations

import re
from typing import Final

from iiniit_guard.adapting.admission import PASS, Admission
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.request import Request

_PARAMETER: Final = re.compile(r"\{[^{}]*\}|<[^<>]*>")


def admits(admission: Admission, path: str, methods: tuple[str, ...]) -> bool:
    """Return whether a middleware lets at least one request without a token pass.

    Args:
        admission: The settings of the middleware.
        path: The path of a route, with parameters in braces.
        methods: The methods of the route; empty for a WebSocket or a mount.
    """
    sample = sample_of(path)
    if meets_public_path(admission, path) or admission.is_public(sample):
        return True
    if admission.rules is None:
        return admission.enforce == "declared" or admission.policy.anonymous
    asked = [admission.policy_for(Request(method, sample)) for method in methods or ("GET",)]
    return any(each == PASS or (isinstance(each, Policy) and each.anonymous) for each in asked)


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
