"""Run a WSGI application (PEP 3333) and replace its response if a handler recorded a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from iiniit_guard.adapting.response_record import ResponseAborted, ResponseRecord
from iiniit_guard.adapting.streaming import is_standard_file
from iiniit_guard.adapting.types import Keywords
from iiniit_guard.errors import UsageError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication

_FILE_WRAPPER: Final = "wsgi.file_wrapper"
_END: Final = object()


def respond(
    app: WSGIApplication,
    environ: Keywords,
    start_response: StartResponse,
    record: ResponseRecord,
) -> Iterable[bytes]:
    """Run `app` and return its response or a refusal.

    The refusal is returned if a handler records one before the first byte is sent.

    Args:
        app: The guarded application.
        environ: The copy of the environ that belongs to `app` and holds `record`.
        start_response: Of the server.
        record: Where handlers store a refusal.

    Raises:
        ResponseAborted: A handler refused after the first byte. The iterable raises it too.

    Spec: PEP 3333, "The start_response() Callable": header fields are not sent before the first
        body bytes and can be replaced until then.
    """
    record.server = start_response
    files: list[tuple[object, object]] = []
    wrap = environ.get(_FILE_WRAPPER)
    if wrap is not None:
        environ[_FILE_WRAPPER] = partial(_note_file, wrap, files)
    try:
        body = app(environ, record.start_response)
    except Exception as error:
        # A UsageError without a recorded refusal reports a mistake of the developer.
        is_misuse = isinstance(error, UsageError) and record.refusal is None
        if record.sent or is_misuse or not record.is_refused():
            record.end()
            raise
        return record.refuse()
    # No code of the application runs while the server iterates over these bodies. A server uses
    # its optimized file transmission only if it receives the object that it created itself.
    kind = type(body)
    if record.asked and (
        kind is record.plain_body
        or kind is list
        or kind is tuple
        or (files and _is_file(body, files))
    ):
        return _pass_on(body, record)
    return _begin(body, record)


def _pass_on(body: Iterable[bytes], record: ResponseRecord) -> Iterable[bytes]:
    """Start the response and return `body` unchanged, or start and return the refusal.

    Close `body` if the server does not get it.
    """
    try:
        if record.sent:
            record.require_end()
            record.end()
        begun = record.begin()
    except BaseException:
        record.end()
        _close(body)
        raise
    return body if begun else _begin(body, record)


def _begin(body: Iterable[bytes], response: ResponseRecord) -> Iterable[bytes]:
    """Compute the first chunk of `body`, then start the response or the refusal.

    The server's `start_response` must be called before the first chunk is returned. `body` is
    closed before a refusal is sent. Otherwise the server closes it through the returned iterable.
    """
    record: Any = response  # Any: its `refusal` changes while the application runs
    try:
        if record.sent and record.refusal is None:  # `write` was called, and a watch exists
            return _Body(body, iter(body), record=record)
        record.start_watch()
        try:
            first, chunks = b"", iter(() if record.refusal is not None else body)
            for first in chunks:
                if first or record.refusal is not None:
                    break
            if record.begin():
                return _Body(body, chunks, first, record)
            refused, body = body, ()
            _close(refused)
        except Exception:
            if record.sent or not record.is_refused():
                raise
        record.end()
        return _Body(body, iter(record.refuse()))
    except BaseException:
        record.end()
        _close(body)
        raise


class _Body:
    """The iterable that the server gets, which is its own iterator.

    A generator would be part of a reference cycle and would keep the last chunk alive.

    Args:
        body: The iterable of the application. `close` closes it.
        chunks: The iterator over the chunks after the first one.
        first: The first chunk; empty if there is none.
        record: The record in which a handler may still store a refusal, and which ends a response
            with its token; None if the chunks belong to a refusal.
    """

    __slots__ = ("_body", "_chunks", "_first", "_record")

    def __init__(
        self,
        body: Iterable[bytes],
        chunks: Iterator[bytes],
        first: bytes = b"",
        record: ResponseRecord | None = None,
    ) -> None:
        self._body = body
        self._chunks = chunks
        self._first = first
        self._record = record

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """Return the next chunk.

        Raises:
            ResponseAborted: A handler recorded a refusal after the response had begun, or the token
                is no longer valid. No further chunk is sent.
        """
        if self._first:
            first, self._first = self._first, b""
            return first
        chunk = next(self._chunks, _END)
        if self._record is not None:
            chunk = self._checked(self._record, chunk)
        if chunk is _END:
            raise StopIteration
        return cast("bytes", chunk)

    def _checked(self, record: ResponseRecord, chunk: object) -> object:
        """Return the chunk if it may be sent. Discard chunks without a valid token."""
        try:
            while chunk is not _END and not record.permits():
                chunk = next(self._chunks, _END)
            if chunk is _END:
                record.require_end()
        except ResponseAborted:
            self._chunks = iter(())
            raise
        return chunk

    def close(self) -> None:
        """Close the application's iterable, once, and release its iterator and unsent chunk."""
        body, self._body, self._chunks, self._first = self._body, (), iter(()), b""
        record, self._record = self._record, None
        if record is not None:
            record.end()
        _close(body)


def _close(body: object) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()


def _note_file(
    wrap: Callable[..., object], files: list[tuple[object, object]], *arguments: object
) -> object:
    """Return what the server's `wsgi.file_wrapper` creates. Add it and its file to `files`.

    Spec: PEP 3333, "Optional Platform-Specific File Handling".
    """
    made = wrap(*arguments)
    files.append((made, arguments[0]))
    return made


def _is_file(body: object, files: list[tuple[object, object]]) -> bool:
    """Return whether `body` is a standard file in the server's `wsgi.file_wrapper`.

    Reading a standard file runs no code of the application.

    Args:
        body: The iterable of the application.
        files: Pairs of an object that `wsgi.file_wrapper` created and the file in it.
    """
    return any(body is made and is_standard_file(file) for made, file in files)
