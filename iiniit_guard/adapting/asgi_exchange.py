"""Pass the messages of an ASGI application on until a handler records a refusal."""

from __future__ import annotations

import asyncio
import sys
from asyncio import current_task
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from typing import Final

from iiniit_guard.adapting.admission import Admission
from iiniit_guard.adapting.asgi_messages import (
    BODIES,
    DENIAL,
    DISCONNECT,
    MAX_DROPPED,
    RefusalSent,
    abort,
    decoded,
    encoded,
    send_may_raise,
    with_headers,
)
from iiniit_guard.adapting.long_lived import AsgiExchange, ConnectionEnded, StreamAborted
from iiniit_guard.adapting.loop_watcher import LoopWatcher
from iiniit_guard.adapting.loop_watches import LoopWatch
from iiniit_guard.adapting.middleware import is_exception
from iiniit_guard.adapting.refusal import replace_headers
from iiniit_guard.adapting.request_state import RECORD_KEY, RefusalRecord
from iiniit_guard.adapting.response_record import NOTE
from iiniit_guard.adapting.types import Message, ReadState, Receive, Scope, Send
from iiniit_guard.core.decide import Unfinished
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Refusal, Response
from iiniit_guard.core.model.request import request_from_scope, route_path
from iiniit_guard.core.presented import Presented
from iiniit_guard.engine import Engine

_BREAK_OFF_SECONDS: Final = 1.0
_TRAILERS: Final = "http.response.trailers"


