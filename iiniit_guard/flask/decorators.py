"""Decorators for Flask views, which require a token or make a view public."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Response, current_app
from flask.views import View

from iiniit_guard.adapting.decorator_order import function_of, remember_wrapped
from iiniit_guard.adapting.decorators import decide, is_permitted, mark_guarded, mark_public
from iiniit_guard.adapting.request_state import noted_token
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.policy import Policy, make_policy, scope_policy
from iiniit_guard.core.model.request import request_from_environ
from iiniit_guard.errors import UsageError
from iiniit_guard.flask.refused import HOST, Refused, current_request, response_to

F = TypeVar("F", bound=Callable[..., Any])


def require_scope(
    *scopes: str, acr_values: str | Iterable[str] = (), max_age: int | None = None
) -> Callable[[F], F]:
    """Return a decorator that lets a view run only for a token with all of `scopes`.

    The decorator accepts functions and methods, also asynchronous ones, and `View` classes. It must
    stand below the route decorator.

    Args:
        *scopes: The scopes that the token must have, all of them.
        acr_values: Acceptable authentication context classes, best first (RFC 9470).
        max_age: The maximum number of seconds since the authentication of the subject (RFC 9470).

    Raises:
        UsageError: An argument is invalid, or the decorated object is not a view.
    """
    return _guarded(scope_policy(scopes, "all", acr_values, max_age))


def require_any_scope(
    *scopes: str, acr_values: str | Iterable[str] = (), max_age: int | None = None
) -> Callable[[F], F]:
    """Return a decorator that lets a view run only for a token with at least one of `scopes`.

    A challenge names the first scope. See `require_scope`.
    """
    return _guarded(scope_policy(scopes, "any", acr_values, max_age))


def require_token(
    *, acr_values: str | Iterable[str] = (), max_age: int | None = None
) -> Callable[[F], F]:
    """Return a decorator that lets a view run only for a valid token, with any scopes.

    See `require_scope`.
    """
    return _guarded(make_policy(acr_values=acr_values, max_age=max_age))


def public(view: F) -> F:
    """Mark a view as public: it runs without a token, and credentials are not checked.

    The decorator must stand below the route decorator.

    Raises:
        UsageError: The view is guarded, or the decorated object is not a view.
    """
    return _wrap(view, mark_public, None)


def access_token() -> AccessToken:
    """Return the access token of the current request.

    Raises:
        UsageError: There is no token. If a request may have none, read
            `request.environ["iiniit_guard.access_token"]` instead.
    """
    return noted_token(current_request().environ)


def _guarded(policy: Policy) -> Callable[[F], F]:
    def decorate(view: F) -> F:
        return _wrap(view, lambda wrapper: mark_guarded(wrapper, policy), policy)

    return decorate


def _wrap(
    view: F, mark: Callable[[Callable[..., Any]], Callable[..., Any]], policy: Policy | None
) -> F:
    if isinstance(view, type) and issubclass(view, View):
        _wrap_class(view, public if policy is None else _guarded(policy))
        return view
    if not inspect.isfunction(function_of(view)):
        raise UsageError(
            f"only functions and View classes can be decorated, not a {type(view).__name__}: "
            "decorate the view itself"
        )

    asynchronous = inspect.iscoroutinefunction(function_of(view))

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if policy is not None and not is_permitted(current_request().environ, policy):
            _demand(policy)
        # Flask is synchronous outside its views. `ensure_sync` runs an async view on an event loop
        # of its own.
        return (
            current_app.ensure_sync(view)(*args, **kwargs)
            if asynchronous
            else view(*args, **kwargs)
        )

    marked = mark(wrapper)
    remember_wrapped(view, marked)
    return cast("F", marked)


def _wrap_class(view: type[View], decorate: Callable[[Any], Any]) -> None:
    # as_view() creates the function that is registered. The attribute `decorators` is not used,
    # because a subclass that sets its own `decorators` would remove the guard.
    make = cast("Any", view.as_view).__func__

    @wraps(make)
    def as_view(cls: type[View], *args: Any, **kwargs: Any) -> Any:
        return decorate(make(cls, *args, **kwargs))

    view.as_view = classmethod(as_view)  # type: ignore[assignment,method-assign]  # it is a method


def _demand(policy: Policy) -> None:
    """Raise the refusal of a request whose token does not satisfy `policy`.

    No frame of the traceback holds the token.
    """
    response = _refusal_by(policy)
    if response is not None:
        raise Refused(response=response) from None


def _refusal_by(policy: Policy) -> Response | None:
    environ = current_request().environ
    decision = decide(environ, lambda: request_from_environ(environ), policy, HOST)
    return None if isinstance(decision, Allow) else response_to(decision)
