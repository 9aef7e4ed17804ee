"""Long-lived connections of ASGI, which end with their access token."""

from __future__ import annotations

import asyncio
from typing import Any

from iiniit_guard.adapting.loop_watches import LoopWatch, LoopWatcher
from iiniit_guard.adapting.request_state import RECORD_KEY, RefusalRecord
from iiniit_guard.adapting.types import Scope


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
        task: The task that runs the application; None if the event loop is not one of asyncio.
        watch: Of the token; None if the connection is not long-lived.
    """

    task: asyncio.Task[Any] | None = None
    watch: LoopWatch | None = None
    _is_cancelled = False

    def __init__(self, watcher: LoopWatcher, scope: Scope) -> None:
        outer = scope.get(RECORD_KEY)
        if isinstance(outer, RefusalRecord):
            self.outer: RefusalRecord | None = outer
        self.watcher: LoopWatcher | None = watcher
        self._scope = scope

    def overdue(self) -> None:
        """Cancel the application, unless it is being cancelled."""
        task = self.task
        if task is not None and not task.done() and not task.cancelling():
            self._is_cancelled = True
            task.cancel()

    def start_watch(self, note: str) -> None:
        """Watch the token of this connection.

        Args:
            note: Names the kind of connection in the log and in the event.
        """
        if self.watcher is not None and self.watch is None:
            self.watch = self.watcher.watch(self, self, self._scope, note)
            self.is_affected = True

    def stop_watch(self, error: BaseException | None) -> bool:
        """Remove the watch; return whether the guard ended the connection.

        Args:
            error: The exception with which the application ended.
        """
        watch, self.watch = self.watch, None
        if watch is None:
            return False
        watch.close()
        is_foreign = False
        if self._is_cancelled and self.task is not None:
            # If the server cancelled the task too, its cancellation remains.
            is_foreign = self.task.uncancel() > 0
        elif isinstance(error, asyncio.CancelledError):
            is_foreign = True
        return watch.ended is not None and not is_foreign

    def token_ended(self, watch: LoopWatch) -> None:
        """End the connection; see `Connection`."""
