"""The request of a Starlette handler, and the exception that stops the handler after a refusal."""

from __future__ import annotations

from functools import partial
from typing import Any, Final, TypeAlias

from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketState

from iiniit_guard.adapting.decorators import decide, decide_async, is_noted, is_permitted
from iiniit_guard.adapting.types import Args, Keywords, Scope
from iiniit_guard.adapting.wrappers import LATER
from iiniit_guard.core.model.decision import Allow, Decision
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.request import request_from_scope
from iiniit_guard.errors import UsageError

Connection: TypeAlias = HTTPConnection[Any]
Refused: TypeAlias = HTTPException | WebSocketException

HOST: Final = "starlette"


def connection_in(args: Args, kwargs: Keywords) -> Connection:
    """Return the `Request` or `WebSocket` among the arguments of a handler."""
    # Search by type, not by name or position: methods have self as the first argument, and
    # frameworks on top of Starlette call with keywords. Search in the MRO: an HTTPConnection is a
    # Mapping, so isinstance would call ABCMeta, which takes a third of the time of the guard.
    connection: Connection
    for connection in args:
        if HTTPConnection in type(connection).__mro__:
            return connection
    for connection in kwargs.values():
        if HTTPConnection in type(connection).__mro__:
            return connection
    raise UsageError("a guarded handler needs the Request or WebSocket as one of its arguments")


def call_refusal(args: Args, kwargs: Keywords, policy: Policy) -> Exception | None:
    """Return the exception that refuses the request of a call; None if the request passes."""
    connection = connection_in(args, kwargs)
    scope, anew = connection.scope, _is_checked_anew(connection)
    if not anew and is_permitted(scope, policy):
        return None
    read = partial(request_from_scope, scope)
    return _exception_of(scope, decide(scope, read, policy, HOST, anew=anew))


async def call_refusal_async(args: Args, kwargs: Keywords, policy: Policy) -> Exception | None:
    """Asynchronous version of `call_refusal`."""
    return await refusal_of_async(connection_in(args, kwargs), policy)


def step_refusal(args: Args, kwargs: Keywords, policy: Policy) -> Exception | None:
    """Return what `call_refusal` returns; `LATER` if the decision may wait for an issuer.

    Raises:
        UsageError: No middleware ran.
    """
    connection = connection_in(args, kwargs)
    if _is_checked_anew(connection) or not is_noted(connection.scope):
        return LATER
    return call_refusal(args, kwargs, policy)


async def refusal_of_async(
    connection: Connection, policy: Policy, host: str = HOST
) -> Refused | None:
    """Return the exception that refuses a request; None if the request passes.

    Args:
        connection: The `Request` or `WebSocket`.
        policy: The policy of the handler.
        host: The name of the adapter, for events.
    """
    scope, anew = connection.scope, _is_checked_anew(connection)
    read = partial(request_from_scope, scope)
    refused = _exception_of(scope, await decide_async(scope, read, policy, host, anew=anew))
    if refused is not None and anew and isinstance(connection, WebSocket):
        await connection.close(1008)  # before `on_disconnect` of the endpoint runs
    return refused


async def endpoint_refusal(args: Args, _kwargs: Keywords, policy: Policy) -> Exception | None:
    """Return the exception that refuses a request before `dispatch` of its endpoint, or None."""
    scope: Scope = args[0].scope
    if is_permitted(scope, policy):
        return None
    read = partial(request_from_scope, scope)
    return _exception_of(scope, await decide_async(scope, read, policy, HOST))


def _is_checked_anew(connection: Connection) -> bool:
    return connection.scope["type"] == "websocket" and is_lasting(connection)


def _exception_of(scope: Scope, decision: Decision) -> Refused | None:
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


def is_lasting(connection: Connection) -> bool:
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
