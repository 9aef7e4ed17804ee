"""What guards a view: decorators that ask for a token with certain scopes, or for none."""

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


def require_scope(*scopes: str, acr_values: str | Iterable[str] = (), max_age: int | None = None) -> Callable[[F], F]:
    """Let a view run only for a token that has all of `scopes`.

    It decorates functions and methods, async ones too, and `View` classes, below the route decorator.

    Args:
        *scopes: Wanted, all of them.
        acr_values: Acceptable authentication context classes, best first (RFC 9470).
        max_age: Seconds that may have passed since the subject's authentication (RFC 9470).

    Raises:
        UsageError: An argument is unusable, or what is decorated is no view.
    """
    return _guarded(scope_policy(scopes, "all", acr_values, max_age))


def require_any_scope(*scopes: str, acr_values: str | Iterable[str] = (), max_age: int | None = None) -> Callable[[F], F]:
    """Let a view run only for a token that has at least one of `scopes`; a challenge names the first. See `require_scope`."""
    return _guarded(scope_policy(scopes, "any", acr_values, max_age))


def require_token(*, acr_values: str | Iterable[str] = (), max_age: int | None = None) -> Callable[[F], F]:
    """Let a view run only for a valid token, whatever its scopes. See `require_scope`."""
    return _guarded(make_policy(acr_values=acr_values, max_age=max_age))


def public(view: F) -> F:
    """Let a view run without its request's credentials being looked at. It stands below the route decorator.

    Raises:
        UsageError: The view is guarded, or what is decorated is no view.
    """
    return _wrap(view, mark_public, None)


def access_token() -> AccessToken:
    """Give the access token of the current request.

    Raises:
        UsageError: There is none. Where that may happen, look into `request.environ["iiniit_guard.access_token"]`.
    """
    return noted_token(current_request().environ)


def _guarded(policy: Policy) -> Callable[[F], F]:
    def decorate(view: F) -> F:
        return _wrap(view, lambda wrapper: mark_guarded(wrapper, policy), policy)

    return decorate


def _wrap(view: F, mark: Callable[[Callable[..., Any]], Callable[..., Any]], policy: Policy | None) -> F:
    if isinstance(view, type) and issubclass(view, View):
        _wrap_class(view, public if policy is None else _guarded(policy))
        return view
    if not inspect.isfunction(function_of(view)):
        raise UsageError(f"only functions and View classes can be decorated, not a {type(view).__name__}: decorate the view itself")

    asynchronous = inspect.iscoroutinefunction(function_of(view))

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if policy is not None and not is_permitted(current_request().environ, policy):
            _demand(policy)
        # Flask is synchronous outside its views: the loop that an async view gets is its own, and begins here.
        return current_app.ensure_sync(view)(*args, **kwargs) if asynchronous else view(*args, **kwargs)

    marked = mark(wrapper)
    remember_wrapped(view, marked)
    return cast("F", marked)


def _wrap_class(view: type[View], decorate: Callable[[Any], Any]) -> None:
    # as_view() makes the function that is registered. `decorators` would do, but a subclass that has some of its own replaces those.
    make = cast("Any", view.as_view).__func__

    @wraps(make)
    def as_view(cls: type[View], *args: Any, **kwargs: Any) -> Any:
        return decorate(make(cls, *args, **kwargs))

    view.as_view = classmethod(as_view)  # type: ignore[assignment,method-assign]  # what mypy calls a method of a class is one


def _demand(policy: Policy) -> None:
    """Raise the refusal of a request whose token does not satisfy `policy`. No frame of the traceback holds the token."""
    response = _refusal_by(policy)
    if response is not None:
        raise Refused(response=response) from None


def _refusal_by(policy: Policy) -> Response | None:
    environ = current_request().environ
    decision = decide(environ, lambda: request_from_environ(environ), policy, HOST)
    return None if isinstance(decision, Allow) else response_to(decision)
