"""The headers in which each gateway passes the original request to the guard.

One dialect is configured, and the guard reads only the headers of that dialect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final, Literal, NamedTuple, TypeAlias, get_args
from urllib.parse import unquote_to_bytes

from iiniit_guard.adapting.types import ReadState
from iiniit_guard.core.http.client_certificate import Spelling, parse_header
from iiniit_guard.core.model.request import Request

Gateway: TypeAlias = Literal["nginx", "traefik", "caddy", "envoy", "apache", "haproxy"]
GATEWAYS: Final[tuple[Gateway, ...]] = get_args(Gateway)

PREFIX: Final = b"/auth"
_METHOD: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}")  # RFC 9110 §9.1: token
_HOST: Final = re.compile(
    rb"[A-Za-z0-9\-._~%!$&'()*+,;=:\[\]]{1,255}"
)  # RFC 3986 §3.2.2 and a port
_SCHEMES: Final = {b"http": "http", b"https": "https", b"ws": "ws", b"wss": "wss"}
_AUTHORIZATION: Final = b"authorization"
_HOST_FIELD: Final = b"host"
_REMEMBERED: Final = 1024
# The result of the rules is not cached for a request with one of these headers. The set holds all
# spellings that WSGI servers and CGI treat as the same header.
_OVERRIDES: Final = frozenset(
    b"".join(part for pair in zip(words, (*marks, b""), strict=True) for part in pair)
    for words in (
        (b"x", b"http", b"method", b"override"),
        (b"x", b"http", b"method"),
        (b"x", b"method", b"override"),
    )
    for marks in product((b"-", b"_"), repeat=len(words) - 1)
)


class Original(NamedTuple):
    """The request that the client sent to the gateway.

    The class is a tuple, not a dataclass, because the guard creates one for each request.

    Attributes:
        method: Method, as the client sent it.
        target: Undecoded path and query, as latin-1 text. It begins with `/`.
        scheme: `http`, `https`, `ws` or `wss`.
        host: Value of the client's Host field.
        fields: All header fields of the request to the guard.
        own: Names of the fields that the gateway sets, not the client.
        authorization: Value of the Authorization field. None if there is none or more than one.
        overrides: Whether a header could override the method.
        certificate: Client certificate in DER. None if the client has none or if the settings do
            not enable client certificates.
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
        """The header fields of the client, without Host."""
        return [pair for pair in self.fields if pair[0] not in self.own]

    def __repr__(self) -> str:
        return f"Original({self.method})"

    def request(self) -> Request:
        """Return the original request, as if the client had sent it to the guard directly."""
        path, _, query = self.target.partition("?")
        return Request(
            method=self.method,
            path=unquote_to_bytes(path.encode("latin-1")).decode("utf-8", "replace"),
            query=query.encode("latin-1"),
            headers=[*self.headers, (_HOST_FIELD, self.host)],
            scheme=self.scheme,
            certificate=self.certificate,
            target=self.target,
        )


class Names(NamedTuple):
    """Names of the header fields of a dialect, in lower case.

    Attributes:
        certificate: Field of the client certificate.
        scheme: Field of the original scheme.
        method: Field of the original method. None if the request to the guard itself has the
            original method, path and Host.
        uri: Field of the original target. None in the same case as `method`.
        host: Field of the original Host.
    """

    certificate: bytes
    scheme: bytes
    method: bytes | None = None
    uri: bytes | None = None
    host: bytes = _HOST_FIELD


def _forwarded(certificate: bytes) -> Names:
    return Names(
        certificate,
        b"x-forwarded-proto",
        b"x-forwarded-method",
        b"x-forwarded-uri",
        b"x-forwarded-host",
    )


NAMES: Final[Mapping[Gateway, Names]] = {
    "nginx": Names(
        b"x-original-client-cert",
        b"x-original-proto",
        b"x-original-method",
        b"x-original-uri",
        b"x-original-host",
    ),
    "traefik": _forwarded(b"x-forwarded-tls-client-cert"),
    "caddy": _forwarded(b"client-cert"),
    "apache": _forwarded(b"client-cert"),
    "haproxy": _forwarded(b"client-cert"),
    "envoy": Names(b"x-forwarded-client-cert", b"x-forwarded-proto"),
}


