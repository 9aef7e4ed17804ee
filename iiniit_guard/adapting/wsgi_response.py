"""The response of a WSGI application (PEP 3333), in whose place a refusal is sent that a handler recorded for the same request."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from iiniit_guard.adapting.refusal import replace_headers
from iiniit_guard.adapting.request_state import RefusalRecord
from iiniit_guard.errors import UsageError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication

_FILE_WRAPPER: Final = "wsgi.file_wrapper"
_END: Final = object()
_BUFFERED_FILES: Final = (io.BufferedReader, io.BufferedRandom)
_FILE_ATTRIBUTES: Final = frozenset({"name", "mode"})  # `open` sets them


class ResponseRecord(RefusalRecord):
    """What `respond` knows about one request: its refusal, and which response it need not watch.

    Attributes:
        plain_body: A type. An iterable of exactly this type runs no code of the application. None while that is unknown.
    """

    __slots__ = ()
    plain_body: type | None = None

    def decide(self) -> None:
        """Record the refusal of a request whose response is about to start before any decision. A middleware decides earlier."""


class ResponseAborted(Exception):  # the application has no error: the exception makes the server drop the connection
    """A guarded handler refused a request whose response had begun."""

    def __init__(self) -> None:
        super().__init__("a guarded handler refused the request after its response had begun; the server must drop the connection")


def respond(app: WSGIApplication, environ: dict[str, Any], start_response: StartResponse, record: ResponseRecord) -> Iterable[bytes]:
    """Run `app`, and return its response, or the refusal if a handler records one before the first byte is sent.

    Args:
        app: The guarded application.
        environ: Its own copy, which holds `record`.
        start_response: The server's.
        record: Where the handlers below record a refusal.

    Raises:
        ResponseAborted: A handler refused after the first byte. The iterable raises it too.

    Spec: PEP 3333, "The start_response() Callable": header fields wait for the first body bytes and can be replaced until then.
    """
    exchange = _Exchange(start_response, record, environ.get("REQUEST_METHOD") == "HEAD")
    wrap = environ.get(_FILE_WRAPPER)
    if wrap is not None:
        environ[_FILE_WRAPPER] = partial(_note_file, wrap, exchange)
    try:
        body = app(environ, exchange.start_response)
    except Exception as error:
        # A wrong use of this package, which nobody decided about, is for the developer to see.
        is_misuse = isinstance(error, UsageError) and record.refusal is None
        if exchange.sent or is_misuse or not exchange.is_refused():
            raise
        return exchange.refuse()
    # No code of the application runs while the server iterates. A server sends a file itself only if it gets its own object.
    kind = type(body)
    if exchange.asked and (kind is record.plain_body or kind is list or kind is tuple or (exchange.files and exchange.is_file(body))):
        return exchange.pass_on(body)
    return _begin(body, exchange)


class _Exchange:
    """What the application asked the server to start. It waits for the first byte: gunicorn cannot take header fields back."""

    __slots__ = ("_is_head", "_start_response", "_write", "asked", "files", "record", "sent")
    _write: Callable[[bytes], object]  # the server's, once the application's response is started

    def __init__(self, start_response: StartResponse, record: ResponseRecord, is_head: bool) -> None:
        self._start_response = start_response
        self.record = record
        self._is_head = is_head
        self.asked: tuple[Any, ...] = ()  # arguments of start_response
        self.files: tuple[tuple[object, object], ...] = ()  # each that the server's `wsgi.file_wrapper` made, and what it wraps
        self.sent = False

    def start_response(self, status: str, response_headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        """Note what the application starts; after the first byte ask the server, which raises what `exc_info` holds.

        Raises:
            AssertionError: The application started before, and this is no error report; as servers do.
        """
        if exc_info is None:
            if self.asked:
                raise AssertionError("start_response was called before: pass exc_info to replace what it started")
            self.asked = (status, response_headers)
        elif self.sent:
            self._start_response(status, response_headers, exc_info)
        else:
            self.asked = (status, response_headers, exc_info)
        return self._send_at_once

    def _send_at_once(self, chunk: bytes) -> None:
        """Serve as the callable `write` of PEP 3333; drop `chunk` if a refusal is to be sent."""
        if self.sent:
            if self.record.refusal is not None:
                raise ResponseAborted
            self._write(chunk)
        elif not self.is_refused():
            self.start()
            self._write(chunk)

    def is_refused(self) -> bool:
        """Return whether a refusal is to be sent in place of the response that is about to start."""
        if self.record.refusal is None:
            self.record.decide()
        return self.record.refusal is not None

    def is_file(self, body: object) -> bool:
        """Return whether the server's `wsgi.file_wrapper` made `body` of a file that runs no code of the application."""
        return any(body is made and _is_standard_file(file) for made, file in self.files)

    def start(self) -> None:
        """Start what the application asked for, once. If it asked for nothing, the server complains."""
        if not self.sent:
            self.sent = True
            asked, self.asked = self.asked, self.asked[:2]  # exc_info would keep frames alive
            if asked:
                self._write = self._start_response(*asked)

    def pass_on(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Start, and return `body` as it is, or the refusal. Close `body` if the server does not get it."""
        try:
            refused = self.is_refused()
            if not refused:
                self.start()
        except BaseException:
            _close(body)
            raise
        return _begin(body, self) if refused else body

    def refuse(self) -> list[bytes]:
        """Start the recorded refusal, with the header fields that other layers added, and return its body.

        Raises:
            ResponseAborted: Another response has begun.
        """
        refusal = self.record.refusal
        if refusal is None or self.sent:
            raise ResponseAborted
        self.sent = True
        self._start_response(refusal.status_line, replace_headers(refusal, self.asked[1] if self.asked else ()))
        return [] if self._is_head or not refusal.body else [refusal.body]


def _begin(body: Iterable[bytes], exchange: _Exchange) -> Iterable[bytes]:
    """Make the first chunk of `body`, so that the server's `start_response` is called in time; start the response or the refusal.

    `body` is closed before a refusal is sent. Otherwise the server closes it, through what is returned.
    """
    record: Any = exchange.record  # its refusal changes while the application runs
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
    """The iterable that the server gets, and its iterator: no generator, so no cycle keeps it alive, and it keeps no chunk.

    Args:
        body: The application's iterable, to be closed.
        chunks: What follows the first chunk.
        first: The first chunk; empty means that there is none.
        record: Where a handler may still record a refusal; None if the chunks are a refusal's.
    """

    __slots__ = ("_body", "_chunks", "_first", "_record")

    def __init__(self, body: Iterable[bytes], chunks: Iterator[bytes], first: bytes = b"", record: RefusalRecord | None = None) -> None:
        self._body = body
        self._chunks = chunks
        self._first = first
        self._record = record

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """Return the next chunk.

        Raises:
            ResponseAborted: A refusal is recorded: too late to be sent, but in time to send nothing more.
        """
        if self._first:
            first, self._first = self._first, b""
            return first
        chunk = next(self._chunks, _END)
        if self._record is not None and self._record.refusal is not None:
            self._chunks = iter(())
            raise ResponseAborted
        if chunk is _END:
            raise StopIteration
        return cast("bytes", chunk)

    def close(self) -> None:
        """Close the application's iterable, once, and drop its iterator and the chunk that was not sent."""
        body, self._body, self._chunks, self._first = self._body, (), iter(()), b""
        _close(body)


def _close(body: object) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()


def _note_file(wrap: Callable[..., object], exchange: _Exchange, *arguments: object) -> object:
    """Return what the server's `wsgi.file_wrapper` makes, and note it.

    Spec: PEP 3333, "Optional Platform-Specific File Handling".
    """
    made = wrap(*arguments)
    exchange.files = (*exchange.files, (made, arguments[0]))
    return made


def _is_standard_file(file: Any) -> bool:
    """Return whether reading `file` runs no code of the application: its type is exactly a standard one, and nothing is replaced in it."""
    if type(file) in _BUFFERED_FILES and _is_unchanged(file):
        return type(file.raw) is io.FileIO and _is_unchanged(file.raw)
    return type(file) in (io.BytesIO, io.FileIO) and _is_unchanged(file)


def _is_unchanged(file: Any) -> bool:
    return _FILE_ATTRIBUTES.issuperset(vars(file))
