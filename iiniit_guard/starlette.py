"""Decorators for Starlette handlers; `iiniit_guard.asgi.GuardMiddleware` guards the application.

The decorators accept functions (also synchronous ones),
endpoint classes and their methods, for HTTP and WebSocket. If the handler has a route decorator,
this decorator must stand below it. One argument of the handler must be the `Request` or
`WebSocket`, under any name. The decorators also accept functions that FastAPI calls as
dependencies, including generator functions: `Depends(require_scope("user:read")(dependency))`.

A decorator records a refusal for the middleware, which sends it in place of any other response. It
also raises Starlette's `HTTPException` or `WebSocketException`, so that the handler does not run.
The middleware sends the refusal even if the application catches the exception.

A decorated method that receives each message of an accepted WebSocket (`on_receive`) checks the
token again for each message. At the first message for which the token is no longer valid, the
connection is closed with code 1008. A decorator of the whole handler, or of its class, checks the
token once, when the handler starts.

A generator function checks the token when it is called if the middleware has already verified one;
otherwise before its first step.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import wraps
from typing import Any, Final, TypeVar, cast

from iiniit_guard.adapting.decorator_order import function_of, remember_wrapped
from iiniit_guard.adapting.decorators import mark_guarded, policies_of
from iiniit_guard.adapting.policy_decorators import PolicyDecorators
from iiniit_guard.adapting.request_state import ENGINE_KEY, TOKEN_KEY, noted_token
from iiniit_guard.adapting.types import Handler
from iiniit_guard.adapting.wrappers import asynchronous, generating, generating_async, synchronous
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.errors import UsageError, needs_extra

with needs_extra("starlette", "iiniit_guard.starlette"):
    from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
    from starlette.requests import HTTPConnection, Request

    from iiniit_guard.adapting.starlette_connection import (
        Connection,
        call_refusal,
        call_refusal_async,
        connection_in,
        endpoint_refusal,
        refusal_of_async,
        step_refusal,
    )

__all__ = [
    "access_token",
    "forbid_actor",
    "require_actor",
    "require_any_scope",
    "require_authorization_details",
    "require_scope",
    "require_token",
]

F = TypeVar("F", bound=Handler)


def access_token(connection: Connection | Mapping[str, object]) -> AccessToken:
    """Return the access token of a `Request`, a `WebSocket` or an ASGI scope.

    Raises:
        UsageError: There is no token. If a request may have none, read
            `scope["iiniit_guard.access_token"]` instead.
    """
    scope = connection.scope if isinstance(connection, HTTPConnection) else connection
    token = scope.get(TOKEN_KEY)
    return token if isinstance(token, AccessToken) else noted_token(scope)


def _guard(handler: F, policy: Policy) -> F:
    if isinstance(handler, type):
        return cast("F", _guard_class(handler, policy))
    # Starlette treats any other callable as an ASGI application. It would call a function around
    # one as a handler, with the wrong arguments.
    function = function_of(handler)
    if not inspect.isfunction(function):
        raise UsageError(
            "only functions and endpoint classes can be guarded, not a "
            f"{type(handler).__name__}: decorate the handler itself"
        )
    wrapper = mark_guarded(_wrap(handler, function, policy), policy)
    remember_wrapped(handler, wrapper)
    return cast("F", wrapper)


def _wrap(handler: Handler, function: Handler, policy: Policy) -> Handler:
    # A wrapper of a generator function is not a generator function, because FastAPI creates a
    # response from the generator before its first step. FastAPI inspects what a dependency wraps.
    function = inspect.unwrap(function, stop=lambda link: not policies_of(link))
    if inspect.iscoroutinefunction(function):
        if policy.lasts:
            return asynchronous(handler, policy, call_refusal_async)
        return _asynchronous(handler, policy)
    later = None
    if inspect.isasyncgenfunction(function):
        later = generating_async(handler, policy, call_refusal_async)
    elif inspect.isgeneratorfunction(function):
        later = generating(handler, policy, call_refusal)
    # Starlette and FastAPI run functions in a thread of their pool, so these may block. Generator
    # functions run on the event loop and decide at once only about verified tokens.
    return synchronous(handler, policy, call_refusal if later is None else step_refusal, later)


def _asynchronous(handler: Handler, policy: Policy) -> Handler:
    # As `wrappers.asynchronous`, with two calls inlined that take a tenth of the guard's time.
    @wraps(handler)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        connection = args[0] if args else None
        if type(connection) is not Request:
            connection = connection_in(args, kwargs)
        scope = connection.scope
        engine, token = scope.get(ENGINE_KEY), scope.get(TOKEN_KEY)
        if (
            engine is None
            or token is None
            or policy.check(token, engine.resource.clock.wall) is not None
            or scope["type"] == "websocket"
        ):
            refused = await refusal_of_async(connection, policy)
            if refused is not None:
                del args, kwargs, connection, scope, token
                raise refused from None
        try:
            answer = handler(*args, **kwargs)
        finally:  # an inner wrapper that is not a coroutine function may raise at once
            del args, kwargs, connection, scope, token
        return await answer

    return guarded


def _guard_class(endpoint: type, policy: Policy) -> type:
    if not issubclass(endpoint, (HTTPEndpoint, WebSocketEndpoint)):
        raise UsageError(
            f"only HTTPEndpoint and WebSocketEndpoint classes can be guarded; {endpoint.__name__} "
            "is neither"
        )
    dispatch = asynchronous(endpoint.dispatch, policy, endpoint_refusal)
    # Change the class itself instead of creating a subclass: a subclass would change the name and
    # the identity of the class and break its own calls of super().
    endpoint.dispatch = mark_guarded(dispatch, policy)  # type: ignore[method-assign]  # as above
    return endpoint


_decorators = PolicyDecorators(_guard)
require_scope: Final = _decorators.require_scope
require_any_scope: Final = _decorators.require_any_scope
require_token: Final = _decorators.require_token
require_actor: Final = _decorators.require_actor
forbid_actor: Final = _decorators.forbid_actor
require_authorization_details: Final = _decorators.require_authorization_details
