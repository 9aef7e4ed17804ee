"""The exceptions that stop a refused request, and their exception handlers.

The types are of their own so that the application's handlers of `HTTPException` and
`WebSocketException` do not run. The middleware sends the recorded refusal in place of any response.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from starlette.exceptions import HTTPException, WebSocketException
from starlette.responses import Response

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.websockets import WebSocket


class Refused(HTTPException):
    """Stops an HTTP request that the guard refused."""


class WebSocketRefused(WebSocketException):
    """Stops a WebSocket that the guard refused."""


def own_exception(
    refused: HTTPException | WebSocketException,
) -> Refused | WebSocketRefused:
    """Return the exception of this adapter for an exception of the Starlette adapter."""
    if isinstance(refused, WebSocketException):
        return WebSocketRefused(refused.code)
    return Refused(refused.status_code, headers=refused.headers)


def add_handlers(app: FastAPI) -> None:
    """Add the exception handlers to an application."""
    app.add_exception_handler(Refused, _answer)
    app.add_exception_handler(WebSocketRefused, _close)


async def _answer(_request: Request, error: Exception) -> Response:
    refused = cast("Refused", error)
    return Response(status_code=refused.status_code, headers=refused.headers)


async def _close(websocket: WebSocket, error: Exception) -> None:
    await websocket.close(cast("WebSocketRefused", error).code)
