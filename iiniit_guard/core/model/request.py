"""An HTTP request as a value, from a WSGI environ or an ASGI scope: both are plain mappings."""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

# White space that a lenient reader strips from a name, and the second separator. Percent signs and
# equals signs are swapped, because then the decoder for quoted-printable, which is written in C,
# decodes percent-escapes. `_BACK` swaps them back.
_ALIKE: Final = bytes.maketrans(b";+\t\n\r\x0b\x0c", b"&      ")
_SWAP: Final = bytes.maketrans(b"%=;+\t\n\r\x0b\x0c", b"=%&      ")
_BACK: Final = bytes.maketrans(b"%=\t\n\r\x0b\x0c", b"=%     ")


class ReservedNames(NamedTuple):
    """Query parameters that have a meaning for the guard.

    Attributes:
        access_token: Whether there is an `access_token` (RFC 6750 §2.3).
        method: Whether there is a `_method`, by which Express and Symfony override the method.
    """

    access_token: bool
    method: bool


_QUERY_TOKEN: Final = re.compile(rb"&access_token(?=[=&])")
_NONE_RESERVED: Final = ReservedNames(access_token=False, method=False)


@dataclass(frozen=True, slots=True)
class Request:
    """The parts of a request that the guard reads.

    Its `repr` omits the headers and the query, which hold credentials.

    Attributes:
        method: As the server passes it, `GET`.
        path: Decoded, as the application routes it: without the prefix under which the application
            is mounted.
        query: Undecoded, without `?`.
        headers: List of (name, value), names lower-case. Duplicates are kept, in the order of
            arrival if the server keeps it.
        scheme: `http`, `https`, `ws` or `wss`, as the server received it.
        peer: The address of the socket's other end, without port. None for a Unix socket, or if the
            server does not provide it.
        certificate: The certificate of the client (DER), if the adapter knows it. If it is None, a
            bound token makes the guard look for it in `native`, or in the header field that the
            setting `client_certificate` names.
        target: The undecoded path as the client sent it, with or without query, for a caller that
            knows it and passes no `native`.
        native: The environ or scope that the request was made from, for `validators` and
            `alternatives`.
    """

    method: str
    path: str
    query: bytes = field(default=b"", repr=False)
    headers: Sequence[tuple[bytes, bytes]] = field(default=(), repr=False)
    scheme: str = "http"
    peer: str | None = None
    certificate: bytes | None = field(default=None, repr=False)
    native: Any = field(default=None, repr=False, compare=False)
    target: str | None = field(default=None, repr=False)
    _reserved: ReservedNames | None = field(default=None, init=False, repr=False, compare=False)

    def __init__(  # one for each attribute
        self,
        method: str,
        path: str,
        query: bytes = b"",
        headers: Sequence[tuple[bytes, bytes]] = (),
        scheme: str = "http",
        peer: str | None = None,
        certificate: bytes | None = None,
        native: Any = None,
        target: str | None = None,
    ) -> None:
        # As for `AccessToken`: the generated constructor takes twice the time.
        _set_method(self, method)
        _set_path(self, path)
        _set_query(self, query)
        _set_headers(self, headers)
        _set_scheme(self, scheme)
        _set_peer(self, peer)
        _set_certificate(self, certificate)
        _set_native(self, native)
        _set_target(self, target)
        _set_reserved(self, None)

    @property
    def reserved_names(self) -> ReservedNames:
        """The reserved parameters of the query, which is searched once per request."""
        found = self._reserved
        if found is None:
            found = reserved_names(self.query)
            _set_reserved(self, found)
        return found

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of the header `name` (lower-case), or None."""
        return next((value for key, value in self.headers if key == name), None)

    def header_values(self, name: bytes) -> list[bytes]:
        """Return every value of the header `name` (lower-case), one per field line."""
        return [value for key, value in self.headers if key == name]


(
    _set_method,
    _set_path,
    _set_query,
    _set_headers,
    _set_scheme,
    _set_peer,
    _set_certificate,
    _set_native,
    _set_target,
) = (Request.__dict__[name].__set__ for name in Request.__match_args__)
_set_reserved: Final = Request.__dict__["_reserved"].__set__


def only_authorization(headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
    """Return the value of the Authorization field; None if there is none, or more than one.

    RFC 6750 §3.1 refuses a request with more than one.
    """
    found = None
    for name, value in headers:
        if name == b"authorization":
            if found is not None:
                return None
            found = value
    return found


def reserved_names(query: bytes) -> ReservedNames:
    """Return which reserved parameters an undecoded query has.

    Names are found however they are percent-encoded. The client decides how many parameters there
    are, so every step is one pass in C over the whole query: 64 KiB take less than 1 ms.
    """
    if b"%" not in query and b"access_token" not in query and b"_method" not in query:
        return _NONE_RESERVED
    names = _with_plain_names(query)
    return ReservedNames(
        access_token=b"&access_token" in names
        and (b"&access_token=" in names or b"&access_token&" in names),
        method=b"&_method" in names
        and (b"&_method=" in names or b"&_method&" in names or b"&_method[" in names),
    )


def value_of_query_token(query: bytes) -> bytes | None:
    """Return the undecoded value of the parameter `access_token`; None if there is more than one.

    Args:
        query: Undecoded. The caller found the parameter by `reserved_names`.
    """
    names = _with_plain_names(query)
    first, *others = _QUERY_TOKEN.finditer(names)
    if others:
        return None
    position = names.count(b"&", 0, first.start())  # the number of separators is unchanged
    return query.replace(b";", b"&").split(b"&", position + 1)[position].partition(b"=")[2]


def _with_plain_names(query: bytes) -> bytes:
    """Return the query with each name as the most lenient reader interprets it.

    Each name is between `&` and `=` or `&`. The values are not usable afterwards. A separator is
    `&` or `;`. White space and `+` around a name are removed. Escapes are decoded once.
    """
    if b"%" in query:
        # The first of two percent signs begins no escape. Two passes, because the first pass leaves
        # two signs of three.
        query = query.replace(b"%%", b"?%").replace(b"%%", b"?%")
        # An escaped separator does not separate. An escaped percent sign is masked too, because
        # `_BACK` would turn it into an equals sign.
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
    """Return the request of an ASGI connection scope of type `http` or `websocket`.

    Spec: ASGI 3.0, HTTP and WebSocket connection scopes. A WebSocket handshake is a GET (RFC 6455
        §4.1).
    """
    get = scope.get
    client = get("client")
    return Request(
        get("method", "GET"),
        route_path(scope),
        get("query_string", b""),
        scope["headers"],
        get("scheme", "http"),
        client[0] if client else None,
        None,  # the certificate, which `native` may have
        scope,
    )


def route_path(scope: Mapping[str, Any]) -> str:
    """Return the path that the application routes: `path` without the prefix `root_path`.

    A guard that checks another path than the application routes could authorize a request for one
    handler while the application runs another.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if not root or not path.startswith(root):
        return path
    rest = path[len(root) :]
    return rest if not rest or rest[0] == "/" else path


def has_unclear_prefix(native: object) -> bool:
    """Return whether frameworks disagree on what `root_path` leaves of the path of a scope.

    Starlette removes only whole segments at the beginning, Quart also the beginning of a segment,
    and Litestar the first occurrence anywhere.
    """
    if not isinstance(native, Mapping):
        return False
    root, path = native.get("root_path", ""), native.get("path", "")
    return root not in ("", "/") and root in path and route_path(native) == path


def request_from_environ(environ: Mapping[str, Any]) -> Request:
    """Return the request of a WSGI environ (PEP 3333), whose text is bytes decoded as latin-1.

    Some servers convert a name to upper case as text, which moves two bytes (0xB5, 0xFF) out of
    latin-1.
    """
    headers = [
        (
            name[5:].replace("_", "-").lower().encode("latin-1", "replace"),
            value.encode("latin-1", "replace"),
        )
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
    """Return the path that a WSGI application routes."""
    path: str = environ.get("PATH_INFO", "")
    return path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "replace")
