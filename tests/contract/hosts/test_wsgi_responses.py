"""Responses that the WSGI middleware passes on, since no handler refuses."""

from __future__ import annotations

import gc
import io
import sys
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from iiniit_guard.adapting.response_record import ResponseAborted
from iiniit_guard.wsgi import GuardMiddleware
from tests.contract.hosts.wsgi_layouts import (
    ADDED,
    Refusing,
    ask,
    dropped,
    environ_of,
    ignore,
    recording,
    serve,
    start,
    value,
)


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_or_tuple_is_the_servers_to_count(guard, bearer, kind):
    body = kind([b"a", b"b"])

    def app(environ, start_response):
        start(start_response)
        return body

    started = []
    assert GuardMiddleware(app, guard)(environ_of(bearer()), recording(started)) is body
    assert started[0] == ("200 OK", [("Content-Type", "text/plain"), ADDED])


def sends_file(environ, start_response):
    start(start_response)
    return environ["wsgi.file_wrapper"](io.BytesIO(b"abc"))


def test_a_file_is_the_servers_to_send(guard, bearer):
    made = []

    def wrap(file, size=8192):  # as uWSGI's, which is no class and gives back the file
        made.append(file)
        return file

    by_class = GuardMiddleware(sends_file, guard)(
        environ_of(bearer(), **{"wsgi.file_wrapper": FileWrapper}), ignore
    )
    by_function = GuardMiddleware(sends_file, guard)(
        environ_of(bearer(), **{"wsgi.file_wrapper": wrap}), ignore
    )

    assert type(by_class) is FileWrapper
    assert made == [by_function]


def test_a_file_of_a_class_of_the_application_is_watched(guard, bearer):
    class Mine(FileWrapper):
        environ: Any = None

        def __iter__(self):
            yield b"begun"
            yield dropped(self.environ)

    def app(environ, start_response):
        start(start_response)
        mine = Mine(io.BytesIO())
        mine.environ = environ
        environ["wsgi.file_wrapper"] = Mine
        return mine

    body = GuardMiddleware(app, guard)(
        environ_of(bearer(), **{"wsgi.file_wrapper": FileWrapper}), ignore
    )

    with pytest.raises(ResponseAborted):
        list(body)


@pytest.mark.parametrize("read", [1, 2, 3])
def test_a_stream_that_the_client_leaves_is_freed_at_once(guard, bearer, read):
    class Chunk(bytes):
        def __del__(self):
            freed.append(True)

    def app(environ, start_response):
        start(start_response)
        return (Chunk(b"x") for _ in range(3))

    freed: list[bool] = []
    gc.disable()  # it frees cycles
    try:
        body: Any = GuardMiddleware(app, guard)(environ_of(bearer()), ignore)
        chunks = iter(body)
        for number in range(read):
            assert next(chunks)  # sent
            assert len(freed) == number + 1
        body.close()
        assert list(body) == []
        body = chunks = None
        assert len(freed) == read
    finally:
        gc.enable()


def test_a_chunk_that_was_not_sent_is_dropped_when_the_server_closes(guard, bearer):
    body: Any = GuardMiddleware(
        lambda environ, start_response: (start(start_response), iter([b"x", b"y"]))[1], guard
    )(environ_of(bearer()), ignore)
    body.close()

    assert list(body) == []


def test_an_aborted_response_stays_aborted(guard, bearer):
    def app(environ, start_response):
        start(start_response)
        yield b"begun"
        yield dropped(environ)
        raise NotImplementedError

    chunks: Any = iter(GuardMiddleware(app, guard)(environ_of(bearer()), ignore))

    assert next(chunks) == b"begun"
    for _ in range(2):
        with pytest.raises(ResponseAborted):
            next(chunks)


def test_start_response_takes_its_arguments_by_name(guard, bearer):
    def app(environ, start_response):
        start_response(status="200 OK", response_headers=[("X-First", "yes")])
        try:
            raise Refusing
        except Refusing:
            start_response(
                "500 Oops", response_headers=[("X-Error", "yes")], exc_info=sys.exc_info()
            )
        return [b"sorry"]

    status, headers, body, _ = serve(GuardMiddleware(app, guard), value(bearer()))

    assert (status, ("X-Error", "yes") in headers, body) == ("500 Oops", True, b"sorry")


def test_a_server_that_refuses_to_start_closes_the_file(guard, bearer):
    file = io.BytesIO(b"abc")

    def app(environ, start_response):
        start(start_response)
        return environ["wsgi.file_wrapper"](file)

    def refuse(*arguments):
        raise Refusing

    with pytest.raises(Refusing):
        GuardMiddleware(app, guard)(
            environ_of(bearer(), **{"wsgi.file_wrapper": FileWrapper}), refuse
        )
    assert file.closed


def test_the_writes_of_an_application_reach_the_server(guard, bearer):
    def app(environ, start_response):
        write = start(start_response)
        write(b"a")
        write(b"b")
        return [b"c"]

    assert serve(GuardMiddleware(app, guard), value(bearer()))[2] == b"abc"


def test_an_error_report_before_the_first_byte_replaces_what_was_started(guard, bearer):
    def app(environ, start_response):
        start(start_response)
        try:
            raise Refusing
        except Refusing:
            start_response("500 Oops", [("X-Error", "yes")], sys.exc_info())
        return [b"sorry"]

    assert serve(GuardMiddleware(app, guard), value(bearer()))[0] == "500 Oops"


def test_starting_twice_is_an_error_of_the_application(guard, bearer):
    def app(environ, start_response):
        start(start_response)
        start(start_response)
        raise NotImplementedError

    with pytest.raises(AssertionError, match="start_response was called before"):
        GuardMiddleware(app, guard)(environ_of(bearer()), ignore)


@pytest.mark.parametrize("body", [[], [b"a"]])
def test_an_application_that_never_starts_is_the_servers_to_judge(guard, bearer, body):
    started = []
    got = GuardMiddleware(lambda environ, start_response: body, guard)(
        environ_of(bearer()), recording(started)
    )

    assert list(got) == body
    assert started == []


def test_an_error_without_a_refusal_is_the_servers(guard, bearer):
    def app(environ, start_response):
        start(start_response)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        GuardMiddleware(app, guard)(environ_of(bearer()), ignore)


def test_no_exit_is_held_up(guard, bearer):
    def app(environ, start_response):
        ask(environ)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GuardMiddleware(app, guard)(environ_of(bearer()), ignore)