class HttpExchange(AsgiExchange):
    """The record of one HTTP request, and the `send` of its application.

    A refusal that is recorded before the response starts replaces the whole response. If the
    application continues to stream, `send` raises `RefusalSent`. A refusal that is recorded later
    aborts the response: no further message passes, and the middleware raises an exception, so that
    the server closes the connection.

    Args:
        watcher: Of the middleware.
        scope: The scope of the server.
        receive: The `receive` of the server.
        send: The `send` of the server.
    """

    # Defaults of the class: each attribute of an object takes time for every request.
    _replaced = _complete = _has_trailers = False
    started: bool
    is_over: bool
    watch: LoopWatch | None
    _dropped = 0
    _is_read = False  # the request is complete
    _last = ""  # the type of the last message of a response that no refusal or watch affects

    def __init__(self, watcher: LoopWatcher, scope: Scope, receive: Receive, send: Send) -> None:
        outer = scope.get(RECORD_KEY)
        if outer is not None and isinstance(outer, RefusalRecord):
            self.outer: RefusalRecord | None = outer
        self._receive = receive
        self.watcher: LoopWatcher | None = watcher
        self.is_affected: bool = False
        self.added: tuple[tuple[str, str], ...] = ()
        self._scope = scope
        self._send = send

    async def receive(self) -> Message:
        """Return the next message of the client.

        After the end of the token: a disconnect message, or none if messages are discarded.
        """
        while True:
            if self._is_read and not self._is_answered():
                self.expect_body(NOTE)
            message = self.kept.pop(0) if self.kept else await self._receive()
            self._is_read = not message.get("more_body")
            watch = self.watch
            if watch is None:
                return DISCONNECT if self.is_over else message
            if (
                message["type"] == "http.disconnect"
                or watch.is_current()
                or await self.hands_on(watch, message)
            ):
                return message
            if not watch.discards:
                return DISCONNECT

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message of the application on, or send the refusal in place of its response."""
        if self.is_affected:
            return self._send_affected(message)
        if message["type"] == "http.response.start":
            self.started = True
            if self.added:
                message = with_headers(message, self.added)
            if "trailers" in message:
                self._has_trailers = bool(message["trailers"])
        elif "more_body" in message and message["more_body"]:  # noqa: RUF019 - get() takes longer
            self.start_watch(NOTE)
            return self._send_affected(message)
        else:
            self._last = message["type"]
        return self._send(message)

    def _send_affected(self, message: Message) -> Awaitable[None]:
        """Pass a message on, unless a refusal replaces it or the token of its stream has ended."""
        if self.refusal is not None:
            return self._replace(message, self.refusal)
        if message["type"] == "http.response.start" and not self.started:
            self.started = True
            self._has_trailers = bool(message.get("trailers"))
            if self.added:
                message = with_headers(message, self.added)
            if self.is_late:
                self.start_watch(NOTE)
        elif self._ends(message):
            self.stop_expecting()
            self.watcher = None  # nothing is watched after the response
        elif message.get("more_body"):
            self.start_watch(NOTE, is_due=self.is_late)
        if self.watch is not None:
            return self._send_part(message, self.watch)
        if self.is_over:
            raise ConnectionEnded
        return self._send(message)

    async def finish(self, error: BaseException | None) -> bool:
        """Send the refusal of an application that ended without starting a response.

        Args:
            error: The exception with which the application ended.

        Returns:
            Whether the caller must raise that exception.

        Raises:
            StreamAborted: The token of its streaming response is no longer valid.
            UsageError: Its response had started.
        """
        self.stop_expecting()
        if self.stop_watch(error):
            if not self._complete:
                await self._break_off()
                raise StreamAborted from None
            if isinstance(error, asyncio.CancelledError):  # of this guard
                return False
        if error is not None and (self.started or not isinstance(error, Exception)):
            return True
        if self.refusal is None:
            return error is not None
        if self.started:
            abort()
        if not self._replaced:
            await self._refuse(self.refusal, ())
        return False

    def token_ended(self, watch: LoopWatch) -> None:
        """Cancel the application, because it may wait forever for its next message.

        Its own task gets an exception instead, and a task that is being cancelled should end. Both
        may go on nevertheless.
        """
        if watch.discards:
            return
        watch.be_overdue_later()
        if self.task is not current_task() and not (self.task and self.task.cancelling()):
            self.overdue()

    async def _break_off(self) -> None:
        """Send a message that no layer accepts, so that each of them fails.

        After an exception alone, Starlette's `BaseHTTPMiddleware` completes the response before it
        raises the exception.
        """
        with suppress(Exception):
            async with asyncio.timeout(_BREAK_OFF_SECONDS):  # the client may read nothing
                await self._send({"type": "http.response.abort"})

    async def _send_part(self, message: Message, watch: LoopWatch) -> None:
        """Pass a message of a streaming response on if its token is still valid."""
        if watch.is_current() or await watch.permits_async():
            await self._send(message)
            if self._ends(message):
                self._complete = True
                watch.close()  # the application may go on: a background task of Starlette
                self.watch, self.is_over = None, watch.ended is not None
        elif not watch.discards:
            raise ConnectionEnded
        else:
            await asyncio.sleep(0)  # the application may never wait

    def _is_answered(self) -> bool:
        """Return whether the response ended with `_last`."""
        return self._last == _TRAILERS or (self._last in BODIES and not self._has_trailers)

    def _ends(self, message: Message) -> bool:
        """Return whether a message is the last one of the response."""
        if message["type"] == _TRAILERS:
            return not message.get("more_trailers")
        return message["type"] in BODIES and not message.get("more_body") and not self._has_trailers

    async def _replace(self, message: Message, refusal: Refusal) -> None:
        if self.started:
            abort()
        if message["type"] == "http.response.start" and not self._replaced:
            await self._refuse(refusal, message.get("headers") or ())
            return
        # Every other message belongs to the replaced response: bodies, paths of files, trailers,
        # pushes, early hints.
        self._dropped += 1
        if self._dropped > MAX_DROPPED or (
            self._replaced and message.get("more_body") and send_may_raise(self._scope)
        ):
            raise RefusalSent

    async def _refuse(self, refusal: Refusal, replaced: Iterable[tuple[bytes, bytes]]) -> None:
        headers = encoded(replace_headers(refusal, decoded(replaced)))
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


def begin_scope(
    engine: Engine, admission: Admission, scope: ReadState, host: str
) -> AccessToken | Unfinished | None:
    """Decide about an ASGI request on the fast path: without creating a `Request` and without I/O.

    The fast path applies to requests for which any valid token suffices.

    Returns:
        The same as `begin_environ`; None unless the request has exactly one Authorization field.
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
    query = scope.get("query_string", b"")
    return engine.begin(Presented(authorization, query, request_from_scope, scope, host))


async def refuse(scope: Scope, receive: Receive, send: Send, decision: Response) -> None:
    """Send a refusal on a connection that has no response yet.

    Spec: ASGI 3.0, "WebSocket Denial Response" extension. Without it, a close before accept makes
        the server send a 403 without the header fields and body of the refusal.
    """
    kind = "http.response"
    if scope["type"] == "websocket":
        if (await receive())["type"] != "websocket.connect":
            return
        if DENIAL not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        kind = DENIAL
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
