"""Decorators for Django views: functions and classes, synchronous and asynchronous.

They accept view functions, `View` classes and their methods. Methods can be decorated directly or
with `method_decorator`.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from inspect import iscoroutine
from typing import Final, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.views import View

from iiniit_guard.adapting.decorator_order import remember_wrapped
from iiniit_guard.adapting.decorators import (
    decide,
    decide_async,
    is_permitted,
    mark_guarded,
    mark_public,
)
from iiniit_guard.adapting.policy_decorators import PolicyDecorators
from iiniit_guard.adapting.types import Args, Handler, Keywords
from iiniit_guard.adapting.wrappers import LATER, asynchronous, synchronous
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.django.responses import RequestRefused, mark_public_response
from iiniit_guard.django.state import HOST, read_request, show_outer_token, show_token, state_of
from iiniit_guard.errors import UsageError

F = TypeVar("F", bound=Handler)
R = TypeVar("R")


def public(view: F) -> F:
    """Mark a view as public: it runs without a token, and credentials are not checked.

    Raises:
        UsageError: The view is guarded, or the decorated object is not a view.
    """
    return _decorate(view, lambda each: mark_public(_unguarded(each)))


def _guard(view: F, policy: Policy) -> F:
    def wrap(each: Handler) -> Handler:
        wrapper = mark_guarded(_guarded(each, policy), policy)
        if _owner_of(each) is None:  # method_decorator decorates a bound method at every request
            remember_wrapped(each, wrapper)
        return wrapper

    return _decorate(view, wrap)


def _decorate(view: F, wrap: Callable[[Handler], Handler]) -> F:
    if isinstance(view, type):
        if not issubclass(view, View):
            raise UsageError(f"only View classes can be decorated; {view.__name__} is not one")
        # method_decorator does the same. as_view() copies the marks of `dispatch` to the function.
        view.dispatch = wrap(view.dispatch)  # type: ignore[attr-defined]  # a View
        return view
    if not callable(view):
        raise UsageError(f"only views can be decorated, not a {type(view).__name__}")
    return cast("F", wrap(view))


def _guarded(view: Handler, policy: Policy) -> Handler:
    later = asynchronous(view, policy, _refusal_of_async)
    if iscoroutinefunction(view):
        return later
    bound_to = _owner_of(view)

    def refuse(args: Args, kwargs: Keywords, policy: Policy) -> Exception | None:
        request = _request_in(args, kwargs)
        # Django awaits the result of a method of a class with async methods, although `dispatch` is
        # a plain function.
        owner = (args[0] if args else None) if bound_to is None else bound_to
        if isinstance(owner, View) and owner.view_is_async:
            return LATER
        decision = decide(state_of(request), partial(read_request, request), policy, HOST)
        show_token(request)
        return None if isinstance(decision, Allow) else RequestRefused()

    decided = synchronous(view, policy, refuse, later)

    @wraps(view)
    def guarded(*args: object, **kwargs: object) -> object:
        request = args[0] if args else None
        if not isinstance(request, HttpRequest):
            request = _request_in(args, kwargs)
        if is_permitted(state_of(request), policy):
            show_outer_token(request)
            return view(*args, **kwargs)
        return decided(*args, **kwargs)

    return guarded


def _owner_of(view: object) -> object:
    """Return the object of a bound method: method_decorator passes one inside a wrapper."""
    while view is not None and not hasattr(view, "__self__"):
        view = view.func if isinstance(view, partial) else getattr(view, "__wrapped__", None)
    return getattr(view, "__self__", None)


async def _refusal_of_async(args: Args, kwargs: Keywords, policy: Policy) -> Exception | None:
    request = _request_in(args, kwargs)
    state = state_of(request)
    if is_permitted(state, policy):
        show_outer_token(request)
        return None
    decision = await decide_async(state, partial(read_request, request), policy, HOST)
    show_token(request)
    return None if isinstance(decision, Allow) else RequestRefused()


def _unguarded(view: Handler) -> Handler:
    async def mark_async(coming: Awaitable[R]) -> R:
        return mark_public_response(await coming)

    @wraps(view)
    async def run_async(*args: object, **kwargs: object) -> object:
        return mark_public_response(await view(*args, **kwargs))

    @wraps(view)
    def run(*args: object, **kwargs: object) -> object:
        response = view(*args, **kwargs)
        return mark_async(response) if iscoroutine(response) else mark_public_response(response)

    return run_async if iscoroutinefunction(view) else run


def _request_in(args: Args, kwargs: Keywords) -> HttpRequest:
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


_decorators = PolicyDecorators(_guard)
require_scope: Final = _decorators.require_scope
require_any_scope: Final = _decorators.require_any_scope
require_token: Final = _decorators.require_token
require_actor: Final = _decorators.require_actor
forbid_actor: Final = _decorators.forbid_actor
require_authorization_details: Final = _decorators.require_authorization_details
