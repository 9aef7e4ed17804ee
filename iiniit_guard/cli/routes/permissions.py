"""What the permission classes of Django REST framework require of a request."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any, NamedTuple

from iiniit_guard.core.model.policy import ANY_TOKEN, Policy


class Required(NamedTuple):
    """The requirements of permissions.

    Attributes:
        policies: A request must satisfy all.
        refuses: Whether every request is refused.
        is_one_of: Whether a request must satisfy only one of `policies`.
    """

    policies: tuple[Policy, ...] = ()
    refuses: bool = False
    is_one_of: bool = False


def required_by(callback: Any, owner: Any, method: str, action: str | None) -> Required | None:
    """Return what the permissions of a view require; None if no permission of the guard decides.

    Args:
        callback: The view function, with the arguments of `as_view` in `initkwargs`.
        owner: The class of the view.
        method: The HTTP method.
        action: The action of a viewset; None in other views.
    """
    if not hasattr(owner, "permission_classes"):
        return None
    view = owner(**getattr(callback, "initkwargs", {}))
    view.request, view.action, view.args, view.kwargs = _request(method), action, (), {}
    try:
        permissions = view.get_permissions()
    except (AttributeError, KeyError, TypeError):  # it reads a request that does not exist
        permissions = [permission() for permission in view.permission_classes]
    found = [_required(permission, view, method) for permission in permissions]
    return _all(found)


def _request(method: str) -> Any:
    return SimpleNamespace(method=method, user=None, auth=None, data={}, query_params={})


def _all(found: list[Required | None]) -> Required | None:
    deciding = [each for each in found if each is not None]
    if not deciding:
        return None
    policies = tuple(policy for each in deciding for policy in each.policies)
    one_of = any(each.is_one_of for each in deciding)
    return Required(policies, any(each.refuses for each in deciding), one_of)


def _required(permission: Any, view: Any, method: str) -> Required | None:
    from rest_framework import permissions as framework

    from iiniit_guard.rest_framework.permissions import RequireScope

    if isinstance(permission, RequireScope):
        policy = permission.policy_for(method, view)
        return Required(refuses=True) if policy is None else Required((policy,))
    if isinstance(permission, framework.AND):
        return _all([_required(each, view, method) for each in (permission.op1, permission.op2)])
    if isinstance(permission, framework.OR):
        sides = [_required(each, view, method) for each in (permission.op1, permission.op2)]
        return _either(*sides)
    if isinstance(permission, framework.IsAuthenticated) and _authenticates_by_token(view):
        return Required((ANY_TOKEN,))
    return None


def _either(one: Required | None, other: Required | None) -> Required | None:
    """Return what `one | other` requires; None if one of them lets requests pass by itself."""
    if one is None or other is None:
        return None
    if one.refuses or other.refuses:
        return other if one.refuses else one
    scopes = [_single_scopes(each) for each in (one, other)]
    if None in scopes:
        return Required((*one.policies, *other.policies), is_one_of=True)
    return Required((Policy(tuple(name for each in scopes for name in each or ()), "any"),))


def _single_scopes(required: Required) -> tuple[str, ...] | None:
    """Return the scopes of which one suffices; None if the requirement has another form."""
    policies = required.policies
    if len(policies) != 1 or policies[0] != Policy(policies[0].scopes, policies[0].match):
        return None  # it also requires an authentication or something else
    scopes = policies[0].scopes
    return scopes if len(scopes) == 1 or (scopes and policies[0].match == "any") else None


def _authenticates_by_token(view: Any) -> bool:
    """Return whether `GuardAuthentication` is the only authentication of a view."""
    module = sys.modules.get("iiniit_guard.rest_framework.authentication")
    classes = view.authentication_classes
    return (
        module is not None
        and bool(classes)
        and all(
            isinstance(each, type) and issubclass(each, module.GuardAuthentication)
            for each in classes
        )
    )
