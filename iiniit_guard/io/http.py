"""Requests and responses within size limits, shared by threads and event loops."""

from __future__ import annotations

import ssl
import zlib
from typing import TYPE_CHECKING, Final, TypeVar

import httpx2

from iiniit_guard.core.issuer.forward_proxy import ForwardProxy, parse_proxy
from iiniit_guard.core.model.flow import MAX_BODY_BYTES, Connection, HttpRequest, HttpResponse
from iiniit_guard.io.exchange import Exchange, ExchangeError

T = TypeVar("T")

if TYPE_CHECKING:
    from typing_extensions import override as override  # noqa: PLC0414 - a re-export
else:

    def override(method: T) -> T:
        """Return `method`.

        `typing.override` needs Python 3.12, and typing_extensions is not a dependency.
        """
        return method


KEPT_CONNECTIONS: Final = 20
KEPT_SECONDS: Final = 30.0
CHUNK_BYTES: Final = 65_536

_GZIP: Final = zlib.MAX_WBITS | 16  # tells zlib to accept gzip only
# Chained codings multiply the cost of a decompression bomb.
_CODINGS: Final = frozenset({"identity", "gzip"})


def make_request(request: HttpRequest, exchange: Exchange) -> httpx2.Request:
    """Create the request to send.

    Raises:
        ExchangeError: The URL names no usable host, port or scheme.
        httpx2.InvalidURL: The URL cannot be parsed.
    """
    url = httpx2.URL(request.url)
    port = url.port or {"http": 80, "https": 443}.get(url.scheme, 0)
    host = url.raw_host.decode("ascii")
    if not _is_host(host) or not 0 < port < 1 << 16:
        raise ExchangeError("protocol", "not an http or https URL")
    exchange.place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    named = {name.lower() for name, _ in request.headers}
    usual = (("accept-encoding", "gzip"), ("user-agent", "iiniit_guard"))
    headers = [pair for pair in usual if pair[0] not in named]
    return httpx2.Request(
        request.method, url, headers=[*headers, *request.headers], content=request.body or None
    )


class ResponseReader:
    """A response that is being read, within its size limits.

    The decoders of httpx2 are not used. They accept chains of codings, and version 2.10, the oldest
    supported one, does not limit the size of a chunk.

    Raises:
        ExchangeError: The response declares more than 1 MiB, or uses a coding that was not
            requested.
    """

    def __init__(self, response: httpx2.Response) -> None:
        self._status = response.status_code
        self._headers = tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, value in response.headers.raw
        )
        length = response.headers.get("content-length", "")
        if length.isdecimal() and (len(length) > 18 or int(length) > MAX_BODY_BYTES):
            raise ExchangeError("too_large", "a response over 1 MiB")
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding not in _CODINGS:
            raise ExchangeError(
                "protocol", "a response with a content coding that the request did not accept"
            )
        self._gunzip = zlib.decompressobj(_GZIP) if coding == "gzip" else None
        self._parts: list[bytes] = []
        self._received = self._size = 0

    def take(self, chunk: bytes) -> None:
        """Add a chunk of the body.

        Raises:
            ExchangeError: The body, encoded or decoded, is over 1 MiB, or it is not gzip.
        """
        self._received += len(chunk)
        piece = chunk if self._gunzip is None else self._decode(self._gunzip, chunk)
        self._size += len(piece)
        if max(self._received, self._size) > MAX_BODY_BYTES:
            raise ExchangeError("too_large", "a response over 1 MiB")
        self._parts.append(piece)

    def end(self) -> HttpResponse:
        """Return the complete response.

        Raises:
            ExchangeError: The gzip data is truncated.
        """
        if self._gunzip is not None and self._received and not self._gunzip.eof:
            raise ExchangeError("protocol", "a response with invalid gzip data")
        return HttpResponse(self._status, self._headers, b"".join(self._parts))

    def _decode(self, gunzip: zlib._Decompress, chunk: bytes) -> bytes:
        try:
            # One byte over the limit reveals a bomb.
            piece = gunzip.decompress(chunk, MAX_BODY_BYTES + 1 - self._size)
        except zlib.error:
            raise ExchangeError("protocol", "a response with invalid gzip data") from None
        if gunzip.unused_data:
            raise ExchangeError("protocol", "a response with invalid gzip data")
        return piece


def proxy_of(connection: Connection) -> ForwardProxy | None:
    """Return the forward proxy of `connection`, or None without one.

    Raises:
        ExchangeError: The proxy is unusable. Nothing is sent without it either.
    """
    if connection.http_proxy is None:
        return None
    proxy = parse_proxy(connection.http_proxy)
    if isinstance(proxy, str):
        raise ExchangeError("connection", f"http_proxy {proxy}")
    return proxy


class TlsContexts:
    """The TLS contexts of all connections, created once because loading the roots takes 20 ms."""

    def __init__(self) -> None:
        self._made: dict[Connection, ssl.SSLContext] = {}

    def known(self, connection: Connection) -> ssl.SSLContext | None:
        """Return the context if it exists."""
        return self._made.get(connection)

    def make(self, connection: Connection) -> ssl.SSLContext:
        """Create the context. This reads files and takes a while.

        Raises:
            ExchangeError: A certificate or key file cannot be read. The next call tries again.
        """
        try:
            # With a CA file, the roots of the system are not loaded.
            context = ssl.create_default_context(cafile=connection.ca_file)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if connection.certificate_file is not None:
                context.load_cert_chain(connection.certificate_file, connection.key_file)
        except OSError as error:
            raise ExchangeError(
                "file", f"{type(error).__name__} in the certificate files for the connection"
            ) from error
        return self._made.setdefault(connection, context)


def _is_host(name: str) -> bool:
    try:
        # As in `socket` and `ssl`: both raise for an empty label or one of more than 63 characters.
        return name.encode("idna") != b""
    except UnicodeError:
        return False
