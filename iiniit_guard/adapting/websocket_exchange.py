"""Pass the messages of a WebSocket on until a handler refuses it, or until its token ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from iiniit_guard.adapting.asgi_exchange import refuse
from iiniit_guard.adapting.asgi_messages import (
    DENIAL,
    MAX_DROPPED,
    RefusalSent,
    abort,
    send_may_raise,
    with_headers,
)
from iiniit_guard.adapting.long_lived import AsgiExchange, ConnectionEnded
from iiniit_guard.adapting.loop_watcher import LoopWatcher
from iiniit_guard.adapting.loop_watches import LoopWatch
from iiniit_guard.adapting.types import Message, Receive, Scope, Send
from iiniit_guard.core.model.decision import Refusal

_POLICY_VIOLATION: Final = 1008  # RFC 6455 §7.4.1


class WebsocketExchange(AsgiExchange):
    """The record of one WebSocket connection, and the `receive` and `send` of its application.

    A refusal that is recorded before the connection is accepted is sent as a denial response. A
    later refusal closes the connection with code 1008. Afterwards `receive` returns a disconnect
    message to the application. If the application continues to send, `send` raises `RefusalSent`.

    An accepted connection is closed when its token is no longer valid, also while the application
    waits. `receive` then returns a disconnect message, and `send` raises `ConnectionEnded`.

    Args:
        watcher: Of the middleware.
        scope: The scope of the server.
        receive: The `receive` of the server.
        send: The `send` of the server.
    """

    # Defaults of the class: each attribute of an object takes memory as long as it is open.
    _heard = _accepted = _ended = False
    _dropped = 0

    def __init__(self, watcher: LoopWatcher, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(watcher, scope)
        self._receive, self._send = receive, send

    async def receive(self) -> Message:
        """Return the next message of the client; after a refusal, a disconnect message."""
        while self.refusal is None:
            # Set before the message arrives: Quart waits for it in a task of its own. A refusal
            # that waited for a second message would wait forever.
            self._heard = True
            message = self.kept.pop(0) if self.kept else await self._receive()
            if message["type"] == "websocket.disconnect":
                self._ended = True
            if self.is_over:
                return _disconnect("")
            if self.refusal is None:
                if await self._hands_on(message):
                    return message
                if self.watch is not None and not self.watch.discards:
                    return _disconnect(self.watch.reason.value)
        await self.close(self.refusal)
        return _disconnect("")

    async def send(self, message: Message) -> None:
        """Pass a message of the application on; after a refusal, end the connection instead."""
        kind = message["type"]
        if self.refusal is not None:
            await self.close(self.refusal)
            self._dropped += 1
            goes_on = kind == "websocket.send" or message.get("more_body")
            if self._dropped > MAX_DROPPED or (goes_on and send_may_raise(self._scope)):
                raise RefusalSent
            return
        if kind == "websocket.accept":
            self._accepted = True
            self.start_watch("WebSocket")
            if self.added:
                message = with_headers(message, self.added)
        elif kind == "websocket.close":
            if self._ended and self.watch is not None and self.watch.ended is not None:
                return  # the guard has closed it
            self._ended = True
        elif kind == f"{DENIAL}.start":
            self.started = True
        elif self.is_over:
            raise ConnectionEnded
        elif self.watch is not None and not await self._passes(self.watch):
            return
        await self._send(message)

    async def close(self, refusal: Refusal) -> None:
        """End the connection with the refusal, unless the connection has ended.

        Raises:
            UsageError: A denial response of the application had started.
        """
        if self.started:
            abort()
        if self._ended:
            return
        self._ended = True
        if self._accepted:
            await self._close("")
        else:
            await refuse(
                self._scope, _connect_again if self._heard else self._receive, self._send, refusal
            )

    async def finish(self, error: BaseException | None) -> bool:
        """End a refused connection after its application has ended.

        Args:
            error: The exception with which the application ended.

        Returns:
            Whether the caller must raise that exception.

        Raises:
            UsageError: A denial response of the application had started.
        """
        watch = self.watch
        if self.stop_watch(error) and watch is not None:
            await self._close_with(watch)
            return False  # the end caused the exception, as a refusal does
        if error is not None and (self.started or not isinstance(error, Exception)):
            return True
        if self.refusal is None:
            return error is not None
        await self.close(self.refusal)
        return False

    def token_ended(self, watch: LoopWatch) -> None:
        """Close the connection, unless its messages are discarded."""
        if not watch.discards:
            watch.spawn(self._close_with(watch))

    async def _hands_on(self, message: Message) -> bool:
        """Return whether the application may receive a message of the client."""
        watch = self.watch
        if watch is None or watch.is_current():
            return True
        if message["type"] == "websocket.disconnect":
            return watch.ended is None or watch.discards
        return await self.hands_on(watch, message)

    async def _passes(self, watch: LoopWatch) -> bool:
        """Return whether a message to the client may be sent; False if it is discarded.

        Raises:
            ConnectionEnded: The connection was ended.
        """
        if watch.is_current() or await watch.permits_async():
            return True
        if not watch.discards:
            raise ConnectionEnded
        await asyncio.sleep(0)  # the application may never wait
        return False

    async def _close_with(self, watch: LoopWatch) -> None:
        """Close the connection with the reason why its token is no longer valid, once."""
        if not self._ended:
            self._ended = True
            with suppress(Exception):  # the client has left; uvicorn raises a RuntimeError too
                await self._close(watch.reason.value)

    async def _close(self, reason: str) -> None:
        await self._send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": reason})


def _disconnect(reason: str) -> Message:
    return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION, "reason": reason}


async def _connect_again() -> Message:
    return {"type": "websocket.connect"}
