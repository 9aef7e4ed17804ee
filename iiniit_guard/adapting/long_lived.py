"""Long-lived connections of ASGI, which end with their access token."""

from __future__ import annotations

import asyncio
from typing import Any

from iiniit_guard.adapting.loop_watcher import LoopWatcher
from iiniit_guard.adapting.loop_watches import LoopWatch
from iiniit_guard.adapting.request_state import RECORD_KEY, RefusalRecord
from iiniit_guard.adapting.token_watch import FIRST_SECONDS
from iiniit_guard.adapting.types import Message, Scope


class ConnectionEnded(OSError):
    """The application sends a message after the guard ended its long-lived connection.

    Frameworks treat an OSError of `send` as the end of the connection.
    """

    def __init__(self) -> None:
        super().__init__("the access token of this connection is no longer valid, so it was ended")


class StreamAborted(Exception):
    """The access token of a streaming response has ended, so the server must abort the response."""

    def __init__(self) -> None:
        super().__init__(
            "the access token of this streaming response is no longer valid, so the connection is "
            "closed"
        )


class AsgiExchange(RefusalRecord):
    """The record of one request, and the watch of its connection if the connection is long-lived.

    Args:
        watcher: Of the middleware.
        scope: The scope of the server.

    Attributes:
        watcher: Of the middleware; None if connections cannot be watched.
        task: The task that runs the application; None if the event loop is not one of asyncio, or
            if the server runs the application without a task.
        watch: Of the token; None if the connection is not long-lived.
        is_over: Whether the application has ended after its token. A task that it left behind may
            still send.
        started: Whether a response of the application has started, so that it can no longer be
            replaced.
        is_late: Whether the application waited long before the body of its response.
        kept: Messages of the client for the next `receive`, because the application stopped to wait
            for them while the token was checked.
    """

    is_affected: bool
    task: asyncio.Task[Any] | None = None
    watch: LoopWatch | None = None
    is_over: bool = False
    started: bool = False
    is_late: bool = False
    _expecting: asyncio.TimerHandle | None = None
    _cancellations = 0
    kept: list[Message] | None = None

    def __init__(self, watcher: LoopWatcher, scope: Scope) -> None:
        outer = scope.get(RECORD_KEY)
        if isinstance(outer, RefusalRecord):
            self.outer: RefusalRecord | None = outer
        self.watcher: LoopWatcher | None = watcher
        self._scope = scope

    def overdue(self) -> None:
        """Cancel the application, also if it went on after an earlier cancellation."""
        if self.task is not None:
            self._cancellations += 1
            self.task.cancel()

    def start_watch(self, note: str, *, is_due: bool = False) -> None:
        """Watch the token of this connection.

        Args:
            note: Names the kind of connection in the log and in the event.
            is_due: Whether to check the token at once.
        """
        if self.watcher is not None and self.watch is None:
            self.watch = self.watcher.watch(self, self, self._scope, note)
            self.is_affected = True
        if is_due and self.watch is not None:
            self.is_late = False  # once
            self.watch.renew()

    def expect_body(self, note: str) -> None:
        """Watch the token of a response whose body does not start soon.

        The application has read the request and waits until the client leaves. It may wait for
        hours before it sends the first part of the body.
        """
        if self.watcher is None or self.watch is not None or self.is_late or not self.has_token:
            return
        if self._expecting is None:
            loop = asyncio.get_running_loop()
            self._expecting = loop.call_later(FIRST_SECONDS, self._watch_late, note)
            self.is_affected = True

    def stop_expecting(self) -> None:
        """Stop what `expect_body` began."""
        if self._expecting is not None:
            self._expecting.cancel()
            self._expecting = None

    def _watch_late(self, note: str) -> None:
        self._expecting, self.is_late = None, True
        if self.started:
            self.start_watch(note, is_due=True)

    def stop_watch(self, error: BaseException | None) -> bool:
        """Remove the watch; return whether the guard ended the connection.

        Args:
            error: The exception with which the application ended.
        """
        watch, self.watch, self.watcher = self.watch, None, None
        if watch is not None:
            watch.close()
            self.is_over = watch.ended is not None
        is_foreign = error is not None and not isinstance(error, Exception)
        if self.task is not None and self._cancellations:
            left = [self.task.uncancel() for _ in range(self._cancellations)]
            if isinstance(error, asyncio.CancelledError):
                # If the server cancelled the task too, its cancellation remains.
                is_foreign = left[-1] > 0
        return self.is_over and not is_foreign

    async def hands_on(self, watch: LoopWatch, message: Message) -> bool:
        """Return whether the application may receive a message; wait for a check if needed.

        If the application stops to wait, `kept` gets the message.
        """
        try:
            return await watch.permits_async()
        except asyncio.CancelledError:
            self.kept = [*(self.kept or ()), message]
            raise

    def token_ended(self, watch: LoopWatch) -> None:
        """End the connection; see `Connection`."""
