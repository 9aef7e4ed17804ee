"""An HTTP request as a value, from a WSGI environ or an ASGI scope: both are plain mappings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes


@dataclass(frozen=True, slots=True)
class Request:
    """What the guard looks at. Its `repr` shows no header and no query: they hold credentials.

    Attributes:
        method: As the server gives it, `GET`.
        path: Decoded, as the application routes it: without the prefix under which the application is mounted.
        query: Undecoded, without `?`.
        headers: List of (name, value), names lower-case, duplicates kept, in the order of arrival where the server keeps it.
        scheme: `http`, `https`, `ws` or `wss` as the server saw it.
        peer: The socket's other end, an address without port; None for a Unix socket or where the server does not say.
        certificate: The client's certificate from the server's own TLS layer (DER); None without one.
        native: What the request was made from (environ or scope), for `validators` and `alternatives`.
    """

    method: str
    path: str
    query: bytes = field(default=b"", repr=False)
    headers: Sequence[tuple[bytes, bytes]] = field(default=(), repr=False)
    scheme: str = "http"
    peer: str | None = None
    certificate: bytes | None = field(default=None, repr=False)
    native: Any = field(default=None, repr=False, compare=False)

    def header(self, name: bytes) -> bytes | None:
        """Give the first value of the header `name` (lower-case), or None."""
        return next((value for key, value in self.headers if key == name), None)

    def header_values(self, name: bytes) -> list[bytes]:
        """Give every value of the header `name` (lower-case), one per field line."""
        return [value for key, value in self.headers if key == name]


def only_authorization(headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
    """Give the value of the Authorization field; None also where there are several (RFC 6750 §3.1 refuses those)."""
    found = None
    for name, value in headers:
        if name == b"authorization":
            if found is not None:
                return None
            found = value
    return found


def query_parameters(query: bytes) -> list[tuple[bytes, bytes]]:
    """Give every parameter of an undecoded query as (name, value): the name as the most lenient reader reads it, the value undecoded."""
    pairs = [pair.partition(b"=") for pair in re.split(b"[&;]", query)]
    return [(unquote_to_bytes(name.replace(b"+", b" ")).strip(), value) for name, _, value in pairs]


def request_from_scope(scope: Mapping[str, Any]) -> Request:
    """Read an ASGI connection scope of type `http` or `websocket`.

    Spec: ASGI 3.0, HTTP and WebSocket connection scopes. A WebSocket handshake is a GET (RFC 6455 §4.1).
    """
    client = scope.get("client")
    return Request(
        method=scope.get("method", "GET"),
        path=route_path(scope),
        query=scope.get("query_string", b""),
        headers=scope["headers"],
        scheme=scope.get("scheme", "http"),
        peer=client[0] if client else None,
        native=scope,
    )


def route_path(scope: Mapping[str, Any]) -> str:
    """Give the path as the application routes it: `path` without `root_path`, where it begins with that.

    Whoever decides on another path than the application routes can be asked about one handler and reach another.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if not root or not path.startswith(root):
        return path
    rest = path[len(root) :]
    return rest if not rest or rest[0] == "/" else path


def request_from_environ(environ: Mapping[str, Any]) -> Request:
    """Read a WSGI environ (PEP 3333): text there is bytes in disguise, decoded as latin-1.

    Some servers put a name in upper case as text, which takes two bytes (0xB5, 0xFF) out of latin-1.
    """
    headers = [
        (name[5:].replace("_", "-").lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    for name, key in ((b"content-length", "CONTENT_LENGTH"), (b"content-type", "CONTENT_TYPE")):
        if environ.get(key):
            headers.append((name, environ[key].encode("latin-1", "replace")))
    return Request(
        method=environ.get("REQUEST_METHOD", "GET"),
        path=environ_path(environ),
        query=environ.get("QUERY_STRING", "").encode("latin-1", "replace"),
        headers=headers,
        scheme=environ.get("wsgi.url_scheme", "http"),
        peer=environ.get("REMOTE_ADDR") or None,
        native=environ,
    )


def environ_path(environ: Mapping[str, Any]) -> str:
    """Give the path that a WSGI application routes."""
    path: str = environ.get("PATH_INFO", "")
    return path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "replace")
