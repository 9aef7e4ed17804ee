"""The permission classes, which require scopes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from copy import copy
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from rest_framework.permissions import AND, NOT, OR
from rest_framework.request import Request

from iiniit_guard.adapting.request_state import PASSED_ON
from iiniit_guard.core.model.decision import Refusal
from iiniit_guard.core.model.demands import (
    Predicate,
    actor_forbidden,
    actor_required,
    detail_required,
)
from iiniit_guard.core.model.policy import LongLived, Policy, make_policy, scope_policy
from iiniit_guard.errors import UsageError
from iiniit_guard.rest_framework.asked import Asked
from iiniit_guard.rest_framework.authentication import AuthenticationRefused

if TYPE_CHECKING:
    # Django REST framework has no types, and a class with an unknown base has none either.
    class OperationHolderMixin:
        """The operators of permissions."""

        def __and__(self, other: Any) -> Any: ...
        def __or__(self, other: Any) -> Any: ...
        def __rand__(self, other: Any) -> Any: ...
        def __ror__(self, other: Any) -> Any: ...
        def __invert__(self) -> Any: ...

    class _Operators(OperationHolderMixin, type):
        """The metaclass of permissions."""

    class BasePermission(metaclass=_Operators):
        """The base class of permissions."""

else:
    from rest_framework.permissions import BasePermission, OperationHolderMixin


class RequireScope(OperationHolderMixin, BasePermission):
    """A permission for requests with an access token that has all of `scopes`.

    For example, `permission_classes = [RequireScope("orders:read")]`.

    Without arguments, `permission_classes = [RequireScope]`, the scopes are those of the attribute
    `required_scopes` of the view: a list, or a mapping from actions of a viewset or HTTP methods to
    lists. A request for an action or method that the mapping does not name is refused.

    A refusal has the status, header fields and body that the guard sends everywhere, also if the
    permission is part of an expression with `&` or `|`. An invalid token, and an outage, is refused
    in every expression: neither `| AllowAny` nor `~` admits it. `~` admits a request without a
    token. If another permission refuses the request, Django REST framework writes the response.

    Args:
        *scopes: The required scopes.
        acr_values: Acceptable authentication context classes, best first (RFC 9470).
        max_age: The maximum number of seconds since the authentication of the subject (RFC 9470).
        long_lived: What happens to a streaming response when its token is no longer valid: `end`,
            `stop_delivering` or `off`. Default: the setting of the middleware.

    Raises:
        UsageError: An argument is invalid.
    """

    match: ClassVar[Literal["all", "any"]] = "all"

    def __init__(
        self,
        *scopes: str,
        acr_values: str | Iterable[str] = (),
        max_age: int | None = None,
        long_lived: LongLived | None = None,
    ) -> None:
        self._policy: Policy | None = None
        if scopes or acr_values or max_age is not None or long_lived is not None:
            self._policy = scope_policy(scopes, self.match, acr_values, max_age, long_lived)

    def __call__(self) -> RequireScope:
        """Return a permission for one request.

        Django REST framework calls each entry of `permission_classes`.
        """
        return copy(self)

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the token of `request` has the scopes.

        Raises:
            RequestRefused: The credential is not valid, or cannot be verified.
            UsageError: The view has no usable `required_scopes`, or the guard's middleware did not
                run.
        """
        asked = Asked(request)
        policy = self.policy_for(request.method, view)
        if asked.is_probe(view):
            return policy is not None and asked.permits(policy)
        known = getattr(view, _REFUSALS, {})
        refusal = known.get(policy)
        if refusal is None:
            refusal = asked.refusal(policy)
        if refusal is None:
            return True
        if refusal.reason not in PASSED_ON and hasattr(view, "permission_denied"):
            asked.record(refusal)
            raise AuthenticationRefused
        _record_when_denied(view, {**known, policy: refusal})
        return False

    def policy_for(self, method: str | None, view: Any) -> Policy | None:
        """Return the policy for a request to `view`; None if every such request is refused.

        Args:
            method: The method of the request.
            view: An instance of the view. Its `action` determines the scopes of a viewset.

        Raises:
            UsageError: The view has no usable `required_scopes`.
        """
        if self._policy is not None:
            return self._policy
        required = getattr(view, "required_scopes", None)
        if isinstance(required, Mapping):
            names = [getattr(view, "action", None), method, "GET" if method == "HEAD" else None]
            found = [required[name] for name in names if name is not None and name in required]
            if not found:
                if required:
                    return None
                found = [()]
            required = found[0]
        return _policy_for(_scopes_of(required, view), self.match)

    def __repr__(self) -> str:
        policy = Policy() if self._policy is None else self._policy
        shown = [*map(repr, policy.scopes), *(demand.text for demand in policy.demands)]
        return f"{type(self).__name__}({', '.join(shown)})"


