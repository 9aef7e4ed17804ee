"""Run a WSGI application (PEP 3333) and replace its response if a handler recorded a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from iiniit_guard.adapting.refusal import add_headers, replace_headers
from iiniit_guard.adapting.response_record import ResponseAborted, ResponseRecord
from iiniit_guard.adapting.streaming import is_standard_file
from iiniit_guard.adapting.types import Args, Keywords
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
    exchange = _Exchange(start_response, record, environ.get("REQUEST_METHOD") == "HEAD")
    wrap = environ.get(_FILE_WRAPPER)
    if wrap is not None:
        environ[_FILE_WRAPPER] = partial(_note_file, wrap, exchange)
    try:
        body = app(environ, exchange.start_response)
    except Exception as error:
        # A UsageError without a recorded refusal reports a mistake of the developer.
        is_misuse = isinstance(error, UsageError) and record.refusal is None
        if exchange.sent or is_misuse or not exchange.is_refused():
            raise
        return exchange.refuse()
    # No code of the application runs while the server iterates over these bodies. A server uses
    # its optimized file transmission only if it receives the object that it created itself.
    kind = type(body)
    if exchange.asked and (
        kind is record.plain_body
        or kind is list
        or kind is tuple
        or (exchange.files and exchange.is_file(body))
    ):
        return exchange.pass_on(body)
    return _begin(body, exchange)


class _Exchange:
    """The state of one response.

    It holds the arguments of `start_response` back until the first byte, because gunicorn cannot
    replace header fields afterwards.
    """

    __slots__ = ("_is_head", "_start_response", "_write", "asked", "files", "record", "sent")
    _write: Callable[[bytes], object]  # `write` of the server, after the response was started

    def __init__(
        self, start_response: StartResponse, record: ResponseRecord, is_head: bool
    ) -> None:
        self._start_response = start_response
        self.record = record
        self._is_head = is_head
        self.asked: Args = ()  # arguments of start_response
        # Pairs of an object that the server's `wsgi.file_wrapper` created and the file in it.
        self.files: tuple[tuple[object, object], ...] = ()
        self.sent = False

    def start_response(
        self, status: str, response_headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """Store the arguments of the application.

        After the first byte, call the server's function, which raises the exception in `exc_info`.

        Raises:
            AssertionError: The application called the function before and passes no `exc_info`.
                Servers raise the same exception.
        """
        if exc_info is None:
            if self.asked:
                raise AssertionError(
                    "start_response was called before: pass exc_info to replace what it started"
                )
            self.asked = (status, response_headers)
        elif self.sent:
            self._start_response(status, response_headers, exc_info)
        else:
            self.asked = (status, response_headers, exc_info)
        return self._send_at_once

    def _send_at_once(self, chunk: bytes) -> None:
        """Send `chunk`, as `write` of PEP 3333 does; discard it if the request is refused."""
        if self.sent:
            if self.record.permits():
                self._write(chunk)
        elif not self.is_refused():
            self.start()
            self._write(chunk)

    def is_refused(self) -> bool:
        """Return whether a refusal replaces the response that is about to start."""
        if self.record.refusal is None:
            self.record.decide()
        return self.record.refusal is not None

    def is_file(self, body: object) -> bool:
        """Return whether `body` is a standard file in the server's `wsgi.file_wrapper`.

        Reading a standard file runs no code of the application.
        """
        return any(body is made and is_standard_file(file) for made, file in self.files)

    def start(self) -> None:
        """Call `start_response` of the server, once, with the arguments of the application.

        If the application never called `start_response`, the server reports that error.
        """
        if not self.sent:
            self.sent = True
            asked, self.asked = self.asked, self.asked[:2]  # exc_info would keep frames alive
            if asked:
                if self.record.added:
                    asked = (asked[0], add_headers(self.record.added, asked[1]), *asked[2:])
                self._write = self._start_response(*asked)

    def pass_on(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Start the response and return `body` unchanged, or start and return the refusal.

        Close `body` if the server does not get it.
        """
        try:
            if self.sent:
                self.record.require_end()
            refused = self.is_refused()
            if not refused:
                self.start()
        except BaseException:
            _close(body)
            raise
        return _begin(body, self) if refused else body

    def refuse(self) -> list[bytes]:
        """Start the recorded refusal and return its body. Header fields of other layers are kept.

        Raises:
            ResponseAborted: Another response has begun.
        """
        refusal = self.record.refusal
        if refusal is None or self.sent:
            raise ResponseAborted
        self.sent = True
        self._start_response(
            refusal.status_line, replace_headers(refusal, self.asked[1] if self.asked else ())
        )
        return [] if self._is_head or not refusal.body else [refusal.body]


def _begin(body: Iterable[bytes], exchange: _Exchange) -> Iterable[bytes]:
    """Compute the first chunk of `body`, then start the response or the refusal.

    The server's `start_response` must be called before the first chunk is returned. `body` is
    closed before a refusal is sent. Otherwise the server closes it through the returned iterable.
    """
    record: Any = exchange.record  # Any: its `refusal` changes while the application runs
    try:
        try:
            first, chunks = b"", iter(() if record.refusal is not None else body)
            for first in chunks:
                if first or record.refusal is not None:
                    break
            if not exchange.is_refused():
                exchange.start()
                return _Body(body, chunks, first, record)
            refused, body = body, ()
            _close(refused)
        except Exception:
            if exchange.sent or not exchange.is_refused():
                raise
        return _Body(body, iter(exchange.refuse()))
    except BaseException:
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
        _close(body)


def _close(body: object) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()


def _note_file(wrap: Callable[..., object], exchange: _Exchange, *arguments: object) -> object:
    """Return the object that the server's `wsgi.file_wrapper` creates, and store it in `exchange`.

    Spec: PEP 3333, "Optional Platform-Specific File Handling".
    """
    made = wrap(*arguments)
    exchange.files = (*exchange.files, (made, arguments[0]))
    return made
