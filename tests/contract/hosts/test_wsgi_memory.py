"""What a WSGI response leaves in memory when it has ended."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest

from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.testing import Issuer
from iiniit_guard.wsgi import GuardMiddleware, authorize


class Server:
    """A server whose `start_response` is a method, as that of gunicorn is."""

    def start_response(self, status, headers, exc_info=None):
        return lambda chunk: None


def one_chunk(environ, start_response):
    start_response("200 OK", [])
    yield b"a"


def two_chunks(environ, start_response):
    start_response("200 OK", [])
    yield b"a"
    yield b"b"


def writing(environ, start_response):
    start_response("200 OK", [])(b"a")
    return []


def writing_and_yielding(environ, start_response):
    start_response("200 OK", [])(b"a")
    return iter([b"b"])


def failing(environ, start_response):
    write = start_response("200 OK", [])
    write(b"a")
    write(b"b")
    raise ValueError("the application failed")


def failing_in_iterator(environ, start_response):
    write = start_response("200 OK", [])
    write(b"a")
    write(b"b")
    yield b""
    raise ValueError("the application failed")


class Held:
    """An object in a frame of a handler."""


def environ_of(issuer):
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "wsgi.url_scheme": "https",
        "HTTP_AUTHORIZATION": f"Bearer {issuer.token()}",
    }


def run(middleware, environ, start_response):
    body = middleware(environ, start_response)
    try:
        list(body)
    finally:
        getattr(body, "close", lambda: None)()


@pytest.fixture
def issuer():
    issuer = Issuer()
    gc.collect()
    gc.disable()
    yield issuer
    gc.enable()


@pytest.mark.parametrize(
    "app",
    [one_chunk, two_chunks, writing, writing_and_yielding, failing, failing_in_iterator],
    ids=lambda app: app.__name__,
)
def test_a_response_that_has_ended_is_freed_at_once(issuer, app):
    """A reference cycle would keep it, with its server, until the garbage collector runs."""
    middleware, server = GuardMiddleware(app, issuer.guard()), Server()
    kept = weakref.ref(server)
    if app in (failing, failing_in_iterator):
        with pytest.raises(ValueError, match="the application failed"):
            run(middleware, environ_of(issuer), server.start_response)
    else:
        run(middleware, environ_of(issuer), server.start_response)
    del server
    assert kept() is None


def test_the_frames_of_a_refused_handler_are_freed_at_once(issuer):
    """`exc_info` refers to the frames of the handler, and these to the environ."""
    kept, started = [], []

    def app(environ, start_response):
        held = Held()
        kept.append(weakref.ref(held))
        authorize(environ, make_policy(["admin"]))
        try:
            raise ValueError("the application failed")
        except ValueError:
            start_response("500 Internal Server Error", [], sys.exc_info())
        return [b""]

    middleware = GuardMiddleware(app, issuer.guard())
    run(middleware, environ_of(issuer), lambda status, *more: started.append(status))
    assert started == ["403 Forbidden"]
    assert kept[0]() is None
