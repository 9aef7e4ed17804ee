"""Abort streamed response bodies after a refusal, and detect those that run no other code."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from iiniit_guard.adapting.response_record import NOTE

if TYPE_CHECKING:
    from iiniit_guard.adapting.loop_watcher import LoopWatcher
    from iiniit_guard.adapting.loop_watches import LoopWatch
    from iiniit_guard.adapting.request_state import RefusalRecord
    from iiniit_guard.adapting.token_watch import TokenWatch

_BUFFERED_FILES: Final = (io.BufferedReader, io.BufferedRandom)
_FILE_ATTRIBUTES: Final = frozenset({"name", "mode"})  # `open` sets them


def is_standard_file(file: object) -> bool:
    """Return whether reading `file` runs no code of the application.

    Its type must be exactly a standard one, and no attribute of the instance may be replaced.
    """
    if type(file) in _BUFFERED_FILES and _is_unchanged(file):
        file = getattr(file, "raw", None)
        return type(file) is io.FileIO and _is_unchanged(file)
    return type(file) in (io.BytesIO, io.FileIO) and _is_unchanged(file)


def _is_unchanged(file: object) -> bool:
    return _FILE_ATTRIBUTES.issuperset(vars(file))


def until_ended(
    chunks: Iterator[bytes],
    record: RefusalRecord,
    watch: TokenWatch,
    abort: Callable[[], Exception],
) -> Iterator[bytes]:
    """Yield the chunks until a refusal is recorded, or until the token is no longer valid.

    Args:
        chunks: Of the response.
        record: Of the request.
        watch: Of its token. It may block while the token is checked again.
        abort: Returns the exception that makes the server abort the response.
    """
    record.watch = watch
    try:
        for chunk in chunks:
            if record.refusal is not None:
                raise abort() from None
            if watch.is_current() or watch.permits():
                yield chunk
            elif not watch.discards:
                raise abort() from None
        if record.refusal is not None or not (watch.is_current() or watch.permits()):
            raise abort() from None
    finally:
        record.watch = None  # it refers to the record


async def until_ended_async(
    chunks: AsyncIterator[bytes],
    record: RefusalRecord,
    watcher: LoopWatcher,
    source: object,
    abort: Callable[[], Exception],
) -> AsyncIterator[bytes]:
    """Asynchronous version of `until_ended`. A response that waits for its next chunk ends too.

    Args:
        chunks: Of the response.
        record: Of the request.
        watcher: Watches its token.
        source: The argument of `WatchSettings.read`.
        abort: Returns the exception that makes the server abort the response.
    """
    stream = _Stream()
    record.watch = watch = watcher.watch(stream, record, source, NOTE)
    try:
        async for chunk in stream.iterate(chunks, abort):
            if record.refusal is not None:
                raise abort() from None
            if watch.is_current() or await watch.permits_async():
                yield chunk
            elif not watch.discards:
                raise abort() from None
        if record.refusal is not None:
            raise abort() from None
        if not (watch.is_current() or await watch.permits_async()):
            raise abort() from None
    finally:
        record.watch = None  # it refers to the record
        watch.close()


class _Stream:
    """A streaming response as a connection."""

    def __init__(self) -> None:
        self._waiting: asyncio.Task[Any] | None = None
        self._cancellations = 0
        self._has_ended = False

    def token_ended(self, watch: LoopWatch) -> None:
        """Cancel the wait for the next chunk, or do not begin it: the client may be slow."""
        if not watch.discards:
            self._has_ended = True
            watch.be_overdue_later()
            self.overdue()

    def overdue(self) -> None:
        """Cancel the wait for the next chunk, also if it went on after a cancellation."""
        task = self._waiting
        if task is not None:
            self._cancellations += 1
            task.cancel()

    async def iterate(
        self, chunks: AsyncIterator[bytes], abort: Callable[[], Exception]
    ) -> AsyncIterator[bytes]:
        """Yield the chunks; raise `abort()` when the token ends meanwhile."""
        iterator = aiter(chunks)
        while True:
            if self._has_ended:
                raise abort() from None
            self._waiting = task = asyncio.current_task()
            try:
                chunk = await anext(iterator)
            except StopAsyncIteration:
                return
            except asyncio.CancelledError:
                if self._undo_cancellations(task):
                    raise abort() from None
                raise
            finally:
                self._waiting = None
                self._undo_cancellations(task)  # if the application went on
            yield chunk

    def _undo_cancellations(self, task: Any) -> bool:
        """Return whether this stream alone cancelled its task."""
        left = [task.uncancel() for _ in range(self._cancellations)]
        self._cancellations = 0
        return left[-1:] == [0]
