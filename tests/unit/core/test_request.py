"""Parsing of WSGI environs and ASGI scopes, and the defaults of missing parts."""

from __future__ import annotations

import pytest

from iiniit_guard.core.model.request import (
    environ_path,
    request_from_environ,
    request_from_scope,
    route_path,
)


def test_a_scope():
    headers = [(b"authorization", b"Bearer a"), (b"x", b"1"), (b"x", b"2")]
    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/a b",
        "query_string": b"x=%20",
        "headers": headers,
        "scheme": "https",
        "client": ("192.0.2.1", 50000),
    }
    request = request_from_scope(scope)
    assert (request.method, request.path, request.query, request.headers) == (
        "PUT",
        "/a b",
        b"x=%20",
        headers,
    )
    assert (request.scheme, request.peer) == ("https", "192.0.2.1")
    assert request.native is scope
    assert request.header(b"x") == b"1"
    assert request.header_values(b"x") == [b"1", b"2"]


@pytest.mark.parametrize("client", [None, ()])
def test_a_websocket_from_a_server_that_says_little(client):
    """RFC 6455 §4.1: a handshake is a GET."""
    scope = {
        "type": "websocket",
        "path": "/",
        "headers": [],
        **({} if client is None else {"client": None}),
    }
    request = request_from_scope(scope)
    assert (request.method, request.query, request.scheme, request.peer) == (
        "GET",
        b"",
        "http",
        None,
    )


@pytest.mark.parametrize(
    ("path", "root", "routed"),
    [
        ("/a/b", "", "/a/b"),
        ("/a/b", None, "/a/b"),
        ("/a/b", "/a", "/b"),
        ("/a", "/a", ""),
        ("/ab", "/a", "/ab"),
        ("/b", "/a", "/b"),
        ("/b", "XXXX", "/b"),
    ],
)
def test_a_mounted_application(path, root, routed):
    assert route_path({"path": path, **({} if root is None else {"root_path": root})}) == routed


def test_an_environ():
    environ = {
        "REQUEST_METHOD": "PUT",
        "PATH_INFO": "/\u00c3\u00a4",
        "QUERY_STRING": "x=\u00e4",
        "HTTP_AUTHORIZATION": "Bearer \u00ff",
        "HTTP_X_ONE": "1",
        "CONTENT_LENGTH": "7",
        "CONTENT_TYPE": "text/\u20ac",
        "wsgi.url_scheme": "https",
        "REMOTE_ADDR": "192.0.2.1",
    }
    request = request_from_environ(environ)
    assert (request.method, request.path, request.query) == ("PUT", "/\u00e4", b"x=\xe4")
    assert request.headers == [
        (b"authorization", b"Bearer \xff"),
        (b"x-one", b"1"),
        (b"content-length", b"7"),
        (b"content-type", b"text/?"),
    ]
    assert (request.scheme, request.peer) == ("https", "192.0.2.1")
    assert request.native is environ


def test_an_environ_that_says_little_or_what_no_latin_1_is():
    request = request_from_environ({"CONTENT_LENGTH": "", "REMOTE_ADDR": ""})
    assert (request.method, request.path, request.query, request.headers) == ("GET", "", b"", [])
    assert (request.scheme, request.peer) == ("http", None)
    odd = request_from_environ(
        {"QUERY_STRING": "\u20ac", "HTTP_X\u20ac": "\u20ac", "PATH_INFO": "/\u20ac"}
    )
    assert (odd.query, odd.headers, odd.path) == (b"?", [(b"x?", b"?")], "/?")


@pytest.mark.parametrize(
    ("text", "path"), [("/a", "/a"), ("/\u00c3\u00a4", "/\u00e4"), ("/\u00ff", "/\ufffd")]
)
def test_the_path_of_an_environ(text, path):
    assert environ_path({"PATH_INFO": text}) == path
