"""The request of a Starlette handler, and the exception that stops the handler after a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketState

from iiniit_guard.adapting.decorators import (
    decide,
    decide_anew,
    decide_anew_async,
    decide_async,
    is_permitted,
)
from iiniit_guard.core.model.decision import Allow, Decision
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.request import request_from_scope
from iiniit_guard.errors import UsageError

HOST: Final = "starlette"


def connection_in(args: tuple[Any, ...], kwargs: dict[str, Any]) -> HTTPConnection[Any]:
    """Return the `Request` or `WebSocket` among the arguments of a handler."""
    # Search by type, not by name or position: methods have self as the first argument, and
    # frameworks on top of Starlette call with keywords. Search in the MRO: an HTTPConnection is a
    # Mapping, so isinstance would call ABCMeta, which takes a third of the time of the guard.
    connection: HTTPConnection[Any]
    for connection in args:
        if HTTPConnection in type(connection).__mro__:
            return connection
    for connection in kwargs.values():
        if HTTPConnection in type(connection).__mro__:
            return connection
    raise UsageError("a guarded handler needs the Request or WebSocket as one of its arguments")


def refusal_of(
    connection: HTTPConnection[Any], policy: Policy
) -> HTTPException | WebSocketException | None:
    """Return the exception that refuses a request; None if the request passes."""
    scope = connection.scope
    lasting = scope["type"] == "websocket" and is_lasting(connection)
    if not lasting and is_permitted(scope, policy):
        return None
    ask = decide_anew if lasting else decide
    return exception_of(scope, ask(scope, partial(request_from_scope, scope), policy, HOST))


async def refusal_of_async(
    connection: HTTPConnection[Any], policy: Policy, host: str = HOST
) -> HTTPException | WebSocketException | None:
    """Return the exception that refuses a request; None if the request passes.

    Args:
        connection: The `Request` or `WebSocket`.
        policy: The policy of the handler.
        host: The name of the adapter, for events.
    """
    scope = connection.scope
    lasting = scope["type"] == "websocket" and is_lasting(connection)
    ask = decide_anew_async if lasting else decide_async
    refused = exception_of(
        scope, await ask(scope, partial(request_from_scope, scope), policy, host)
    )
    if refused is not None and lasting and isinstance(connection, WebSocket):
        await connection.close(1008)  # before `on_disconnect` of the endpoint runs
    return refused


def exception_of(
    scope: Mapping[str, Any], decision: Decision
) -> HTTPException | WebSocketException | None:
    """Return the exception that stops the application; None if the decision is `Allow`.

    The middleware sends the recorded refusal itself.
    """
    if isinstance(decision, Allow):
        return None
    if scope["type"] == "websocket":
        return WebSocketException(1008)
    # Omit the content fields: an exception handler of the application may create another body.
    headers = {
        name: value for name, value in decision.headers if not name.lower().startswith("content-")
    }
    return HTTPException(decision.status, headers=headers)


def is_lasting(connection: HTTPConnection[Any]) -> bool:
    """Return whether a WebSocket is open, so that its token must be checked again.

    The state of an object that is not a `WebSocket` is unknown, so it counts as open.
    """
    if not isinstance(connection, WebSocket):
        return True
    # After the client has disconnected (on_disconnect), there is no connection to refuse.
    return (
        connection.application_state is WebSocketState.CONNECTED
        and connection.client_state is WebSocketState.CONNECTED
    )
