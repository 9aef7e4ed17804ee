"""The permission classes, which require scopes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from rest_framework.request import Request

from iiniit_guard.core.model.decision import Refusal
from iiniit_guard.core.model.demands import (
    Predicate,
    actor_forbidden,
    actor_required,
    detail_required,
)
from iiniit_guard.core.model.policy import Policy, make_policy, scope_policy
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.errors import UsageError
from iiniit_guard.rest_framework.asked import Asked

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

    >>> permission_classes = [RequireScope("orders:read")]

    Without arguments, `permission_classes = [RequireScope]`, the scopes are those of the attribute
    `required_scopes` of the view: a list, or a mapping from actions of a viewset or HTTP methods to
    lists. A request for an action or method that the mapping does not name is refused.

    A refusal has the status, header fields and body that the guard sends everywhere, except in an
    expression with `&`, `|` or `~`, for which Django REST framework writes the response.

    Args:
        *scopes: The required scopes.
        acr_values: Acceptable authentication context classes, best first (RFC 9470).
        max_age: The maximum number of seconds since the authentication of the subject (RFC 9470).

    Raises:
        UsageError: An argument is invalid.
    """

    match: ClassVar[Literal["all", "any"]] = "all"

    def __init__(
        self, *scopes: str, acr_values: str | Iterable[str] = (), max_age: int | None = None
    ) -> None:
        self._policy: Policy | None = None
        if scopes or acr_values or max_age is not None:
            self._policy = scope_policy(scopes, self.match, acr_values, max_age)
        self._refused: tuple[Asked, Refusal] | None = None

    def __call__(self) -> RequireScope:
        """Return a permission for one request.

        Django REST framework calls each entry of `permission_classes`.
        """
        return copy(self)

    @property
    def message(self) -> None:
        """None, after the refusal is recorded for the middleware.

        Django REST framework reads the message only of a permission that refuses a request, and
        not of the operands of an expression.
        """
        if self._refused is not None:
            asked, refusal = self._refused
            asked.record(refusal)

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the token of `request` has the scopes.

        Raises:
            UsageError: The view has no usable `required_scopes`, or the guard's middleware did not
                run.
        """
        asked = Asked(request)
        policy = self._policy or self._policy_of(request, view)
        refusal = (
            asked.refusal_for(PROBLEMS[Reason.NO_RULE]) if policy is None else asked.refusal(policy)
        )
        self._refused = None if refusal is None else (asked, refusal)
        return refusal is None

    def _policy_of(self, request: Request, view: Any) -> Policy | None:
        """Return the policy of `required_scopes`; None if it does not name the request."""
        required = getattr(view, "required_scopes", None)
        if isinstance(required, Mapping):
            method = str(request.method)
            names = [getattr(view, "action", None), method, "GET" if method == "HEAD" else None]
            found = [required[name] for name in names if name is not None and name in required]
            if not found:
                return None
            required = found[0]
        scopes = (required,) if isinstance(required, str) else tuple(required or ())
        if not scopes:
            raise UsageError(
                f"required_scopes: {type(view).__name__} must have a list of scopes, or a dict "
                "from actions or methods to lists; or write the scopes into the permission: "
                'RequireScope("user:read")'
            )
        return _policy_for(scopes, self.match)


class RequireActor(RequireScope):
    """A permission for requests with an access token that names an actor (RFC 8693 §4.1).

    >>> permission_classes = [RequireActor("billing-service")]

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

    >>> permission_classes = [ForbidActor("ai_agent")]

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

    >>> permission_classes = [RequireAuthorizationDetails("payment_initiation")]

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


@lru_cache(maxsize=1024)
def _policy_for(scopes: tuple[str, ...], match: Literal["all", "any"]) -> Policy:
    return scope_policy(scopes, match, (), None)
