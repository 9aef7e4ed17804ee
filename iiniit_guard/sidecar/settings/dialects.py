"""How each gateway tells the guard what was requested. One dialect is configured, and only its headers are read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args
from urllib.parse import unquote_to_bytes

from iiniit_guard.core.model.request import Request
from iiniit_guard.sidecar.settings.certificates import parse_certificate

Gateway: TypeAlias = Literal["nginx", "traefik", "caddy", "envoy", "apache", "haproxy"]
GATEWAYS: Final[tuple[Gateway, ...]] = get_args(Gateway)

PREFIX: Final = b"/auth"
_METHOD: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}")  # RFC 9110 §9.1: token
_HOST: Final = re.compile(rb"[A-Za-z0-9\-._~%!$&'()*+,;=:\[\]]{1,255}")  # RFC 3986 §3.2.2 and a port
_SCHEMES: Final = {b"http": "http", b"https": "https", b"ws": "ws", b"wss": "wss"}
_AUTHORIZATION: Final = b"authorization"
_HOST_FIELD: Final = b"host"
_REMEMBERED: Final = 1024
# A request with one of these is judged by rules anew each time; the spellings are those that WSGI servers and CGI fold.
_OVERRIDES: Final = frozenset(
    b"".join(part for pair in zip(words, (*marks, b""), strict=True) for part in pair)
    for words in ((b"x", b"http", b"method", b"override"), (b"x", b"http", b"method"), (b"x", b"method", b"override"))
    for marks in product((b"-", b"_"), repeat=len(words) - 1)
)


class Original(NamedTuple):
    """What the client asked of the gateway. A tuple and no dataclass, because one is made for each request.

    Attributes:
        method: As the client sent it.
        target: Undecoded path and query, bytes as latin-1; begins with `/`.
        scheme: `http`, `https`, `ws` or `wss`.
        host: The client's Host field.
        fields: All header fields of the request to the guard.
        own: Names of those that are the dialect's and not the client's.
        authorization: The value of the only Authorization field; None where there is none or more than one.
        overrides: Whether a header could override the method.
        certificate: The client's certificate in DER, None without one or where certificates are not read.
    """

    method: str
    target: str
    scheme: str
    host: bytes
    fields: Sequence[tuple[bytes, bytes]]
    own: frozenset[bytes]
    authorization: bytes | None
    overrides: bool
    certificate: bytes | None = None

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The client's header fields but Host."""
        return [pair for pair in self.fields if pair[0] not in self.own]

    def __repr__(self) -> str:
        return f"Original({self.method})"

    def request(self) -> Request:
        """Give it as the guard wants it: as if the client had asked the guard itself."""
        path, _, query = self.target.partition("?")
        return Request(
            method=self.method,
            path=unquote_to_bytes(path.encode("latin-1")).decode("utf-8", "replace"),
            query=query.encode("latin-1"),
            headers=[*self.headers, (_HOST_FIELD, self.host)],
            scheme=self.scheme,
            certificate=self.certificate,
        )


class Names(NamedTuple):
    """The header fields of a dialect, lower-case.

    Attributes:
        certificate: Of the client's certificate.
        scheme: Of the original scheme.
        method: Of the original method; None where the request to the guard has the original method, path and Host.
        uri: Of the original target.
        host: Of the original Host.
    """

    certificate: bytes
    scheme: bytes
    method: bytes | None = None
    uri: bytes | None = None
    host: bytes = _HOST_FIELD


def _forwarded(certificate: bytes) -> Names:
    return Names(certificate, b"x-forwarded-proto", b"x-forwarded-method", b"x-forwarded-uri", b"x-forwarded-host")


NAMES: Final[Mapping[Gateway, Names]] = {
    "nginx": Names(b"x-original-client-cert", b"x-original-proto", b"x-original-method", b"x-original-uri", b"x-original-host"),
    "traefik": _forwarded(b"x-forwarded-tls-client-cert"),
    "caddy": _forwarded(b"client-cert"),
    "apache": _forwarded(b"client-cert"),
    "haproxy": _forwarded(b"client-cert"),
    "envoy": Names(b"x-forwarded-client-cert", b"x-forwarded-proto"),
}


class Dialect:
    """Reads original requests.

    Args:
        gateway: Whose way of telling them is read; no other way is looked at.
        certificates: Whether the client certificate's header is believed: the gateway must delete a client's own.
    """

    def __init__(self, gateway: Gateway, *, certificates: bool = False) -> None:
        names = self._names = NAMES[gateway]
        self._certificates = certificates
        self._own = frozenset(name for name in (*names, _HOST_FIELD) if name is not None)
        # Methods and hosts that were found well-formed: there are few, and each comes again and again.
        self._well_formed: dict[tuple[bytes, bytes], str] = {}

    def read(self, scope: Mapping[str, Any]) -> Original | None:
        """Read the original request from an ASGI scope.

        Returns:
            None where a header of the dialect is missing, repeated or malformed: never the method and path of the question itself.
        """
        headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
        fields = dict(headers)
        authorization = fields.get(_AUTHORIZATION)
        if len(fields) != len(headers):
            sent = [name for name, _ in headers]
            if any(sent.count(name) > 1 for name in self._own):
                return None
            if sent.count(_AUTHORIZATION) > 1:
                authorization = None
        names = self._names
        try:
            if names.method is None or names.uri is None:
                method, target = scope["method"].encode("ascii"), _own_target(scope)
                # Envoy says the scheme only where `allowed_headers` names it; what must know it uses public_url.
                scheme = _SCHEMES[fields.get(names.scheme, b"https")]
            else:
                method, target, scheme = fields[names.method], fields[names.uri], _SCHEMES[fields[names.scheme]]
            host = fields[names.host]
        except KeyError:
            return None
        known = self._well_formed.get((method, host)) or self._check(method, host)
        if known is None or target[:1] != b"/":
            return None
        certificate = None
        if self._certificates and fields.get(names.certificate):
            certificate = parse_certificate(fields[names.certificate])
            if certificate is None:
                return None
        overrides = not _OVERRIDES.isdisjoint(fields)
        return Original(known, target.decode("latin-1"), scheme, host, headers, self._own, authorization, overrides, certificate)

    def _check(self, method: bytes, host: bytes) -> str | None:
        if _METHOD.fullmatch(method) is None or _HOST.fullmatch(host) is None:
            return None
        if len(self._well_formed) >= _REMEMBERED:
            self._well_formed.clear()
        known = self._well_formed[method, host] = method.decode("ascii")
        return known


def _own_target(scope: Mapping[str, Any]) -> bytes:
    """Give the target behind the prefix, from the undecoded path; empty where that does not begin with the prefix."""
    raw: bytes = scope.get("raw_path") or b""
    query: bytes = scope.get("query_string", b"")
    if raw[: len(PREFIX)] != PREFIX:
        return b""
    path = raw[len(PREFIX) :] or b"/"
    return path + b"?" + query if query else path
