"""The operations of a view of Django REST framework, each with the policies of the guard."""

from __future__ import annotations

from functools import reduce
from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request

from iiniit_guard.adapting.closures import closure_of
from iiniit_guard.adapting.decorators import is_public, policies_of
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.django.operations import ALWAYS, ViewOperation
from iiniit_guard.errors import UsageError
from iiniit_guard.rest_framework.requirements import (
    admits_anyone,
    alternatives_of,
    both,
    text_of,
)

__all__ = ["ViewOperation", "operations_of"]


def operations_of(view: Any) -> list[ViewOperation]:
    """Return the operations of a view.

    Args:
        view: A callback of the URL configuration: what `as_view()` or `@api_view` returned.

    Returns:
        One operation by method, in the order of the methods. Empty if `view` is no view of Django
        REST framework.
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
        if name != "head" and name in names and (name in actions or hasattr(owner, name))
    ]


def _operation(view: Any, owner: Any, method: str, action: str | None) -> ViewOperation:
    instance = instance_of(view, method, action)
    permissions = permissions_of(instance)
    decorated = (*policies_of(view), *policies_of_handler(owner, action or method.lower()))
    declared = ["decorator"] if decorated else []
    fault, alternatives = None, ALWAYS
    try:
        each = [alternatives_of(permission, method, instance) for permission in permissions]
    except UsageError as error:
        fault, alternatives = str(error), ()
        declared.append("permission_classes")
    else:
        alternatives = reduce(both, each, (decorated,))
        if any(one != ALWAYS for one in each):
            declared.append("permission_classes")
    return ViewOperation(
        method=method,
        action=action,
        handler=".".join([owner.__module__, owner.__qualname__, *([action] if action else [])]),
        alternatives=alternatives,
        permissions=tuple(map(text_of, permissions)),
        declared=tuple(declared),
        is_public=is_public(view),
        is_open=not decorated and all(admits_anyone(one, method) for one in permissions),
        fault=fault,
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


def policies_of_handler(owner: Any, name: str) -> tuple[Policy, ...]:
    """Return the policies of the decorators of a method. `@api_view` hides the function in one."""
    handler = getattr(owner, name, None)
    hidden = (
        policy for inner in closure_of(handler) if callable(inner) for policy in policies_of(inner)
    )
    return (*policies_of(handler), *hidden)
