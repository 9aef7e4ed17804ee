"""Decorators for Django views: functions and classes, synchronous and asynchronous."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable
from functools import partial, wraps
from inspect import iscoroutine
from typing import Any, Final, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.views import View

from iiniit_guard.adapting.decorators import (
    decide,
    decide_async,
    is_permitted,
    mark_guarded,
    mark_public,
)
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.policy import Policy, make_policy, scope_policy
from iiniit_guard.django.responses import RequestRefused, mark_public_response
from iiniit_guard.django.state import read_request, show_outer_token, show_token, state_of
from iiniit_guard.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

HOST: Final = "django"


def require_scope(
    *scopes: str, acr_values: str | Iterable[str] = (), max_age: int | None = None
) -> Callable[[F], F]:
    """Return a decorator that lets a view run only for a token with all of `scopes`.

    The decorator accepts view functions, `View` classes and their methods, also asynchronous ones.
    Methods can be decorated directly or with `method_decorator`.

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

    Raises:
        UsageError: The view is guarded, or the decorated object is not a view.
    """
    return _decorate(view, _unguarded, mark_public)


def _guarded(policy: Policy) -> Callable[[F], F]:
    def decorate(view: F) -> F:
        return _decorate(
            view, partial(_guard, policy), lambda wrapper: mark_guarded(wrapper, policy)
        )

    return decorate


def _decorate(
    view: F,
    wrap: Callable[[Callable[..., Any]], Callable[..., Any]],
    mark: Callable[[Callable[..., Any]], object],
) -> F:
    if isinstance(view, type):
        return cast("F", _decorate_class(view, wrap, mark))
    if not callable(view):
        raise UsageError(f"only views can be decorated, not a {type(view).__name__}")
    wrapper = wrap(view)
    mark(wrapper)
    return cast("F", wrapper)


def _decorate_class(
    view: type[Any],
    wrap: Callable[[Callable[..., Any]], Callable[..., Any]],
    mark: Callable[[Callable[..., Any]], object],
) -> type[Any]:
    if not issubclass(view, View):
        raise UsageError(f"only View classes can be decorated; {view.__name__} is not one")
    wrapper = wrap(view.dispatch)
    mark(wrapper)
    # method_decorator does the same. as_view() copies the marks of `dispatch` to the view function.
    view.dispatch = wrapper
    return view


def _guard(policy: Policy, view: Callable[..., Any]) -> Callable[..., Any]:
    async def guard_async(
        request: HttpRequest, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if not await _permits_async(request, policy):
            raise RequestRefused from None
        return await view(*args, **kwargs)

    if iscoroutinefunction(view):

        @wraps(view)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            request = _request(args, kwargs)
            if is_permitted(state_of(request), policy):
                show_outer_token(request)
                return await view(*args, **kwargs)
            return await guard_async(request, args, kwargs)

        return asynchronous

    @wraps(view)
    def synchronous(*args: Any, **kwargs: Any) -> Any:
        request = _request(args, kwargs)
        if is_permitted(state_of(request), policy):
            show_outer_token(request)
            return view(*args, **kwargs)
        if _is_awaited(view, args):
            return guard_async(request, args, kwargs)
        if not _permits(request, policy):
            raise RequestRefused from None
        return view(*args, **kwargs)

    return synchronous


# Both functions return a bool instead of the decision. A refusal may hold a token, and error
# reports show the local variables of the frame that raises.


def _permits(request: HttpRequest, policy: Policy) -> bool:
    decision = decide(state_of(request), partial(read_request, request), policy, HOST)
    show_token(request)
    return isinstance(decision, Allow)


async def _permits_async(request: HttpRequest, policy: Policy) -> bool:
    decision = await decide_async(state_of(request), partial(read_request, request), policy, HOST)
    show_token(request)
    return isinstance(decision, Allow)


def _unguarded(view: Callable[..., Any]) -> Callable[..., Any]:
    async def mark_async(coming: Awaitable[Any]) -> Any:
        return mark_public_response(await coming)

    if iscoroutinefunction(view):

        @wraps(view)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            return mark_public_response(await view(*args, **kwargs))

        return asynchronous

    @wraps(view)
    def synchronous(*args: Any, **kwargs: Any) -> Any:
        response = view(*args, **kwargs)
        return mark_async(response) if iscoroutine(response) else mark_public_response(response)

    return synchronous


def _is_awaited(view: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    """Return whether `view` is a method of a class with async methods.

    Django then awaits the result of its `dispatch`, although `dispatch` is a plain function.
    """
    owner = args[0] if args else None
    link: Any = view
    while link is not None:
        if hasattr(link, "__self__"):  # method_decorator passes the bound method
            owner = link.__self__
            break
        link = link.func if isinstance(link, partial) else getattr(link, "__wrapped__", None)
    return isinstance(owner, View) and bool(owner.view_is_async)


def _request(args: tuple[Any, ...], kwargs: dict[str, Any]) -> HttpRequest:
    # Search by type, not by position: a directly decorated method has self as the first argument.
    for value in (*args, *kwargs.values()):
        if isinstance(value, HttpRequest):
            return value
    # Django REST framework passes its views a wrapper of Django's request. If there is such an
    # object, its module has been imported.
    around = getattr(sys.modules.get("rest_framework.request"), "Request", ())
    for value in (*args, *kwargs.values()):
        if isinstance(value, around):
            return value._request
    raise UsageError("a guarded view must be called with the request as one of its arguments")
