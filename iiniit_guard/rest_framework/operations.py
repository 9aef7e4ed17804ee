"""The operations of a view of Django REST framework, each with the policies of the guard."""

from __future__ import annotations

from functools import reduce
from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request

from iiniit_guard.adapting.alternatives import ALWAYS, Alternatives, both
from iiniit_guard.adapting.closures import closure_of
from iiniit_guard.adapting.decorators import is_public, policies_of
from iiniit_guard.adapting.handlers import name_of
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.django.operations import ViewOperation
from iiniit_guard.errors import UsageError
from iiniit_guard.rest_framework.requirements import (
    admits_anyone,
    alternatives_of,
    text_of,
)

__all__ = ["ViewOperation", "operations_of"]


def operations_of(view: Any) -> list[ViewOperation]:
    """Return the operations of a view.

    Args:
        view: A callback of the URL configuration: what `as_view()` or `@api_view` returned.

    Returns:
        One operation by method, in the order of the methods. Empty if `view` is not a view of
        Django REST framework.
    """
    # Not by the class: this module is imported while Django REST framework imports its views.
    owner = getattr(view, "cls", None)
    if not hasattr(owner, "permission_classes") or not hasattr(view, "initkwargs"):
        return []
    return [_operation(view, owner, method, action) for method, action in _methods_of(view, owner)]


def _methods_of(view: Any, owner: Any) -> list[tuple[str, str | None]]:
    """Return the methods of a view with their actions. HEAD runs the handler of GET."""
    actions: dict[str, str] | None = getattr(view, "actions", None)
    names: list[str] = view.initkwargs.get("http_method_names", owner.http_method_names)
    if actions is None:
        return [(each.upper(), None) for each in names if each != "head" and hasattr(owner, each)]
    every = {**actions, "options": "metadata"}
    return [
        (name.upper(), action)
        for name, action in every.items()
        if name != "head" and name in names and hasattr(owner, action if name in actions else name)
    ]


def _operation(view: Any, owner: Any, method: str, action: str | None) -> ViewOperation:
    name = action or method.lower()
    instance = instance_of(view, method, action)
    permissions = permissions_of(instance)
    decorated = (*policies_of(view), *policies_of_handler(owner, name))
    declared = ["decorator"] if decorated else []
    fault, permitted = None, Alternatives()
    try:
        permitted = alternatives_of_all(permissions, method, instance)
    except UsageError as error:
        fault = str(error)
    if permitted != ALWAYS:
        declared.append("permission_classes")
    # The action of the response to OPTIONS is not a method of the view.
    function = getattr(owner, name, None) or getattr(owner, method.lower())
    hidden = _hidden_by_api_view(function)
    return ViewOperation(
        method=method,
        action=action,
        handler=f"{name_of(hidden or owner)}{f'.{action}' if action else ''}",
        alternatives=both((decorated,), permitted),
        permissions=tuple(map(text_of, permissions)),
        declared=tuple(declared),
        is_public=is_public(view),
        is_open=not decorated and all(admits_anyone(one, method) for one in permissions),
        fault=fault,
        function=hidden or function,
    )


def instance_of(view: Any, method: str, action: str | None) -> Any:
    """Return an instance of a view, as it would be for a request without fields and without a user.

    Args:
        view: As for `operations_of`.
        method: The method of the request.
        action: The action of a viewset; None for other views.
    """
    instance = view.cls(**view.initkwargs)
    request = HttpRequest()
    request.method = method
    instance.args, instance.kwargs, instance.format_kwarg = (), {}, None
    instance.request = Request(request)
    if action is not None:
        instance.action_map, instance.action = view.actions, action
    return instance


def permissions_of(view: Any) -> list[Any]:
    """Return instances of the permissions of an instance of a view.

    If `get_permissions` of the project does not work without a real request, the permissions are
    those of `permission_classes`.
    """
    try:
        return list(view.get_permissions())
    except Exception:  # noqa: BLE001 - the method may raise anything
        return [permission() for permission in view.permission_classes]


def alternatives_of_all(permissions: list[Any], method: str, view: Any) -> Alternatives:
    """Return the policies of several permissions, all of which must admit the request.

    Raises:
        UsageError: As for `alternatives_of`.
    """
    each = (alternatives_of(permission, method, view) for permission in permissions)
    return reduce(both, each, ALWAYS)


def policies_of_handler(owner: Any, name: str) -> tuple[Policy, ...]:
    """Return the policies of the decorators of a method. `@api_view` hides the function in one."""
    handler = getattr(owner, name, None)
    hidden = (
        policy for inner in closure_of(handler) if callable(inner) for policy in policies_of(inner)
    )
    return (*policies_of(handler), *hidden)


def _hidden_by_api_view(handler: Any) -> Any:
    """Return the function of a project in a method that `@api_view` made; None in another one."""
    if getattr(handler, "__module__", None) != "rest_framework.decorators":
        return None
    return next(filter(callable, closure_of(handler)), None)
