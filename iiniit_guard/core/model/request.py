"""An HTTP request as a value, from a WSGI environ or an ASGI scope: both are plain mappings."""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

# White space that a lenient reader strips from a name, and the second separator. Percent signs and equals signs change places, so that
# the decoder for quoted-printable, which is written in C, decodes percent-escapes; `_BACK` makes them change places again.
_ALIKE: Final = bytes.maketrans(b";+\t\n\r\x0b\x0c", b"&      ")
_SWAP: Final = bytes.maketrans(b"%=;+\t\n\r\x0b\x0c", b"=%&      ")
_BACK: Final = bytes.maketrans(b"%=\t\n\r\x0b\x0c", b"=%     ")


class ReservedNames(NamedTuple):
    """Which parameters of a query mean something to the guard.

    Attributes:
        access_token: Whether there is an `access_token` (RFC 6750 §2.3).
        method: Whether there is a `_method`, which Express' and Symfony's overrides read.
    """

    access_token: bool
    method: bool


_QUERY_TOKEN: Final = re.compile(rb"&access_token(?=[=&])")
_NONE_RESERVED: Final = ReservedNames(access_token=False, method=False)


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
    _reserved: ReservedNames | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def reserved_names(self) -> ReservedNames:
        """Which reserved parameters the query has; it is searched once per request."""
        found = self._reserved
        if found is None:
            found = reserved_names(self.query)
            object.__setattr__(self, "_reserved", found)
        return found

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


def reserved_names(query: bytes) -> ReservedNames:
    """Search an undecoded query for parameters that mean something to the guard, however their names are percent-encoded.

    Every step is one pass in C over the whole query, because the client decides how many parameters it has: 64 KiB take less than 1 ms.
    """
    if b"%" not in query and b"access_token" not in query and b"_method" not in query:
        return _NONE_RESERVED
    names = _with_plain_names(query)
    return ReservedNames(
        access_token=b"&access_token" in names and (b"&access_token=" in names or b"&access_token&" in names),
        method=b"&_method" in names and (b"&_method=" in names or b"&_method&" in names or b"&_method[" in names),
    )


def value_of_query_token(query: bytes) -> bytes | None:
    """Return the undecoded value of the parameter `access_token`, or None where several have this name.

    Args:
        query: Undecoded; `reserved_names` found the parameter.
    """
    names = _with_plain_names(query)
    first, *others = _QUERY_TOKEN.finditer(names)
    if others:
        return None
    position = names.count(b"&", 0, first.start())  # no separator was added or removed since
    return query.replace(b";", b"&").split(b"&", position + 1)[position].partition(b"=")[2]


def _with_plain_names(query: bytes) -> bytes:
    """Return the query with each name as the most lenient reader reads it, between `&` and `=` or `&`. Values are of no use afterwards.

    A separator is `&` or `;`. White space and `+` around a name are removed. Escapes are decoded once.
    """
    if b"%" in query:
        # The first of two percent signs begins no escape. Two passes, because the first one leaves two signs of three.
        query = query.replace(b"%%", b"?%").replace(b"%%", b"?%")
        # An escaped separator separates nothing; neither does an escaped percent sign, for which `_BACK` would write an equals sign.
        query = query.replace(b"%26", b"???").replace(b"%25", b"???")
        names = a2b_qp(b"&%b&" % query.translate(_SWAP)).translate(_BACK)
    else:
        names = b"&%b&" % query.translate(_ALIKE)
    if b" " not in names:
        return names
    for spaces in (b" " * 16, b"  "):
        while spaces in names:
            names = names.replace(spaces, b" ")
    return names.replace(b"& ", b"&").replace(b" &", b"&").replace(b" =", b"=")


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
