"""The operations of a view of django-ninja, each with the policies of the guard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ninja.operation import Operation

from iiniit_guard.adapting.alternatives import Alternatives
from iiniit_guard.adapting.decorators import is_public, policies_of
from iiniit_guard.adapting.handlers import name_of
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.django.operations import ViewOperation
from iiniit_guard.ninja.auth import IS_CLASS, GuardAuth
from iiniit_guard.ninja.path_views import path_view_of


def operations_of(view: Any) -> list[ViewOperation]:
    """Return the operations of a view.

    Args:
        view: A callback of the URL configuration, from `api.urls`.

    Returns:
        One `iiniit_guard.rest_framework.ViewOperation` by method. Empty if `view` is not a view of
        django-ninja.
    """
    found = path_view_of(view)
    return [
        ViewOperation(
            method=method,
            action=None,
            handler=name_of(operation.view_func),
            alternatives=() if _fails(operation) else alternatives_of(operation),
            permissions=tuple(map(_text_of, operation.auth_callbacks)),
            declared=_declared(operation),
            is_public=is_public(view),
            is_open=is_open(operation),
            fault=IS_CLASS if _fails(operation) else None,
            function=operation.view_func,
        )
        for operation in ([] if found is None else found.operations)
        for method in operation.methods
    ]


def is_guarded(view: Any) -> bool:
    """Return whether an operation behind a callback uses the guard."""
    return any(each.declared for each in operations_of(view))


def alternatives_of(operation: Operation) -> Alternatives:
    """Return the policies of an operation. An `auth` callback of another package has none."""
    decorated = decorated_policies(operation)
    found = [
        (*decorated, each.policy) if isinstance(each, GuardAuth) else decorated
        for each in operation.auth_callbacks
    ]
    return tuple(dict.fromkeys(found or [decorated]))


def decorated_policies(operation: Operation) -> tuple[Policy, ...]:
    """Return the policies of the decorators below the route decorator, with `decorate_view` too."""
    return (*policies_of(operation.run), *policies_of(operation.view_func))


def is_open(operation: Operation) -> bool:
    """Return whether an operation admits a request without any credential."""
    if decorated_policies(operation):
        return False
    optional = [
        isinstance(each, GuardAuth) and each.policy.anonymous for each in operation.auth_callbacks
    ]
    return any(optional) or not optional


def _fails(operation: Operation) -> bool:
    """Return whether every request fails: django-ninja calls the class before other callbacks."""
    first = next(iter(operation.auth_callbacks), None)
    return isinstance(first, type) and issubclass(first, GuardAuth)


def _declared(operation: Operation) -> tuple[str, ...]:
    by_auth = any(isinstance(each, GuardAuth) for each in operation.auth_callbacks)
    found = {"auth": by_auth, "decorator": bool(decorated_policies(operation))}
    return tuple(name for name, holds in found.items() if holds)


def _text_of(callback: Callable[..., Any]) -> str:
    if isinstance(callback, GuardAuth):
        return repr(callback)
    return str(getattr(callback, "__qualname__", type(callback).__name__))
