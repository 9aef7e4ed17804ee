"""Pass the messages of an ASGI application on until a handler records a refusal."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Iterable
from functools import partial
from typing import Final, NoReturn

from iiniit_guard.adapting.admission import Admission
from iiniit_guard.adapting.middleware import is_exception
from iiniit_guard.adapting.refusal import add_headers, replace_headers
from iiniit_guard.adapting.request_state import RECORD_KEY, RefusalRecord
from iiniit_guard.adapting.types import Message, ReadState, Receive, Scope, Send
from iiniit_guard.core.decide import Presented, Unfinished
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Refusal, Response
from iiniit_guard.core.model.request import request_from_scope, route_path
from iiniit_guard.engine import Engine
from iiniit_guard.errors import UsageError

_DENIAL: Final = "websocket.http.response"
# Before ASGI 2.4 an application learns of the end of a connection only from `receive`. An
# application that does not call `receive` must not run without end.
_MAX_DROPPED: Final = 64


class RefusalSent(OSError):
    """The application sends a message after the guard refused its request.

    Frameworks treat an OSError of `send` as the end of the connection.

    Spec: ASGI 2.4, "Disconnected Client - send exception".
    """

    def __init__(self) -> None:
        super().__init__(
            "the guard refused this request and sent its refusal, so nothing more can be sent"
        )


class HttpExchange(RefusalRecord):
    """The record of one HTTP request, and the `send` of its application.

    A refusal that is recorded before the response starts replaces the whole response. If the
    application continues to stream, `send` raises `RefusalSent`. A refusal that is recorded later
    aborts the response: no further message passes, and the middleware raises an exception, so that
    the server closes the connection.

    Args:
        scope: The scope of the server.
        receive: The `receive` of the server.
        send: The `send` of the server.

    Attributes:
        receive: The `receive` of the server, for the application.
        started: Whether a response of the application has started, so that it can no longer be
            replaced.
    """

    started: bool = False
    _replaced = False
    _dropped = 0

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        outer = scope.get(RECORD_KEY)
        if isinstance(outer, RefusalRecord):
            self.outer: RefusalRecord | None = outer
        self.receive: Receive = receive
        self._scope = scope
        self._send = send

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message of the application on, or send the refusal in place of its response."""
        if self.refusal is not None:
            return self._replace(message, self.refusal)
        if message["type"] == "http.response.start":
            self.started = True
            if self.added:
                message = _with_headers(message, self.added)
        return self._send(message)

    async def finish(self, refusal: Refusal) -> None:
        """Send the refusal of an application that ended without starting a response.

        Raises:
            UsageError: Its response had started.
        """
        if self.started:
            _abort()
        if not self._replaced:
            await self._refuse(refusal, ())

    async def _replace(self, message: Message, refusal: Refusal) -> None:
        if self.started:
            _abort()
        if message["type"] == "http.response.start" and not self._replaced:
            await self._refuse(refusal, message.get("headers") or ())
            return
        # Every other message belongs to the replaced response: bodies, paths of files, trailers,
        # pushes, early hints.
        self._dropped += 1
        if self._dropped > _MAX_DROPPED or (
            self._replaced and message.get("more_body") and _send_may_raise(self._scope)
        ):
            raise RefusalSent

    async def _refuse(self, refusal: Refusal, replaced: Iterable[tuple[bytes, bytes]]) -> None:
        headers = _encoded(replace_headers(refusal, _decoded(replaced)))
        self._replaced = True
        await self._send(
            {"type": "http.response.start", "status": refusal.status, "headers": headers}
        )
        await self._send(
            {
                "type": "http.response.body",
                "body": b"" if self._scope.get("method") == "HEAD" else refusal.body,
            }
        )


