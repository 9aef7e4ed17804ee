"""What a permission of a view requires, found without a request."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import (
    AND,
    NOT,
    OR,
    SAFE_METHODS,
    DjangoModelPermissions,
    IsAdminUser,
    IsAuthenticated,
    IsAuthenticatedOrReadOnly,
)

from iiniit_guard.adapting.alternatives import ALWAYS, Alternatives, both, either
from iiniit_guard.rest_framework.permissions import RequireScope


def alternatives_of(permission: Any, method: str, view: Any) -> Alternatives:
    """Return the policies of the guard in an instance of a permission, or in an expression.

    A permission of another package has no policies here, and neither has a negated one.

    Raises:
        UsageError: `RequireScope` without scopes, and the view has no usable `required_scopes`.
    """
    if isinstance(permission, RequireScope):
        policy = permission.policy_for(method, view)
        return () if policy is None else ((policy,),)
    if isinstance(permission, AND | OR):
        one = alternatives_of(permission.op1, method, view)
        other = alternatives_of(permission.op2, method, view)
        return both(one, other) if isinstance(permission, AND) else either(one, other)
    if isinstance(permission, NOT):
        alternatives_of(permission.op1, method, view)  # reports an unusable required_scopes
    return ALWAYS


def admits_anyone(permission: Any, method: str) -> bool:
    """Return whether a permission may admit a request without a user and without a credential.

    A permission of another package may admit it, unless it derives from one of those that require a
    user.
    """
    if isinstance(permission, AND):
        return admits_anyone(permission.op1, method) and admits_anyone(permission.op2, method)
    if isinstance(permission, OR):
        return admits_anyone(permission.op1, method) or admits_anyone(permission.op2, method)
    if isinstance(permission, DjangoModelPermissions):
        return not permission.authenticated_users_only
    if isinstance(permission, IsAuthenticatedOrReadOnly):
        return method in SAFE_METHODS
    return not isinstance(permission, (RequireScope, IsAuthenticated, IsAdminUser))


def text_of(permission: Any) -> str:
    """Return a permission as it was written."""
    if isinstance(permission, AND | OR):
        operator = "&" if isinstance(permission, AND) else "|"
        return f"({text_of(permission.op1)} {operator} {text_of(permission.op2)})"
    if isinstance(permission, NOT):
        return f"~{text_of(permission.op1)}"
    return repr(permission) if isinstance(permission, RequireScope) else type(permission).__name__
