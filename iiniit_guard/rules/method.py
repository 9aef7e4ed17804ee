"""The method that selects the policy of a request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from iiniit_guard.core.model.method_override import OVERRIDE_HEADERS, folded
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason

# RFC 9110 §9.1: methods are case-sensitive. Flask and Django convert `delete` to upper case,
# Starlette does not. A method in lower case matches no rule.
METHOD: Final = re.compile(r"[A-Z][A-Z0-9_-]*")
# The only header that `method_override="judge"` honours. An application that honours another
# header, or none, would otherwise run the method of the request line under the policy of another
# method.
_HONOURED_HEADER: Final = b"x-http-method-override"
# The methods of Flask's documented recipe. A method that the application ignores must not select a
# policy.
_HONOURED_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def effective_method(
    method: str, headers: Iterable[tuple[bytes, bytes]], *, in_query: bool, honoured: bool
) -> str | Problem:
    """Return the method that selects the policy of a request, or the refusal of the request.

    Args:
        method: Of the request line.
        headers: List of (name, value), names lower-case.
        in_query: Whether the query has a parameter that overrides the method.
        honoured: Whether the application runs a POST request with the method of
            `X-HTTP-Method-Override`.
    """
    if not METHOD.fullmatch(method):
        return PROBLEMS[Reason.NO_RULE]
    found = [
        (name, value)
        for name, value in headers
        if b"method" in name and folded(name) in OVERRIDE_HEADERS
    ]
    if not found and not in_query:
        return method
    if (
        honoured
        and not in_query
        and method == "POST"
        and len(found) == 1
        and found[0][0] == _HONOURED_HEADER
    ):
        overriding = found[0][1].strip(b" \t").decode("latin-1").upper()
        if overriding in _HONOURED_METHODS:
            return overriding
    return PROBLEMS[Reason.METHOD_OVERRIDE]
