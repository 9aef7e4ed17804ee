"""The decorators of one framework, made from its function that wraps a handler."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from iiniit_guard.adapting.types import Handler
from iiniit_guard.core.model.demands import (
    Predicate,
    actor_forbidden,
    actor_required,
    detail_required,
)
from iiniit_guard.core.model.policy import LongLived, Policy, make_policy, scope_policy

F = TypeVar("F", bound=Handler)


class Wrap(Protocol):
    """Returns a handler, wrapped so that it runs only for a token that satisfies a policy."""

    def __call__(self, handler: F, policy: Policy, /) -> F:
        """Return the wrapper. `UsageError` if the object is not a handler of the framework."""
        ...


class PolicyDecorators:
    """The decorators of one framework that require a token.

    Args:
        wrap: Wraps one handler.
    """

    def __init__(self, wrap: Wrap) -> None:
        self._wrap = wrap

    def require_scope(
        self,
        *scopes: str,
        acr_values: str | Iterable[str] = (),
        max_age: int | None = None,
        long_lived: LongLived | None = None,
    ) -> Callable[[F], F]:
        """Return a decorator that lets a handler run only for a token with all of `scopes`.

        Args:
            *scopes: The scopes that the token must have, all of them.
            acr_values: Acceptable authentication context classes, best first (RFC 9470).
            max_age: The maximum number of seconds since the authentication of the subject (RFC
                9470).
            long_lived: What happens to a WebSocket or streaming response of the handler when its
                token is no longer valid. Default: the setting of the middleware.

        Raises:
            UsageError: An argument is invalid, or the decorated object is not a handler.
        """
        return self._decorator(scope_policy(scopes, "all", acr_values, max_age, long_lived))

    def require_any_scope(
        self,
        *scopes: str,
        acr_values: str | Iterable[str] = (),
        max_age: int | None = None,
        long_lived: LongLived | None = None,
    ) -> Callable[[F], F]:
        """Return a decorator that lets a handler run only for a token with one of `scopes`.

        A challenge names the first scope. See `require_scope`.
        """
        return self._decorator(scope_policy(scopes, "any", acr_values, max_age, long_lived))

    def require_token(
        self,
        *,
        acr_values: str | Iterable[str] = (),
        max_age: int | None = None,
        long_lived: LongLived | None = None,
    ) -> Callable[[F], F]:
        """Return a decorator that lets a handler run only for a valid token, with any scopes.

        See `require_scope`.
        """
        return self._decorator(
            make_policy(acr_values=acr_values, max_age=max_age, long_lived=long_lived)
        )

    def require_actor(
        self, *subjects: str, profile: str | Iterable[str] = (), issuer: str | None = None
    ) -> Callable[[F], F]:
        """Return a decorator that lets a handler run only for a token with an actor.

        The actor is the outermost `act` claim (RFC 8693 §4.1). Without arguments any actor fits.

        Args:
            *subjects: One of them must be the `sub` of the actor.
            profile: One of these words must be in the `sub_profile` of the actor.
            issuer: The issuer of the actor; None means the issuer of the token, if `subjects` are
                given.

        Raises:
            UsageError: An argument is invalid, or the decorated object is not a handler.
        """
        return self._decorator(make_policy(demands=(actor_required(subjects, profile, issuer),)))

    def forbid_actor(self, *names: str) -> Callable[[F], F]:
        """Return a decorator that lets a handler run only for a token without such an actor.

        Args:
            *names: Subjects, client identifiers or profiles, for example `ai_agent`; a profile
                also excludes tokens whose own subject or client has it. Without names, every
                delegated token is excluded.

        Raises:
            UsageError: An argument is invalid, or the decorated object is not a handler.
        """
        return self._decorator(make_policy(demands=(actor_forbidden(names),)))

    def require_authorization_details(
        self, kind: str, predicate: Predicate | None = None
    ) -> Callable[[F], F]:
        """Return a decorator that lets a handler run only for a token with such a detail.

        Args:
            kind: The `type` of the authorization detail (RFC 9396 §2).
            predicate: Called with each detail of this type, until it returns True for one. It gets
                a read-only mapping, see `AuthorizationDetail`. None means that the type suffices.

        Raises:
            UsageError: An argument is invalid, or the decorated object is not a handler.
        """
        return self._decorator(make_policy(demands=(detail_required(kind, predicate),)))

    def _decorator(self, policy: Policy) -> Callable[[F], F]:
        def decorate(handler: F) -> F:
            return self._wrap(handler, policy)

        return decorate
