"""Files that the WSGI middleware leaves to the server (`wsgi.file_wrapper`, PEP 3333)."""

from __future__ import annotations

import io
import tempfile
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from iiniit_guard.wsgi import GuardMiddleware
from tests.contract.hosts.wsgi_layouts import dropped, environ_of, ignore, serve, start, value


def changed(file, name="read"):
    setattr(file, name, lambda *arguments: b"changed")
    return file


def detached(file):
    file.detach().close()
    return file


def closed(file):
    file.close()
    return file


class Raw(io.RawIOBase):
    """A file of the application. Its methods may call a guarded function."""

    def readable(self):
        return True


STANDARD = {
    "bytes": lambda path: io.BytesIO(b"abc"),
    "buffered": lambda path: path.open("rb"),
    "unbuffered": lambda path: path.open("rb", buffering=0),
    "random": lambda path: path.open("r+b"),
    "temporary": lambda path: tempfile.TemporaryFile(),  # noqa: SIM115  # the test closes it
}
OTHERS = {
    "raw": lambda path: Raw(),
    "buffered raw": lambda path: io.BufferedReader(Raw()),
    "subclass of bytes": lambda path: type("Mine", (io.BytesIO,), {})(b"abc"),
    "subclass of buffered": lambda path: type("Mine", (io.BufferedReader,), {})(io.FileIO(path)),
    "subclass of a file": lambda path: type("Mine", (io.FileIO,), {})(path),
    "buffered subclass of a file": lambda path: io.BufferedReader(
        type("Mine", (io.FileIO,), {})(path)
    ),
    "changed bytes": lambda path: changed(io.BytesIO(b"abc")),
    "changed buffered": lambda path: changed(path.open("rb")),
    "changed unbuffered": lambda path: changed(path.open("rb", buffering=0)),
    "buffered changed": lambda path: io.BufferedReader(changed(io.FileIO(path), "readinto")),
    "iteration changed": lambda path: changed(io.BytesIO(b"abc"), "__next__"),
    "closed": lambda path: closed(path.open("rb")),
    "detached": lambda path: detached(path.open("rb")),
    # its class is written in Python, and calls methods of its `file`
    "named temporary": lambda path: tempfile.NamedTemporaryFile(),  # noqa: SIM115
    "an object": lambda path: type("Mine", (), {"read": lambda self, size: b""})(),
}


@pytest.mark.parametrize("name", [*STANDARD, *OTHERS])
@pytest.mark.parametrize("by_function", [False, True])
def test_only_a_standard_file_is_passed_on(guard, bearer, tmp_path, name, by_function):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    made: list[Any] = []

    class Wrapper:  # a server's; it does not read
        def __init__(self, file, size=8192):
            made.append(self)

        def __iter__(self):
            return iter((b"abc",))

    def app(environ, start_response):
        start(start_response)
        files.append({**STANDARD, **OTHERS}[name](path))
        return environ["wsgi.file_wrapper"](*files, 4096)

    files: list[Any] = []
    wrap = (lambda *arguments: Wrapper(*arguments)) if by_function else Wrapper
    body = GuardMiddleware(app, guard)(environ_of(bearer(), **{"wsgi.file_wrapper": wrap}), ignore)

    assert (body is made[0]) is (name in STANDARD)
    assert list(body) == [b"abc"]
    if name not in ("detached", "an object"):
        files[0].close()


def test_a_file_that_is_changed_after_it_was_wrapped_is_watched(guard, bearer):
    def app(environ, start_response):
        start(start_response)
        file = io.BytesIO(b"abc")
        body = environ["wsgi.file_wrapper"](file)
        changed(file)
        return body

    body = GuardMiddleware(app, guard)(
        environ_of(bearer(), **{"wsgi.file_wrapper": FileWrapper}), ignore
    )

    assert type(body) is not FileWrapper


@pytest.mark.parametrize("number", [0, 1])
def test_a_refusal_that_reading_a_file_makes_is_sent(guard, bearer, number):
    """A refusal in the first read replaces the response; a later one aborts the connection."""

    class Asking(io.RawIOBase):
        reads = 0
        environ: Any = None

        def read(self, size=-1):
            self.reads += 1
            return (
                (b"begun", b"more", b"")[self.reads - 1]
                if self.reads - 1 != number
                else dropped(self.environ)
            )

    def app(environ, start_response):
        start(start_response)
        file = Asking()
        file.environ = environ
        return environ["wsgi.file_wrapper"](file)

    status, _, body, errors = serve(GuardMiddleware(app, guard), value(bearer()))

    assert b"secret" not in body
    assert status == ("403 Forbidden", "200 OK")[number]
    assert ("ResponseAborted" in errors) is (number == 1)
