"""The name and the methods of a handler, read in the same way for every framework."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Final

from iiniit_guard.adapting.decorator_order import function_of
from iiniit_guard.adapting.decorators import policies_of
from iiniit_guard.core.model.policy import Policy

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def original_of(handler: Any) -> Any:
    """Return the function under the decorators of a handler; for any other object, its class."""
    found = function_of(handler)
    found = inspect.unwrap(found) if callable(found) else found
    return found if hasattr(found, "__qualname__") else type(found)


def name_of(handler: Any) -> str:
    """Return the module and the name of a handler."""
    named = original_of(handler)
    return f"{named.__module__}.{named.__qualname__}"


def methods_of_class(owner: Any) -> Iterator[tuple[str, Any, tuple[Policy, ...]]]:
    """Return each HTTP method that a class handles, with its function and the function's policies.

    Args:
        owner: A class whose methods `get`, `post`, … handle requests.
    """
    for method in METHODS:
        function = getattr(owner, method.lower(), None)
        if function is not None:
            yield method, function, policies_of(function)