class WebsocketExchange(RefusalRecord):
    """The record of one WebSocket connection, and the `receive` and `send` of its application.

    A refusal that is recorded before the connection is accepted is sent as a denial response. A
    later refusal closes the connection with code 1008. Afterwards `receive` returns a disconnect
    message to the application. If the application continues to send, `send` raises `RefusalSent`.

    Args:
        scope: The scope of the server.
        receive: The `receive` of the server.
        send: The `send` of the server.

    Attributes:
        started: Whether a denial response of the application has started, so that it can no longer
            be replaced.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        outer = scope.get(RECORD_KEY)
        if isinstance(outer, RefusalRecord):
            self.outer: RefusalRecord | None = outer
        self.started: bool = False
        self._scope, self._receive, self._send = scope, receive, send
        self._heard = self._accepted = self._ended = False
        self._dropped = 0

    async def receive(self) -> Message:
        """Return the next message of the client; after a refusal, a disconnect message."""
        if self.refusal is None:
            message = await self._hear()
            if self.refusal is None:
                return message
        await self.finish(self.refusal)
        return {"type": "websocket.disconnect", "code": 1008, "reason": ""}

    async def send(self, message: Message) -> None:
        """Pass a message of the application on; after a refusal, end the connection instead."""
        kind = message["type"]
        if self.refusal is not None:
            await self.finish(self.refusal)
            self._dropped += 1
            goes_on = kind == "websocket.send" or message.get("more_body")
            if self._dropped > _MAX_DROPPED or (goes_on and _send_may_raise(self._scope)):
                raise RefusalSent
            return
        if kind == "websocket.accept":
            self._accepted = True
            if self.added:
                message = _with_headers(message, self.added)
        elif kind == "websocket.close":
            self._ended = True
        elif kind == f"{_DENIAL}.start":
            self.started = True
        await self._send(message)

    async def finish(self, refusal: Refusal) -> None:
        """End the connection with the refusal, unless the connection has ended.

        Raises:
            UsageError: A denial response of the application had started.
        """
        if self.started:
            _abort()
        if self._ended:
            return
        self._ended = True
        if self._accepted:
            await self._send({"type": "websocket.close", "code": 1008, "reason": ""})
        else:
            await refuse(
                self._scope, _connect_again if self._heard else self._receive, self._send, refusal
            )

    async def _hear(self) -> Message:
        # Set before the message arrives: Quart waits for it in a task of its own. A refusal that
        # waited for a second message would wait forever.
        self._heard = True
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._ended = True
        return message


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [
        (bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in headers
    ]


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _with_headers(message: Message, added: Iterable[tuple[str, str]]) -> Message:
    """Return the message that starts a response, with further header fields."""
    present = _decoded(message.get("headers") or ())
    return {**message, "headers": _encoded(add_headers(added, present))}


def begin_scope(
    engine: Engine, admission: Admission, scope: ReadState, host: str
) -> AccessToken | Unfinished | None:
    """Decide about an ASGI request on the fast path: without creating a `Request` and without I/O.

    The fast path applies to requests for which any valid token suffices.

    Returns:
        The token of an admitted request; the argument `begun` of `admit`; or None if the fast path
        does not apply. It requires exactly one Authorization field.
    """
    authorization = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            if authorization is not None:  # RFC 6750 §3.1: several credentials are refused
                return None
            authorization = value
    if authorization is None or not admission.wants_any_token:
        return None
    if (admission.has_public_paths or engine.metadata_path is not None) and is_exception(
        engine, admission, route_path(scope)
    ):
        return None
    read, method = partial(request_from_scope, scope), scope.get("method", "GET")
    return engine.begin(
        Presented(authorization, scope.get("query_string", b""), read, method, host)
    )


async def refuse(scope: Scope, receive: Receive, send: Send, decision: Response) -> None:
    """Send a refusal on a connection that has no response yet.

    Spec: ASGI 3.0, "WebSocket Denial Response" extension. Without it, a close before accept makes
        the server send a 403 without the header fields and body of the refusal.
    """
    kind = "http.response"
    if scope["type"] == "websocket":
        if (await receive())["type"] != "websocket.connect":
            return
        if _DENIAL not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        kind = _DENIAL
    headers = [
        (name.lower().encode("ascii"), value.encode("ascii")) for name, value in decision.headers
    ]
    await send({"type": f"{kind}.start", "status": decision.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": decision.body})


def answers_preflights(app: object) -> bool:
    """Return whether `app` answers every CORS preflight itself.

    The type must be exactly `CORSMiddleware`: a subclass may pass preflights to the application.
    """
    # Starlette may not be installed. If it was not imported, `app` cannot be its middleware.
    cors = sys.modules.get("starlette.middleware.cors")
    return cors is not None and type(app) is cors.CORSMiddleware


def _send_may_raise(scope: Scope) -> bool:
    """Return whether the ASGI version is at least 2.4, in which `send` may raise an OSError."""
    version = (scope.get("asgi") or {}).get("spec_version") or "2.0"
    return tuple(map(int, version.split("."))) >= (2, 4)


async def _connect_again() -> Message:
    return {"type": "websocket.connect"}


def _abort() -> NoReturn:
    raise UsageError(
        "a guarded function refused the request after its response had started, so the connection "
        "is closed: "
        "decorate the handler, or call the guarded function before the response starts"
    ) from None