SPELLINGS: Final[Mapping[Gateway, Spelling]] = {
    "nginx": "nginx",
    "traefik": "traefik",
    "caddy": "rfc9440",
    "apache": "apache",
    "haproxy": "rfc9440",
    "envoy": "envoy",
}
"""How the recipe of each gateway writes the client certificate."""


class Dialect:
    """Reads the original request from the headers of a gateway.

    Args:
        gateway: The gateway whose headers are read. Headers of other gateways are ignored.
        certificates: Whether the header of the client certificate is trusted. If True, the gateway
            must delete a header of this name that a client sends.
    """

    def __init__(self, gateway: Gateway, *, certificates: bool = False) -> None:
        self._gateway = gateway
        names = self._names = NAMES[gateway]
        self._certificates = certificates
        self._own = frozenset(name for name in (*names, _HOST_FIELD) if name is not None)
        # Cache of well-formed pairs of method and host. There are few distinct pairs.
        self._well_formed: dict[tuple[bytes, bytes], str] = {}

    def read(self, scope: ReadState) -> Original | None:
        """Read the original request from an ASGI scope.

        Returns:
            None if a header of the dialect is missing, repeated or malformed. The method never
            falls back to the method and path of the request to the guard.
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
                # Envoy sends the scheme only if `allowed_headers` lists it. Checks that depend on
                # the scheme use `public_url`.
                scheme = _SCHEMES[fields.get(names.scheme, b"https")]
            else:
                method, target = fields[names.method], fields[names.uri]
                scheme = _SCHEMES[fields[names.scheme]]
            host = fields[names.host]
        except KeyError:
            return None
        known = self._well_formed.get((method, host)) or self._check(method, host)
        if known is None or target[:1] != b"/":
            return None
        certificate = None
        if self._certificates and fields.get(names.certificate):
            certificate = parse_header(fields[names.certificate], SPELLINGS[self._gateway])
            if certificate is None:
                return None
        overrides = not _OVERRIDES.isdisjoint(fields)
        return Original(
            known,
            target.decode("latin-1"),
            scheme,
            host,
            headers,
            self._own,
            authorization,
            overrides,
            certificate or None,
        )

    def find_fault(self, scope: ReadState) -> str:
        """Return why `read` cannot read the original request: the names of the fields at fault.

        The result holds no value of a field.
        """
        sent = [name for name, _ in scope["headers"]]
        names = self._names
        needed = [name for name in (names.method, names.uri, names.host) if name is not None]
        needed += [] if names.method is None else [names.scheme]
        missing = [name for name in needed if name not in sent]
        repeated = sorted(name for name in self._own if sent.count(name) > 1)
        if missing:
            fault = f"missing: {_named(missing)}"
        elif repeated:
            fault = f"sent more than once: {_named(repeated)}"
        elif names.method is None and _own_target(scope) == b"":
            fault = f"the path does not begin with {PREFIX.decode()}"
        else:
            fault = f"malformed: one of {_named(sorted(self._own))}"
        others = [
            gateway
            for gateway, fields in NAMES.items()
            if missing and fields.method is not None and {fields.method, fields.uri} <= set(sent)
        ]
        hint = f"; the fields are those of {' or '.join(others)}" if others else ""
        return f"gateway = '{self._gateway}': {fault}{hint}"

    def _check(self, method: bytes, host: bytes) -> str | None:
        if _METHOD.fullmatch(method) is None or _HOST.fullmatch(host) is None:
            return None
        if len(self._well_formed) >= _REMEMBERED:
            self._well_formed.clear()
        known = self._well_formed[method, host] = method.decode("ascii")
        return known


def _named(names: Sequence[bytes]) -> str:
    return ", ".join(name.decode("ascii").title() for name in names)


def _own_target(scope: ReadState) -> bytes:
    """Return the target after the prefix, from the undecoded path.

    The result is empty if the path does not begin with the prefix.
    """
    raw: bytes = scope.get("raw_path") or b""
    query: bytes = scope.get("query_string", b"")
    if raw[: len(PREFIX)] != PREFIX:
        return b""
    path = raw[len(PREFIX) :] or b"/"
    return path + b"?" + query if query else path
