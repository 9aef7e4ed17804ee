"""Guard Starlette handlers one by one; `iiniit_guard.asgi.GuardMiddleware` guards the application."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from functools import partial, wraps
from typing import Any, Final, TypeVar, cast

from iiniit_guard.adapting.decorator_order import function_of, remember_wrapped
from iiniit_guard.adapting.decorators import (
    decide,
    decide_anew,
    decide_anew_async,
    decide_async,
    is_noted,
    is_permitted,
    mark_guarded,
    policies_of,
)
from iiniit_guard.adapting.request_state import GUARD_KEY, PRINCIPAL_KEY, TOKEN_KEY, noted_token
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Decision
from iiniit_guard.core.model.policy import Policy, make_policy, scope_policy
from iiniit_guard.core.model.request import request_from_scope
from iiniit_guard.errors import UsageError, needs_extra

with needs_extra("starlette", "iiniit_guard.starlette"):
    from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
    from starlette.exceptions import HTTPException, WebSocketException
    from starlette.requests import HTTPConnection
    from starlette.websockets import WebSocket, WebSocketState

__all__ = ["access_token", "require_any_scope", "require_scope", "require_token"]

F = TypeVar("F", bound=Callable[..., Any])

_HOST: Final = "starlette"


def require_scope(*scopes: str, acr_values: str | Iterable[str] = (), max_age: int | None = None) -> Callable[[F], F]:
    """Let a handler run only for a token that has all of `scopes`.

    It decorates functions (synchronous ones too), endpoint classes and their methods, for HTTP and WebSocket, below the route
    decorator where there is one. One of the handler's arguments must be the `Request` or `WebSocket`, under any name. Functions that
    FastAPI calls as dependencies are decorated alike, generator functions too: `Depends(require_scope("user:read")(dependency))`.

    A refusal is recorded for the middleware, which sends it in place of any other answer, and raised as Starlette's `HTTPException`
    or `WebSocketException`, so that the handler does not run. An application that catches the exception is refused nevertheless.

    A method that gets each message of an accepted WebSocket (`on_receive`) asks again for each: the connection is closed with 1008 at the
    first message for which its token is no longer good. What decorates the whole handler, or its class, asks once, as it begins.

    A generator function asks when it is called if the request has a token already, else before its first step.

    Args:
        *scopes: Wanted, all of them.
        acr_values: Acceptable authentication context classes, best first (RFC 9470).
        max_age: Seconds that may have passed since the subject's authentication (RFC 9470).

    Raises:
        UsageError: An argument is unusable, or what is decorated is no handler.
    """
    return _guarded(scope_policy(scopes, "all", acr_values, max_age))


def require_any_scope(*scopes: str, acr_values: str | Iterable[str] = (), max_age: int | None = None) -> Callable[[F], F]:
    """Let a handler run only for a token that has at least one of `scopes`; a challenge names the first. See `require_scope`."""
    return _guarded(scope_policy(scopes, "any", acr_values, max_age))


def require_token(*, acr_values: str | Iterable[str] = (), max_age: int | None = None) -> Callable[[F], F]:
    """Let a handler run only for a valid token, whatever its scopes. See `require_scope`."""
    return _guarded(make_policy(acr_values=acr_values, max_age=max_age))


def access_token(connection: HTTPConnection[Any] | Mapping[str, Any]) -> AccessToken:
    """Give the access token of a `Request`, a `WebSocket` or an ASGI scope.

    Raises:
        UsageError: There is none. Where that may happen, look into `scope["iiniit_guard.access_token"]`.
    """
    scope = connection.scope if isinstance(connection, HTTPConnection) else connection
    token = scope.get(TOKEN_KEY)
    return token if isinstance(token, AccessToken) else noted_token(scope)


def _guarded(policy: Policy) -> Callable[[F], F]:
    def decorate(handler: F) -> F:
        if isinstance(handler, type):
            return cast("F", _guard_class(handler, policy))
        # Starlette takes any other callable for a bare ASGI application; wrapped in a function it would be called in vain.
        if not inspect.isfunction(function_of(handler)):
            raise UsageError(
                f"only functions and endpoint classes can be guarded, not a {type(handler).__name__}: decorate the handler itself"
            )
        wrapper = mark_guarded(_wrapper_for(function_of(handler))(handler, policy), policy)
        remember_wrapped(handler, wrapper)
        return cast("F", wrapper)

    return decorate


def _wrapper_for(function: Any) -> Callable[[Callable[..., Any], Policy], Callable[..., Any]]:
    # What `_generator` makes is known by what it wraps.
    function = inspect.unwrap(function, stop=lambda link: not policies_of(link))
    if inspect.iscoroutinefunction(function):
        return _asynchronous
    if inspect.isasyncgenfunction(function):
        return partial(_generator, _begin_async)
    return partial(_generator, _begin) if inspect.isgeneratorfunction(function) else _synchronous


# Every wrapper lets go of what holds the request's header fields before the handler runs or the refusal is raised: error reporters
# send the local variables of each frame of a traceback, and some those of the running frames.


def _handed_over(handler: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Callable[[], Any]]:
    """Return a list of one call. `pop()()` makes it when the caller has deleted its arguments: no variable holds them meanwhile."""
    return [partial(handler, *args, **kwargs)]


def _asynchronous(handler: Callable[..., Any], policy: Policy) -> Callable[..., Any]:
    @wraps(handler)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        for connection in args:  # as in `_connection`: the call alone would cost a twentieth of the guard
            if HTTPConnection in type(connection).__mro__:
                break
        else:
            connection = _connection((), kwargs)
        scope = connection.scope
        guard, who = scope.get(GUARD_KEY), scope.get(TOKEN_KEY) or scope.get(PRINCIPAL_KEY)
        lasting = scope["type"] == "websocket" and _is_lasting(connection)
        passes = not lasting and guard is not None and who is not None and policy.check(who, guard.resource.clock.wall) is None
        del guard, who
        if not passes:
            refused = await _refused_async(connection, policy)
            if refused is not None:
                del args, kwargs, connection, scope
                raise refused from None
        try:
            answer = handler(*args, **kwargs)
        finally:  # a wrapper below that is no coroutine function may raise at once
            del args, kwargs, connection, scope
        return await answer

    return guarded


def _synchronous(handler: Callable[..., Any], policy: Policy) -> Callable[..., Any]:
    @wraps(handler)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        # Starlette and FastAPI run this in a thread of their pool, where blocking is allowed.
        refused = _refused(_connection(args, kwargs), policy)
        call = _handed_over(handler, args, kwargs)
        del args, kwargs
        if refused is not None:
            del call
            raise refused from None
        return call.pop()()

    return guarded


def _generator(begin: Callable[..., Any], handler: Callable[..., Any], policy: Policy) -> Callable[..., Any]:
    # No generator function itself: FastAPI makes a response of a handler's generator before the first step, and finds out what a
    # dependency is by what it wraps.
    @wraps(handler)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        connection = _connection(args, kwargs)
        scope = connection.scope
        if (scope["type"] == "websocket" and _is_lasting(connection)) or not is_noted(scope):
            return begin(handler, policy, connection, args, kwargs)
        # This runs on the event loop. What is known of a token that was verified is decided without waiting.
        refused = _refused(connection, policy)
        call = _handed_over(handler, args, kwargs)
        del args, kwargs, connection, scope
        if refused is not None:
            del call
            raise refused from None
        return call.pop()()

    return guarded


def _begin(
    handler: Callable[..., Any], policy: Policy, connection: HTTPConnection[Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Generator[Any, Any, Any]:
    refused = _refused(connection, policy)
    call = _handed_over(handler, args, kwargs)
    del args, kwargs, connection
    if refused is not None:
        del call
        raise refused from None
    return (yield from call.pop()())


async def _begin_async(
    handler: Callable[..., Any], policy: Policy, connection: HTTPConnection[Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> AsyncGenerator[Any, Any]:
    refused = await _refused_async(connection, policy)
    call = _handed_over(handler, args, kwargs)
    del args, kwargs, connection
    if refused is not None:
        del call
        raise refused from None
    steps: AsyncGenerator[Any, Any] = call.pop()()
    # An asynchronous generator cannot delegate by itself (PEP 525): what is thrown into this one at its yield is meant for `steps`.
    try:
        value = await anext(steps)
        while True:
            try:
                sent = yield value
            except GeneratorExit:
                await steps.aclose()
                raise
            except BaseException as error:  # noqa: BLE001  # it is thrown on
                value = await steps.athrow(error)
            else:
                value = await steps.asend(sent)
    except StopAsyncIteration:
        return


def _guard_class(endpoint: type[Any], policy: Policy) -> type[Any]:
    if not issubclass(endpoint, (HTTPEndpoint, WebSocketEndpoint)):
        raise UsageError(f"only HTTPEndpoint and WebSocketEndpoint classes can be guarded; {endpoint.__name__} is neither")
    dispatch = endpoint.dispatch

    @wraps(dispatch)
    async def guarded(self: Any) -> None:
        if not is_permitted(self.scope, policy):
            refused = _exception(self.scope, await decide_async(self.scope, partial(request_from_scope, self.scope), policy, _HOST))
            if refused is not None:
                del self
                raise refused from None
        try:
            answer = dispatch(self)
        finally:
            del self
        await answer

    # The class itself changes, not a subclass of it: its name, its identity and its own calls of super() stay what they were.
    endpoint.dispatch = mark_guarded(guarded, policy)  # type: ignore[method-assign]  # as above
    return endpoint


def _connection(args: tuple[Any, ...], kwargs: dict[str, Any]) -> HTTPConnection[Any]:
    # By type, not by name or place: methods come with self, and frameworks on top of Starlette call with keywords.
    # By its bases: an HTTPConnection is a Mapping, so isinstance would ask ABCMeta, which takes as long as a third of the guard.
    connection: HTTPConnection[Any]
    for connection in args:
        if HTTPConnection in type(connection).__mro__:
            return connection
    for connection in kwargs.values():
        if HTTPConnection in type(connection).__mro__:
            return connection
    raise UsageError("a guarded handler needs the Request or WebSocket as one of its arguments")


def _refused(connection: HTTPConnection[Any], policy: Policy) -> HTTPException | WebSocketException | None:
    scope = connection.scope
    lasting = scope["type"] == "websocket" and _is_lasting(connection)
    if not lasting and is_permitted(scope, policy):
        return None
    ask = decide_anew if lasting else decide
    return _exception(scope, ask(scope, partial(request_from_scope, scope), policy, _HOST))


async def _refused_async(connection: HTTPConnection[Any], policy: Policy) -> HTTPException | WebSocketException | None:
    scope = connection.scope
    lasting = scope["type"] == "websocket" and _is_lasting(connection)
    ask = decide_anew_async if lasting else decide_async
    refused = _exception(scope, await ask(scope, partial(request_from_scope, scope), policy, _HOST))
    if refused is not None and lasting and isinstance(connection, WebSocket):
        await connection.close(1008)  # so that what runs at the end (on_disconnect) finds it closed
    return refused


def _exception(scope: Mapping[str, Any], decision: Decision) -> HTTPException | WebSocketException | None:
    """Return what stops the application; the middleware sends the refusal itself, which was recorded."""
    if isinstance(decision, Allow):
        return None
    if scope["type"] == "websocket":
        return WebSocketException(1008)
    # A handler of the application's may make its own body of it.
    headers = {name: value for name, value in decision.headers if not name.lower().startswith("content-")}
    return HTTPException(decision.status, headers=headers)


def _is_lasting(connection: HTTPConnection[Any]) -> bool:
    """Return whether a WebSocket is open, so that its token is judged anew; an object of another type does not show that it is not."""
    if not isinstance(connection, WebSocket):
        return True
    # After the client's end (on_disconnect) there is nobody to refuse.
    return connection.application_state is WebSocketState.CONNECTED and connection.client_state is WebSocketState.CONNECTED
