"""WSGI applications that ignore refusals, and the standard library's server to run them."""

from __future__ import annotations

import io
import sys
from typing import Any
from wsgiref.handlers import SimpleHandler

from iiniit_guard.adapting.decorators import decide
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.request import Request, request_from_environ

WRITE = make_policy(["user:write"])
ADDED = ("X-Request-ID", "7")


def ask(environ):
    """Decide as a decorator does; return whether the handler may continue."""
    return isinstance(decide(environ, lambda: request_from_environ(environ), WRITE, "wsgi"), Allow)


class Refusing(Exception):
    """The exception that a handler raises after its refusal."""


class Body:
    """An iterable of the application. A chunk that is a function is called with the environ and
    returns the bytes.
    """

    def __init__(self, environ, *chunks):
        self.environ = environ
        self.chunks = iter(chunks)
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        chunk = next(self.chunks)
        return chunk if isinstance(chunk, bytes) else chunk(self.environ)

    def close(self):
        self.closed += 1


def dropped(environ):
    ask(environ)
    return b"secret"


def dropped_empty(environ):
    ask(environ)
    return b""


def raised(environ):
    ask(environ)
    raise Refusing


def ended(environ):
    ask(environ)
    raise StopIteration


# Applications that refuse before the first byte


def start(start_response, *more):
    return start_response("200 OK", [("Content-Type", "text/plain"), ADDED], *more)


def returns_a_list(environ, start_response):
    ask(environ)
    start(start_response)
    return [b"secret"]


def starts_first(environ, start_response):
    start(start_response)
    ask(environ)
    return (b"secret",)


def raises(environ, start_response):
    start(start_response)
    return raised(environ)


def raises_another_error(environ, start_response):
    start(start_response)
    ask(environ)
    raise ZeroDivisionError


def starts_again(environ, start_response):
    start(start_response)
    try:
        raised(environ)
    except Refusing:
        start(start_response, sys.exc_info())
    return [b"secret"]


def writes(environ, start_response):
    write = start(start_response)
    ask(environ)
    write(b"secret")
    write(b"more")
    return []


def is_a_generator(environ, start_response):
    start(start_response)
    yield b""
    ask(environ)
    yield b"secret"
    raise AssertionError


def iterates(*chunks):
    def app(environ, start_response):
        start(start_response)
        return Body(environ, *chunks)

    return app


def returns_nothing(environ, start_response):
    start(start_response)
    ask(environ)


def wraps_a_file(environ, start_response):
    start(start_response)
    ask(environ)
    return environ["wsgi.file_wrapper"](io.BytesIO(b"secret"))


class ClosesBadly(Body):
    def close(self):
        super().close()
        raise ValueError


def closes_badly(environ, start_response):
    start(start_response)
    return ClosesBadly(environ, dropped)


REFUSING = {
    "returns a list": returns_a_list,
    "starts first": starts_first,
    "raises": raises,
    "raises another error": raises_another_error,
    "starts again": starts_again,
    "writes": writes,
    "is a generator": is_a_generator,
    "first chunk": iterates(dropped, b"more"),
    "after empty chunks": iterates(b"", b"", dropped, b"more"),
    "empty chunk": iterates(dropped_empty, b"secret"),
    "raises in the first chunk": iterates(b"", raised),
    "ends without a chunk": iterates(b"", ended),
    "returns nothing": returns_nothing,
    "wraps a file": wraps_a_file,
    "closes badly": closes_badly,
}


# Applications that refuse after the first byte


def writes_first(environ, start_response):
    start(start_response)(b"begun")
    return [dropped(environ)]


def writes_twice(environ, start_response):
    write = start(start_response)
    write(b"begun")
    ask(environ)
    write(b"secret")
    raise AssertionError


def writes_and_raises(environ, start_response):
    start(start_response)(b"begun")
    return raised(environ)


def reports_an_error_too_late(environ, start_response):
    start(start_response)(b"begun")
    try:
        raised(environ)
    except Refusing:
        start(start_response, sys.exc_info())
    raise AssertionError


BEGUN = {
    "second chunk": iterates(b"begun", dropped, b"more"),
    "second chunk is empty": iterates(b"begun", dropped_empty),
    "raises in the second chunk": iterates(b"begun", raised),
    "ends": iterates(b"begun", ended),
    "writes": writes_first,
    "writes twice": writes_twice,
    "writes and raises": writes_and_raises,
    "reports an error too late": reports_an_error_too_late,
}


def serve(app, token, method="GET", **more):
    """Run the standard library's server; return the response and whether it was aborted."""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": "/x",
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SCRIPT_NAME": "",
        **more,
    }
    environ |= {"SERVER_NAME": "api.test", "SERVER_PORT": "80", "HTTP_AUTHORIZATION": token}
    sent, errors = io.BytesIO(), io.StringIO()
    handler: Any = SimpleHandler(io.BytesIO(), sent, errors, environ)
    handler.error_body = b"the server's own error"
    handler.origin_server = False
    handler.run(app)
    head, _, body = sent.getvalue().partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    return (
        status.removeprefix("Status: "),
        [tuple(field.split(": ", 1)) for field in fields],
        body,
        errors.getvalue(),
    )


def value(lines):
    return lines[0][1].decode()


def plain(guard, lines, method="GET"):
    refusal = guard.authenticate(Request(method, "/x", headers=lines), WRITE)
    return refusal.status_line, list(refusal.headers), refusal.body


def environ_of(lines, **more):
    return {"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "HTTP_AUTHORIZATION": value(lines), **more}


def ignore(*arguments: Any) -> Any:
    """Serve as a server's `start_response` that does nothing."""


def recording(started: list[Any]) -> Any:
    """Return a `start_response` that records its arguments."""
    return lambda *arguments: started.append(arguments)
