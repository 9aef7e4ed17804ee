"""Guard Starlette handlers one by one; `iiniit_guard.asgi.GuardMiddleware` guards the application."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial, wraps
from typing import Any, Final, TypeVar, cast

from iiniit_guard.adapting.decorator_order import function_of, remember_wrapped
from iiniit_guard.adapting.decorators import decide, decide_anew_async, decide_async, is_permitted, mark_guarded
from iiniit_guard.adapting.request_state import noted_token
from iiniit_guard.asgi import refuse
from iiniit_guard.core.access_token import AccessToken
from iiniit_guard.core.decision import Allow, Refusal
from iiniit_guard.core.policy import Policy, make_policy, scope_policy
from iiniit_guard.core.request import request_from_scope
from iiniit_guard.errors import UsageError, needs_extra

with needs_extra("starlette", "iiniit_guard.starlette"):
    from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
    from starlette.requests import HTTPConnection
    from starlette.responses import Response
    from starlette.websockets import WebSocket, WebSocketState

__all__ = ["access_token", "require_any_scope", "require_scope", "require_token"]

F = TypeVar("F", bound=Callable[..., Any])

_HOST: Final = "starlette"


def require_scope(*scopes: str, acr_values: str | Iterable[str] = (), max_age: int | None = None) -> Callable[[F], F]:
    """Let a handler run only for a token that has all of `scopes`.

    It decorates functions (synchronous ones too), endpoint classes and their methods, for HTTP and WebSocket, below the route
    decorator where there is one. One of the handler's arguments must be the `Request` or `WebSocket`, under any name.

    A method that gets each message of an accepted WebSocket (`on_receive`) asks again for each: the connection is closed with 1008 at the
    first message for which its token is no longer good. What decorates the whole handler, or its class, asks once, as it begins.

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
    return noted_token(connection.scope if isinstance(connection, HTTPConnection) else connection)


def _guarded(policy: Policy) -> Callable[[F], F]:
    def decorate(handler: F) -> F:
        if isinstance(handler, type):
            return cast("F", _guard_class(handler, policy))
        # Starlette takes any other callable for a bare ASGI application; wrapped in a function it would be called in vain.
        if not inspect.isfunction(function_of(handler)):
            raise UsageError(
                f"only functions and endpoint classes can be guarded, not a {type(handler).__name__}: decorate the handler itself"
            )
        guard = _asynchronous if inspect.iscoroutinefunction(function_of(handler)) else _synchronous
        wrapper = mark_guarded(guard(handler, policy), policy)
        remember_wrapped(handler, wrapper)
        return cast("F", wrapper)

    return decorate


def _asynchronous(handler: Callable[..., Any], policy: Policy) -> Callable[..., Any]:
    @wraps(handler)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        for connection in args:  # as in `_connection`: the call alone would cost a twentieth of the guard
            if HTTPConnection in type(connection).__mro__:
                break
        else:
            connection = _connection((), kwargs)
        scope = connection.scope
        lasting = scope["type"] == "websocket" and _is_open(cast("WebSocket", connection))
        if lasting or not is_permitted(scope, policy):
            ask = decide_anew_async if lasting else decide_async
            decision = await ask(scope, partial(request_from_scope, scope), policy, _HOST)
            if not isinstance(decision, Allow):
                return await _refuse_websocket(connection, decision) if isinstance(connection, WebSocket) else _response(decision)
        return await handler(*args, **kwargs)

    return guarded


def _synchronous(handler: Callable[..., Any], policy: Policy) -> Callable[..., Any]:
    @wraps(handler)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        scope = _connection(args, kwargs).scope
        if scope["type"] != "http":  # nothing here could send the refusal
            raise UsageError("a guarded WebSocket handler is an async function")
        if not is_permitted(scope, policy):
            # Starlette runs this in a thread of its pool, where blocking is allowed.
            decision = decide(scope, partial(request_from_scope, scope), policy, _HOST)
            if not isinstance(decision, Allow):
                return _response(decision)
        return handler(*args, **kwargs)

    return guarded


def _guard_class(endpoint: type[Any], policy: Policy) -> type[Any]:
    if not issubclass(endpoint, (HTTPEndpoint, WebSocketEndpoint)):
        raise UsageError(f"only HTTPEndpoint and WebSocketEndpoint classes can be guarded; {endpoint.__name__} is neither")
    dispatch = endpoint.dispatch

    @wraps(dispatch)
    async def guarded(self: Any) -> None:
        scope = self.scope
        if not is_permitted(scope, policy):
            decision = await decide_async(scope, partial(request_from_scope, scope), policy, _HOST)
            if not isinstance(decision, Allow):
                await refuse(scope, self.receive, self.send, decision)
                return
        await dispatch(self)

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


def _response(decision: Refusal) -> Response:
    response = Response(decision.body, decision.status)
    response.raw_headers = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in decision.headers]
    return response


def _is_open(websocket: WebSocket) -> bool:
    # After the client's end (on_disconnect) there is nobody to refuse.
    return websocket.application_state is WebSocketState.CONNECTED and websocket.client_state is WebSocketState.CONNECTED


async def _refuse_websocket(websocket: WebSocket, decision: Refusal) -> None:
    if websocket.application_state is WebSocketState.CONNECTED:  # on_receive
        await websocket.close(1008)
    elif websocket.application_state is WebSocketState.CONNECTING:
        heard = websocket.client_state is not WebSocketState.CONNECTING  # somebody received the connect message before us
        await refuse(websocket.scope, _connect_again if heard else websocket.receive, websocket.send, decision)


async def _connect_again() -> dict[str, Any]:
    return {"type": "websocket.connect"}
