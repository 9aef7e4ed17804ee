"""The response of a WSGI application (PEP 3333), in whose place a refusal is sent that a handler recorded for the same request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from iiniit_guard.adapting.refusal import replace_headers
from iiniit_guard.adapting.request_state import RefusalRecord

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication

_FILE_WRAPPER: Final = "wsgi.file_wrapper"


class ResponseAborted(Exception):  # the application has no error: the exception makes the server drop the connection
    """A guarded handler refused a request whose response had begun."""

    def __init__(self) -> None:
        super().__init__("a guarded handler refused the request after its response had begun; the server must drop the connection")


def respond(app: WSGIApplication, environ: dict[str, Any], start_response: StartResponse, record: RefusalRecord) -> Iterable[bytes]:
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
    files = _note_files(environ)
    try:
        body = app(environ, exchange.start_response)
    except Exception:
        if exchange.sent or record.refusal is None:
            raise
        return exchange.refuse()
    if exchange.asked and record.refusal is None and (type(body) in (list, tuple) or _is_file(body, files)):
        # No code of the application runs while the server iterates. A server sends a file itself only if it gets its own object.
        return exchange.pass_on(body)
    return _Body(body, exchange)


class _Exchange:
    """What the application asked the server to start. It waits for the first byte: gunicorn cannot take header fields back."""

    __slots__ = ("_is_head", "_start_response", "_write", "asked", "record", "sent")
    _write: Callable[[bytes], object]  # the server's, once the application's response is started

    def __init__(self, start_response: StartResponse, record: RefusalRecord, is_head: bool) -> None:
        self._start_response = start_response
        self.record = record
        self._is_head = is_head
        self.asked: tuple[Any, ...] = ()  # arguments of start_response
        self.sent = False

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Callable[[bytes], object]:
        """Note what the application starts; after the first byte ask the server, which raises what `exc_info` holds.

        Raises:
            AssertionError: The application started before, and this is no error report; as servers do.
        """
        if exc_info is None:
            if self.asked:
                raise AssertionError("start_response was called before: pass exc_info to replace what it started")
            self.asked = (status, headers)
        elif self.sent:
            self._start_response(status, headers, exc_info)
        else:
            self.asked = (status, headers, exc_info)
        return self._send_at_once

    def _send_at_once(self, chunk: bytes) -> None:
        """Serve as the callable `write` of PEP 3333; drop `chunk` if a refusal is to be sent."""
        if self.record.refusal is None:
            self.start()
            self._write(chunk)
        elif self.sent:
            raise ResponseAborted

    def start(self) -> None:
        """Start what the application asked for, once. If it asked for nothing, the server complains."""
        if not self.sent:
            self.sent = True
            asked, self.asked = self.asked, self.asked[:2]  # exc_info would keep frames alive
            if asked:
                self._write = self._start_response(*asked)

    def pass_on(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Start, and return `body` as it is. Close it if the server does not accept what the application started."""
        try:
            self.start()
        except BaseException:
            _close(body)
            raise
        return body

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


class _Body:
    """The iterable that the server gets. Its first chunk is made at once, so that the server's `start_response` is called in time."""

    __slots__ = ("_body", "_chunks", "_exchange")

    def __init__(self, body: Iterable[bytes], exchange: _Exchange) -> None:
        self._body = body
        self._exchange = exchange
        try:
            self._chunks = self._begin()
        except BaseException:  # the server, which would close this object, never gets it
            self.close()
            raise

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        """Close the application's iterable, once."""
        body, self._body = self._body, ()
        _close(body)

    def _begin(self) -> Iterator[bytes]:
        """Start the application's response with its first chunk, or the refusal if it is recorded by then; return the chunks."""
        exchange = self._exchange
        record: Any = exchange.record  # its refusal changes while the application runs
        try:
            chunks = iter(() if record.refusal is not None else self._body)
            for chunk in chunks:
                if record.refusal is not None:
                    break
                if chunk:
                    exchange.start()
                    return self._go_on(chunk, chunks)
            if record.refusal is not None:
                self.close()
        except Exception:
            if exchange.sent or record.refusal is None:
                raise
            return iter(exchange.refuse())
        if record.refusal is not None:
            return iter(exchange.refuse())
        exchange.start()
        return iter(())

    def _go_on(self, first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the first chunk and the others.

        Raises:
            ResponseAborted: A refusal is recorded: too late to be sent, but in time to send nothing more.
        """
        record: Any = self._exchange.record  # its refusal changes while the application runs
        yield first
        for chunk in chunks:
            if record.refusal is not None:
                raise ResponseAborted
            yield chunk
        if record.refusal is not None:
            raise ResponseAborted


def _close(body: object) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()


def _note_files(environ: dict[str, Any]) -> type | list[object] | None:
    """Return the server's `wsgi.file_wrapper` if it is a class, or a list that will hold what that function makes.

    Spec: PEP 3333, "Optional Platform-Specific File Handling".
    """
    wrap = environ.get(_FILE_WRAPPER)
    if wrap is None or isinstance(wrap, type):
        return wrap
    files: list[object] = []

    def noted(*arguments: Any) -> Any:
        file = wrap(*arguments)
        files.append(file)
        return file

    environ[_FILE_WRAPPER] = noted
    return files


def _is_file(body: object, files: type | list[object] | None) -> bool:
    # A subclass may be the application's: its iteration may run the application's code.
    return type(body) is files or (isinstance(files, list) and any(body is file for file in files))
