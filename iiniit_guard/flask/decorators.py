"""Decorators for Flask views, which require a token or make a view public.

They accept functions and methods, also asynchronous ones, and `View` classes. They must stand below
the route decorator.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Final, TypeVar, cast

from flask.views import View

from iiniit_guard.adapting.decorator_order import function_of, remember_wrapped
from iiniit_guard.adapting.decorators import (
    decide,
    is_permitted,
    mark_guarded,
    mark_public,
)
from iiniit_guard.adapting.policy_decorators import PolicyDecorators
from iiniit_guard.adapting.request_state import noted_token
from iiniit_guard.adapting.types import Args, Handler, Keywords
from iiniit_guard.adapting.wrappers import asynchronous
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.request import request_from_environ
from iiniit_guard.errors import UsageError
from iiniit_guard.flask.refused import HOST, Refused, current_request, response_to

F = TypeVar("F", bound=Handler)


def public(view: F) -> F:
    """Mark a view as public: it runs without a token, and credentials are not checked.

    The decorator must stand below the route decorator.

    Raises:
        UsageError: The view is guarded, or the decorated object is not a view.
    """
    return _decorate(view, lambda each: mark_public(_runs(each)))


def access_token() -> AccessToken:
    """Return the access token of the current request.

    Raises:
        UsageError: There is no token. If a request may have none, read
            `request.environ["iiniit_guard.access_token"]` instead.
    """
    return noted_token(current_request().environ)


def _guard(view: F, policy: Policy) -> F:
    def wrap(each: Handler) -> Handler:
        if inspect.iscoroutinefunction(function_of(each)):
            return mark_guarded(asynchronous(each, policy, _refusal_of_async), policy)
        return mark_guarded(_guarded(each, policy), policy)

    return _decorate(view, wrap)


def _guarded(view: Handler, policy: Policy) -> Handler:
    @wraps(view)
    def guarded(*args: object, **kwargs: object) -> object:
        if not is_permitted(current_request().environ, policy):
            refused = _decided(policy)
            if refused is not None:
                del args, kwargs
                raise refused from None
        # The arguments are variables of the URL, which frames of Flask hold too.
        return view(*args, **kwargs)

    return guarded


def _decorate(view: F, wrap: Callable[[Handler], Handler]) -> F:
    if isinstance(view, type) and issubclass(view, View):
        _decorate_class(view, wrap)
        return view
    if not inspect.isfunction(function_of(view)):
        raise UsageError(
            f"only functions and View classes can be decorated, not a {type(view).__name__}: "
            "decorate the view itself"
        )
    wrapper = wrap(view)
    remember_wrapped(view, wrapper)
    return cast("F", wrapper)


def _decorate_class(view: type[View], wrap: Callable[[Handler], Handler]) -> None:
    # as_view() creates the function that is registered. The attribute `decorators` is not used,
    # because a subclass that sets its own `decorators` would remove the guard.
    make = cast("classmethod[View, ..., Handler]", view.as_view).__func__

    @wraps(make)
    def as_view(cls: type[View], *args: object, **kwargs: object) -> Handler:
        return _decorate(make(cls, *args, **kwargs), wrap)

    view.as_view = classmethod(as_view)  # type: ignore[assignment,method-assign,arg-type]


def _runs(view: Handler) -> Handler:
    """Return a function that runs `view`; a coroutine function if `view` is one."""

    @wraps(view)
    async def run_async(*args: object, **kwargs: object) -> object:
        return await view(*args, **kwargs)

    @wraps(view)
    def run(*args: object, **kwargs: object) -> object:
        return view(*args, **kwargs)

    return run_async if inspect.iscoroutinefunction(function_of(view)) else run


def _decided(policy: Policy) -> Refused | None:
    """Decide about the current request. Return the exception of a refusal, or None."""
    environ = current_request().environ
    decision = decide(environ, partial(request_from_environ, environ), policy, HOST)
    return None if isinstance(decision, Allow) else Refused(response=response_to(decision))


async def _refusal_of_async(_args: Args, _kwargs: Keywords, policy: Policy) -> Refused | None:
    # Flask runs each asynchronous view on an event loop of its own, which serves no other request.
    # So the decision may block, and uses the connections of the thread, which outlive that loop.
    return None if is_permitted(current_request().environ, policy) else _decided(policy)


_decorators = PolicyDecorators(_guard)
require_scope: Final = _decorators.require_scope
require_any_scope: Final = _decorators.require_any_scope
require_token: Final = _decorators.require_token
require_actor: Final = _decorators.require_actor
forbid_actor: Final = _decorators.forbid_actor
require_authorization_details: Final = _decorators.require_authorization_details
