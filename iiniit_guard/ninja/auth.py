"""Authentication classes for operations of django-ninja that require a token with scopes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final, Literal

from asgiref.sync import markcoroutinefunction
from django.http import HttpRequest
from ninja.security import HttpBearer

from iiniit_guard.adapting.decorators import consider, consider_async, is_permitted
from iiniit_guard.adapting.request_state import (
    PASSED_ON,
    PRINCIPAL_KEY,
    TOKEN_KEY,
    offer_refusal,
    record_refusal,
)
from iiniit_guard.adapting.types import State
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.decision import Decision, Refusal
from iiniit_guard.core.model.demands import Details, Selection, demands_of
from iiniit_guard.core.model.policy import LongLived, Policy, scheme_policy
from iiniit_guard.django.responses import RequestRefused
from iiniit_guard.django.state import HOST, read_request, show_outer_token, show_token, state_of
from iiniit_guard.errors import UsageError
from iiniit_guard.ninja.path_views import callbacks_after

IS_CLASS: Final = "auth: must be GuardAuth(...), not the class itself"


class NoToken:
    """The `request.auth` of a request without credentials, which an optional `GuardAuth` admits.

    It is false. django-ninja itself, which reads it once, treats the request as admitted.
    """

    def __init__(self) -> None:
        self._is_admitted = True

    def __bool__(self) -> bool:
        is_admitted, self._is_admitted = self._is_admitted, False
        return is_admitted

    def __repr__(self) -> str:
        return "NoToken()"


class GuardAuth(HttpBearer):
    """Authentication by an access token with scopes, for the argument `auth` of django-ninja.

    With `auth=GuardAuth("orders:read")` an operation requires a token with this scope.
    `request.auth` is the `AccessToken`, or the `Principal` of another credential that the guard
    accepts. Every refusal has the status, header fields and body that the guard sends everywhere.

    If `auth` is a list, one of its callbacks suffices. `GuardAuth` passes a request on to the next
    callback if it has no token, or a token that is not sufficient. It refuses an invalid token
    itself. If no callback admits the request, and django-ninja answers 401, the refusal is that of
    the guard.

    Args:
        *scopes: The required scopes. None: any valid token suffices.
        match: `all` requires all scopes, `any` at least one of them.
        acr_values: Acceptable authentication context classes, best first (RFC 9470).
        max_age: The maximum number of seconds since the authentication of the subject (RFC 9470).
        require_actor: Require an actor (RFC 8693): True for any, its subjects, or a mapping
            with `subjects`, `profile` and `issuer`.
        forbid_actor: Refuse actors: True for every actor, or subjects, client identifiers and
            profiles, for example `ai_agent`.
        authorization_details: Types of authorization details (RFC 9396), all of which are
            required, or a mapping from each type to a predicate of one detail, or to None.
        long_lived: What happens to a streaming response when its token is no longer valid: `end`,
            `stop_delivering` or `off`. Default: the setting of the middleware.
        optional: Whether a request without credentials passes, with a `request.auth` that is false.
            Invalid credentials are refused. The middleware must let such a request pass too: name
            the path in `public`, or set `optional_token`.

    Raises:
        UsageError: An argument is invalid.
    """

    def __init__(
        self,
        *scopes: str,
        match: Literal["all", "any"] = "all",
        acr_values: str | Iterable[str] = (),
        max_age: int | None = None,
        require_actor: Selection | Mapping[str, Any] = False,
        forbid_actor: Selection = False,
        authorization_details: Details | None = None,
        long_lived: LongLived | None = None,
        optional: bool = False,
    ) -> None:
        if any(isinstance(scope, HttpRequest) for scope in scopes):
            raise UsageError(IS_CLASS)
        if match == "any" and not scopes:
            raise UsageError('match: "any" needs at least one scope')
        self.policy: Policy = scheme_policy(
            scopes,
            match=match,
            acr_values=acr_values,
            max_age=max_age,
            optional=optional,
            demands=demands_of(require_actor, forbid_actor, authorization_details),
            long_lived=long_lived,
        )
        super().__init__()
        # django-ninja awaits the result if there is one to await; see `__call__`.
        self.is_async = True
        markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Return the credential of `request`; None if another callback may know it.

        Returns:
            An `AccessToken`, a `Principal`, a `NoToken` or None. On an event loop, where
            asynchronous operations run, an awaitable of one of them.

        Raises:
            RequestRefused: The request is refused.
            UsageError: The guard's middleware did not run.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._authenticate(request)
        return self._authenticate_async(request)

    def authenticate(self, request: HttpRequest, token: str) -> None:
        """Raise `UsageError`. Subclasses of `HttpBearer` have this method; this one ignores it."""
        raise UsageError("GuardAuth: call the object itself, which reads the token of the request")

    def _authenticate(self, request: HttpRequest) -> AccessToken | Principal | NoToken | None:
        state = state_of(request)
        if is_permitted(state, self.policy):
            show_outer_token(request)
            return _found(state)
        read = partial(read_request, request)
        return self._settle(request, consider(state, read, self.policy, HOST))

    async def _authenticate_async(
        self, request: HttpRequest
    ) -> AccessToken | Principal | NoToken | None:
        state = state_of(request)
        if is_permitted(state, self.policy):
            show_outer_token(request)
            return _found(state)
        read = partial(read_request, request)
        return self._settle(request, await consider_async(state, read, self.policy, HOST))

    def _settle(
        self, request: HttpRequest, decision: Decision
    ) -> AccessToken | Principal | NoToken | None:
        """Return the result for a decision, or raise."""
        show_token(request)
        state = state_of(request)
        if not isinstance(decision, Refusal):
            return _found(state)
        if decision.reason in PASSED_ON and callbacks_after(self, request):
            offer_refusal(state, partial(_unless_admitted, request, decision))
            return None
        record_refusal(state, decision)
        raise RequestRefused

    def __repr__(self) -> str:
        parts = [*map(repr, self.policy.scopes), *(each.text for each in self.policy.demands)]
        parts += ["optional=True"][: self.policy.anonymous]
        return f"{type(self).__name__}({', '.join(parts)})"


def _found(state: State) -> AccessToken | Principal | NoToken:
    return state.get(TOKEN_KEY) or state.get(PRINCIPAL_KEY) or NoToken()


def _unless_admitted(request: HttpRequest, refusal: Refusal) -> Refusal | None:
    """Return `refusal`, unless another callback has admitted the request."""
    return None if hasattr(request, "auth") else refusal
