"""HTTP for threads: blocking connections, with every step limited by the deadline of the call."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

import httpcore2
import httpx2

from iiniit_guard.io.exchange import EXCHANGE, FAILURES, Exchange, handshake, raised_as
from iiniit_guard.io.http import (
    CHUNK_BYTES,
    KEPT_CONNECTIONS,
    KEPT_SECONDS,
    ResponseReader,
    TlsContexts,
    make_request,
    override,
    proxy_of,
)
from iiniit_guard.io.proxy import Tunnel, for_plain_http

if TYPE_CHECKING:
    from iiniit_guard.core.issuer.forward_proxy import ForwardProxy
    from iiniit_guard.core.model.flow import Connection, HttpRequest, HttpResponse, Unreachable
    from iiniit_guard.io.dns import Resolver


class ThreadClients:
    """The pools that all threads share, one for each connection and scheme.

    They send no cookies and follow no redirects.
    """

    def __init__(self, contexts: TlsContexts, names: Resolver) -> None:
        self._contexts = contexts
        self._names = names
        self._lock = Lock()
        self._transports: dict[tuple[Connection, str], _Transport] = {}
        self._open: WeakSet[_Stream] = WeakSet()

    def fetch(self, request: HttpRequest, started: float) -> HttpResponse | Unreachable:
        """Make one call; repeat it if a reused connection is dead. Both share one deadline.

        Args:
            request: The request. It must be an idempotent read, because it may be sent twice.
            started: When the call began, by `time.monotonic()`.
        """
        exchange = Exchange(request.connection, started)
        previous = EXCHANGE.set(exchange)
        try:
            outgoing = make_request(request, exchange)
            transport = self._transport(request.connection, outgoing.url.scheme)
            try:
                return _send(transport, outgoing)
            except FAILURES as error:
                if not exchange.may_retry(error):
                    raise
            return _send(transport, outgoing)
        except FAILURES as error:
            return exchange.unreachable(error)
        finally:
            EXCHANGE.reset(previous)

    def close(self) -> None:
        """Close every connection, including those in use."""
        with self._lock:
            transports, self._transports = self._transports, {}
        for transport in transports.values():
            transport.close()

    def abandon(self) -> None:
        """Close this process's ends of the parent's connections in a forked child.

        This takes no lock and sends nothing to the server.
        """
        for stream in list(self._open):
            stream.close()

    def _transport(self, connection: Connection, scheme: str) -> _Transport:
        context = None
        if scheme == "https":
            context = self._contexts.known(connection) or self._contexts.make(connection)
        with self._lock:
            transport = self._transports.get((connection, scheme))
            if transport is None:
                transport = self._transports[connection, scheme] = _Transport(
                    connection, context, self._names, self._open
                )
            return transport


class _Transport(httpx2.HTTPTransport):
    """The transport of httpx2 over a pool with a custom network backend.

    Tools that intercept the transports of httpx2 in tests also intercept this one.
    """

    def __init__(
        self,
        connection: Connection,
        context: ssl.SSLContext | None,
        names: Resolver,
        streams: WeakSet[_Stream],
    ) -> None:
        proxy = proxy_of(connection)
        plain = context is None
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context,
            proxy=for_plain_http(proxy) if plain and proxy is not None else None,
            max_connections=None,  # the core limits the calls in flight
            max_keepalive_connections=KEPT_CONNECTIONS,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=_Backend(names, streams, None if plain else proxy),
        )


def _send(transport: _Transport, outgoing: httpx2.Request) -> HttpResponse:
    response = transport.handle_request(outgoing)
    try:
        reader = ResponseReader(response)
        # `iter_raw()` fails if an interceptor in a test has already read the response.
        for chunk in cast("Iterable[bytes]", response.stream):
            reader.take(chunk)
        return reader.end()
    finally:
        response.close()


class _Backend(httpcore2.NetworkBackend):
    """Open connections, through the proxy `tunnelled` if it is set."""

    def __init__(
        self, names: Resolver, streams: WeakSet[_Stream], tunnelled: ForwardProxy | None
    ) -> None:
        self._names = names
        self._streams = streams
        self._tunnelled = tunnelled

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        if self._tunnelled is None:
            return self._open(host, port)
        stream = self._open(self._tunnelled.host, self._tunnelled.port)
        stream.open_tunnel(Tunnel(self._tunnelled, host, port))
        return stream

    def _open(self, host: str, port: int) -> _Stream:
        with raised_as(httpcore2.ConnectTimeout, httpcore2.ConnectError) as exchange:
            exchange.connecting()
            addresses = self._names.look_up(host, port).result(exchange.left_to_connect())
            failure = OSError("the host name has no address")
            for address, seconds in exchange.shares(addresses):
                opened = socket.socket(address.family, socket.SOCK_STREAM)
                try:
                    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    opened.settimeout(seconds)
                    opened.connect(address.sockaddr)
                    return _Stream(opened, self._streams)
                except OSError as error:
                    opened.close()
                    failure = error
            raise failure


class _Stream(httpcore2.NetworkStream):
    def __init__(self, opened: socket.socket, streams: WeakSet[_Stream]) -> None:
        self._socket = opened
        self._streams = streams
        streams.add(self)

    @override
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with raised_as(httpcore2.ReadTimeout, httpcore2.ReadError) as exchange:
            self._socket.settimeout(exchange.remaining())
            return exchange.received(self._socket.recv(max_bytes))

    @override
    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        with raised_as(httpcore2.WriteTimeout, httpcore2.WriteError) as exchange:
            while rest:  # Not `sendall`: over TLS it restarts the timeout for each piece.
                self._socket.settimeout(exchange.remaining())
                rest = rest[self._socket.send(rest) :]

    @override
    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        try:
            with handshake() as exchange:
                self._socket.settimeout(exchange.left_to_connect())
                return _Stream(
                    ssl_context.wrap_socket(self._socket, server_hostname=server_hostname),
                    self._streams,
                )
        except BaseException:
            self.close()
            raise

    def open_tunnel(self, tunnel: Tunnel) -> None:
        """Open `tunnel` at the proxy."""
        try:
            self.write(tunnel.request)
            while not tunnel.opened:
                tunnel.take(self.read(CHUNK_BYTES))
        except BaseException:
            self.close()
            raise

    @override
    def close(self) -> None:
        self._socket.close()

    @override
    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # an idle connection with readable data was closed by the server
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            return bool(poll.poll(0))
        return None