class RequireActor(RequireScope):
    """A permission for requests with an access token that names an actor (RFC 8693 §4.1).

    For example, `permission_classes = [RequireActor("billing-service")]`.

    Without arguments, `permission_classes = [RequireActor]`, any actor fits.

    Args:
        *subjects: One of them must be the `sub` of the actor.
        profile: One of these words must be in the `sub_profile` of the actor.
        issuer: The issuer of the actor; None means the issuer of the token.

    Raises:
        UsageError: An argument is invalid.
    """

    def __init__(
        self, *subjects: str, profile: str | Iterable[str] = (), issuer: str | None = None
    ) -> None:
        super().__init__()
        self._policy = make_policy(demands=(actor_required(subjects, profile, issuer),))


class ForbidActor(RequireScope):
    """A permission for requests with an access token without such an actor (RFC 8693 §4.1).

    For example, `permission_classes = [ForbidActor("ai_agent")]`.

    Without arguments, `permission_classes = [ForbidActor]`, every delegated token is refused.

    Args:
        *names: Subjects, client identifiers or profiles of actors.

    Raises:
        UsageError: An argument is invalid.
    """

    def __init__(self, *names: str) -> None:
        super().__init__()
        self._policy = make_policy(demands=(actor_forbidden(names),))


class RequireAuthorizationDetails(RequireScope):
    """A permission for requests with an access token that has an authorization detail (RFC 9396).

    For example, `permission_classes = [RequireAuthorizationDetails("payment_initiation")]`.

    Args:
        kind: The `type` of the authorization detail.
        predicate: Called with each detail of this type, until it returns True for one.

    Raises:
        UsageError: An argument is invalid.
    """

    def __init__(self, kind: str, predicate: Predicate | None = None) -> None:
        super().__init__()
        self._policy = make_policy(demands=(detail_required(kind, predicate),))


class RequireAnyScope(RequireScope):
    """A permission for requests with an access token that has one of `scopes`.

    A challenge names the first scope. See `RequireScope`.
    """

    match: ClassVar[Literal["all", "any"]] = "any"


class RequireToken(RequireScope):
    """A permission for requests with a valid access token, with any scopes.

    Unlike `IsAuthenticated`, it does not admit the user of a session. See `RequireScope`.
    """

    def __init__(
        self,
        *,
        acr_values: str | Iterable[str] = (),
        max_age: int | None = None,
        long_lived: LongLived | None = None,
    ) -> None:
        super().__init__()
        self._policy = make_policy(acr_values=acr_values, max_age=max_age, long_lived=long_lived)


_REFUSALS: Final = "_iiniit_guard_refusals"


def _record_when_denied(view: Any, refusals: dict[Policy | None, Refusal]) -> None:
    """Make the middleware send one of `refusals` if the permissions of `view` deny the request.

    An expression may still admit it. Django REST framework calls `permission_denied` of the view if
    a permission or an expression does not. A refusal is then recorded if it is the cause.
    """
    if not hasattr(view, "permission_denied"):
        return  # the caller is not a view of Django REST framework, and decides the response
    if not hasattr(view, _REFUSALS):
        denied = view.permission_denied

        def permission_denied(request: Request, *args: Any, **kwargs: Any) -> Any:
            asked = Asked(request)
            cause = None if asked.is_probe(view) else _cause(view, request)
            if cause is not None:
                asked.record(cause)
            return denied(request, *args, **kwargs)

        view.permission_denied = permission_denied
    setattr(view, _REFUSALS, refusals)


def _cause(view: Any, request: Request) -> Refusal | None:
    """Return the refusal of the guard that is the cause of a denial; None if there is none."""
    for permission in view.get_permissions():
        result = _result(permission, view, request)
        if result is not True:
            return result or None
    return None


def _result(permission: Any, view: Any, request: Request) -> Refusal | bool:
    """Return whether a permission or expression admits `request`, or the refusal of the guard."""
    if isinstance(permission, RequireScope):
        policy = permission.policy_for(request.method, view)
        refusals: dict[Policy | None, Refusal] = getattr(view, _REFUSALS)
        return refusals.get(policy, True)
    if isinstance(permission, NOT):
        return _result(permission.op1, view, request) is not True
    if not isinstance(permission, AND | OR):
        return bool(permission.has_permission(request, view))
    first = _result(permission.op1, view, request)
    if isinstance(permission, AND):
        return _result(permission.op2, view, request) if first is True else first
    second = True if first is True else _result(permission.op2, view, request)
    return second if second is True else first or second


def _scopes_of(required: object, view: object) -> tuple[str, ...]:
    scopes = (required,) if isinstance(required, str) else required
    if (
        not isinstance(scopes, Collection)
        or isinstance(scopes, Mapping | bytes)
        or not scopes
        or not all(isinstance(scope, str) and scope for scope in scopes)
    ):
        raise UsageError(
            f"required_scopes: {type(view).__name__} must have a list of scopes, or a dict from "
            "actions or methods to lists; or write the scopes into the permission: "
            'RequireScope("user:read")'
        )
    return tuple(scopes)


@lru_cache(maxsize=1024)
def _policy_for(scopes: tuple[str, ...], match: Literal["all", "any"]) -> Policy:
    return scope_policy(scopes, match, (), None)
