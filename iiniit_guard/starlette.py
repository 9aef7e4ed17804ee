"""Decorators for Starlette handlers; `iiniit_guard.asgi.GuardMiddleware` guards the application."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from functools import partial, wraps
from typing import Any, TypeVar, cast

from iiniit_guard.adapting.decorator_order import function_of, remember_wrapped
from iiniit_guard.adapting.decorators import (
    decide_async,
    is_noted,
    is_permitted,
    mark_guarded,
    policies_of,
)
from iiniit_guard.adapting.request_state import ENGINE_KEY, PRINCIPAL_KEY, TOKEN_KEY, noted_token
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.policy import Policy, make_policy, scope_policy
from iiniit_guard.core.model.request import request_from_scope
from iiniit_guard.errors import UsageError, needs_extra

with needs_extra("starlette", "iiniit_guard.starlette"):
    from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
    from starlette.requests import HTTPConnection

    from iiniit_guard.adapting.starlette_connection import (
        HOST,
        connection_in,
        exception_of,
        is_lasting,
        refusal_of,
        refusal_of_async,
    )

__all__ = ["access_token", "require_any_scope", "require_scope", "require_token"]

F = TypeVar("F", bound=Callable[..., Any])


def require_scope(
    *scopes: str, acr_values: str | Iterable[str] = (), max_age: int | None = None
) -> Callable[[F], F]:
    """Return a decorator that lets a handler run only for a token with all of `scopes`.

    The decorator accepts functions (also synchronous ones), endpoint classes and their methods, for
    HTTP and WebSocket. If the handler has a route decorator, this decorator must stand below it.
    One argument of the handler must be the `Request` or `WebSocket`, under any name. The decorator
    also accepts functions that FastAPI calls as dependencies, including generator functions:
    `Depends(require_scope("user:read")(dependency))`.

    The decorator records a refusal for the middleware, which sends it in place of any other
    response. It also raises Starlette's `HTTPException` or `WebSocketException`, so that the
    handler does not run. The middleware sends the refusal even if the application catches the
    exception.

    A decorated method that receives each message of an accepted WebSocket (`on_receive`) checks the
    token again for each message. At the first message for which the token is no longer valid, the
    connection is closed with code 1008. A decorator of the whole handler, or of its class, checks
    the token once, when the handler starts.

    A generator function checks the token when it is called if the middleware has already verified
    one; otherwise before its first step.

    Args:
        *scopes: The scopes that the token must have, all of them.
        acr_values: Acceptable authentication context classes, best first (RFC 9470).
        max_age: The maximum number of seconds since the authentication of the subject (RFC 9470).

    Raises:
        UsageError: An argument is invalid, or the decorated object is not a handler.
    """
    return _guarded(scope_policy(scopes, "all", acr_values, max_age))


def require_any_scope(
    *scopes: str, acr_values: str | Iterable[str] = (), max_age: int | None = None
) -> Callable[[F], F]:
    """Return a decorator that lets a handler run only for a token with at least one of `scopes`.

    A challenge names the first scope. See `require_scope`.
    """
    return _guarded(scope_policy(scopes, "any", acr_values, max_age))


def require_token(
    *, acr_values: str | Iterable[str] = (), max_age: int | None = None
) -> Callable[[F], F]:
    """Return a decorator that lets a handler run only for a valid token, with any scopes.

    See `require_scope`.
    """
    return _guarded(make_policy(acr_values=acr_values, max_age=max_age))


def access_token(connection: HTTPConnection[Any] | Mapping[str, Any]) -> AccessToken:
    """Return the access token of a `Request`, a `WebSocket` or an ASGI scope.

    Raises:
        UsageError: There is no token. If a request may have none, read
            `scope["iiniit_guard.access_token"]` instead.
    """
    scope = connection.scope if isinstance(connection, HTTPConnection) else connection
    token = scope.get(TOKEN_KEY)
    return token if isinstance(token, AccessToken) else noted_token(scope)


def _guarded(policy: Policy) -> Callable[[F], F]:
    def decorate(handler: F) -> F:
        if isinstance(handler, type):
            return cast("F", _guard_class(handler, policy))
        # Starlette treats any other callable as an ASGI application. It would call a function
        # around one as a handler, with the wrong arguments.
        if not inspect.isfunction(function_of(handler)):
            raise UsageError(
                "only functions and endpoint classes can be guarded, not a "
                f"{type(handler).__name__}: decorate the handler itself"
            )
        wrapper = mark_guarded(_wrapper_for(function_of(handler))(handler, policy), policy)
        remember_wrapped(handler, wrapper)
        return cast("F", wrapper)

    return decorate


def _wrapper_for(function: Any) -> Callable[[Callable[..., Any], Policy], Callable[..., Any]]:
    # A wrapper of `_generator` is not a generator function itself, so inspect what it wraps.
    function = inspect.unwrap(function, stop=lambda link: not policies_of(link))
    if inspect.iscoroutinefunction(function):
        return _asynchronous
    if inspect.isasyncgenfunction(function):
        return partial(_generator, _begin_async)
    return partial(_generator, _begin) if inspect.isgeneratorfunction(function) else _synchronous


# Error reporters send the local variables of each frame of a traceback, and some also those of the
# running frames. Therefore every wrapper deletes the variables that hold the header fields of the
# request before the handler runs or the refusal is raised.


def _handed_over(
    handler: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[Callable[[], Any]]:
    """Return a list of one call, which the caller makes by `pop()()` after deleting its arguments.

    Then no local variable holds the arguments while the handler runs.
    """
    return [partial(handler, *args, **kwargs)]


def _asynchronous(handler: Callable[..., Any], policy: Policy) -> Callable[..., Any]:
    @wraps(handler)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        # Inlined from `connection_in`: the call would take 5% of the time of the guard.
        for connection in args:
            if HTTPConnection in type(connection).__mro__:
                break
        else:
            connection = connection_in((), kwargs)
        scope = connection.scope
        engine, who = scope.get(ENGINE_KEY), scope.get(TOKEN_KEY) or scope.get(PRINCIPAL_KEY)
        lasting = scope["type"] == "websocket" and is_lasting(connection)
        passes = (
            not lasting
            and engine is not None
            and who is not None
            and policy.check(who, engine.resource.clock.wall) is None
        )
        del engine, who
        if not passes:
            refused = await refusal_of_async(connection, policy)
            if refused is not None:
                del args, kwargs, connection, scope
                raise refused from None
        try:
            answer = handler(*args, **kwargs)
        finally:  # an inner wrapper that is not a coroutine function may raise at once
            del args, kwargs, connection, scope
        return await answer

    return guarded


def _synchronous(handler: Callable[..., Any], policy: Policy) -> Callable[..., Any]:
    @wraps(handler)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        # Starlette and FastAPI run this function in a thread of their pool, so it may block.
        refused = refusal_of(connection_in(args, kwargs), policy)
        call = _handed_over(handler, args, kwargs)
        del args, kwargs
        if refused is not None:
            del call
            raise refused from None
        return call.pop()()

    return guarded


def _generator(
    begin: Callable[..., Any], handler: Callable[..., Any], policy: Policy
) -> Callable[..., Any]:
    # The wrapper is not a generator function. FastAPI creates the response of a handler from its
    # generator before the first step, and determines the kind of a dependency from the function
    # that it wraps.
    @wraps(handler)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        connection = connection_in(args, kwargs)
        scope = connection.scope
        if (scope["type"] == "websocket" and is_lasting(connection)) or not is_noted(scope):
            return begin(handler, policy, connection, args, kwargs)
        # This runs on the event loop. The token has been verified, so the decision does not block.
        refused = refusal_of(connection, policy)
        call = _handed_over(handler, args, kwargs)
        del args, kwargs, connection, scope
        if refused is not None:
            del call
            raise refused from None
        return call.pop()()

    return guarded


def _begin(
    handler: Callable[..., Any],
    policy: Policy,
    connection: HTTPConnection[Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Generator[Any, Any, Any]:
    refused = refusal_of(connection, policy)
    call = _handed_over(handler, args, kwargs)
    del args, kwargs, connection
    if refused is not None:
        del call
        raise refused from None
    return (yield from call.pop()())


async def _begin_async(
    handler: Callable[..., Any],
    policy: Policy,
    connection: HTTPConnection[Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> AsyncGenerator[Any, Any]:
    refused = await refusal_of_async(connection, policy)
    call = _handed_over(handler, args, kwargs)
    del args, kwargs, connection
    if refused is not None:
        del call
        raise refused from None
    steps: AsyncGenerator[Any, Any] = call.pop()()
    # An asynchronous generator has no `yield from` (PEP 525). Pass each value and exception that
    # this generator receives at its yield to `steps`.
    try:
        value = await anext(steps)
        while True:
            try:
                sent = yield value
            except GeneratorExit:
                await steps.aclose()
                raise
            except BaseException as error:  # noqa: BLE001  # it is thrown into `steps`
                value = await steps.athrow(error)
            else:
                value = await steps.asend(sent)
    except StopAsyncIteration:
        return


def _guard_class(endpoint: type[Any], policy: Policy) -> type[Any]:
    if not issubclass(endpoint, (HTTPEndpoint, WebSocketEndpoint)):
        raise UsageError(
            f"only HTTPEndpoint and WebSocketEndpoint classes can be guarded; {endpoint.__name__} "
            "is neither"
        )
    dispatch = endpoint.dispatch

    @wraps(dispatch)
    async def guarded(self: Any) -> None:
        if not is_permitted(self.scope, policy):
            refused = exception_of(
                self.scope,
                await decide_async(
                    self.scope, partial(request_from_scope, self.scope), policy, HOST
                ),
            )
            if refused is not None:
                del self
                raise refused from None
        try:
            answer = dispatch(self)
        finally:
            del self
        await answer

    # Change the class itself instead of creating a subclass: a subclass would change the name and
    # the identity of the class and break its own calls of super().
    endpoint.dispatch = mark_guarded(guarded, policy)  # type: ignore[method-assign]  # as above
    return endpoint
