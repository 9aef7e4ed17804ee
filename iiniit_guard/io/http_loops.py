"""HTTP for event loops: one pool for each loop, and one timeout for the whole call."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterable, Iterable
from typing import TYPE_CHECKING, Any, cast

import anyio
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
    from iiniit_guard.io.daemon_threads import DaemonThreads
    from iiniit_guard.io.dns import Resolver
    from iiniit_guard.io.event_loops import Loops


class LoopClients:
    """The pools of all event loops, one for each loop, connection and scheme.

    They send no cookies and follow no redirects.
    """

    def __init__(
        self, contexts: TlsContexts, names: Resolver, loops: Loops, threads: DaemonThreads
    ) -> None:
        self._contexts = contexts
        self._names = names
        self._loops = loops
        self._threads = threads

    async def fetch(self, request: HttpRequest, started: float) -> HttpResponse | Unreachable:
        """Make one call on the running loop. Asynchronous version of `ThreadClients.fetch`."""
        exchange = Exchange(request.connection, started)
        previous = EXCHANGE.set(exchange)
        try:
            outgoing = make_request(request, exchange)
            async with asyncio.timeout(exchange.remaining()):
                transport = await self._transport(request.connection, outgoing.url.scheme)
                try:
                    return await _send(transport, outgoing)
                except FAILURES as error:
                    if not exchange.may_retry(error):
                        raise
                return await _send(transport, outgoing)
        except FAILURES as error:
            return exchange.unreachable(error)
        finally:
            EXCHANGE.reset(previous)

    async def _transport(self, connection: Connection, scheme: str) -> _Transport:
        context = None
        if scheme == "https":
            context = self._contexts.known(connection)
            if context is None:  # creating a context reads files
                context = await asyncio.wrap_future(
                    self._threads.run(lambda: self._contexts.make(connection))
                )
        transports = (await self._loops.here()).transports
        transport = transports.get((connection, scheme))
        if not isinstance(transport, _Transport):
            transport = transports[connection, scheme] = _Transport(
                connection, context, self._names
            )
        return transport


class _Transport(httpx2.AsyncHTTPTransport):
    """The transport of httpx2 over a pool with a custom network backend.

    Tools that intercept the transports of httpx2 in tests also intercept this one.
    """

    def __init__(
        self, connection: Connection, context: ssl.SSLContext | None, names: Resolver
    ) -> None:
        proxy = proxy_of(connection)
        plain = context is None
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            proxy=for_plain_http(proxy) if plain and proxy is not None else None,
            max_connections=None,  # the core limits the calls in flight
            max_keepalive_connections=KEPT_CONNECTIONS,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=_Backend(names, None if plain else proxy),
        )


async def _send(transport: _Transport, outgoing: httpx2.Request) -> HttpResponse:
    response = await transport.handle_async_request(outgoing)
    try:
        reader = ResponseReader(response)
        # `aiter_raw()` fails if an interceptor in a test has already read the response.
        async for chunk in cast("AsyncIterable[bytes]", response.stream):
            reader.take(chunk)
        return reader.end()
    finally:
        await response.aclose()


class _Backend(httpcore2.AsyncNetworkBackend):
    """Open connections, through the proxy `tunnelled` if it is set."""

    def __init__(self, names: Resolver, tunnelled: ForwardProxy | None) -> None:
        self._names = names
        self._tunnelled = tunnelled
        self._sockets = httpcore2.AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        if self._tunnelled is None:
            return await self._open(host, port)
        stream = await self._open(self._tunnelled.host, self._tunnelled.port)
        await stream.open_tunnel(Tunnel(self._tunnelled, host, port))
        return stream

    async def _open(self, host: str, port: int) -> _Stream:
        with raised_as(httpcore2.ConnectTimeout, httpcore2.ConnectError) as exchange:
            exchange.connecting()
            # The executor of the loop is not used: a dead name server would fill it and delay the
            # end of the loop.
            async with asyncio.timeout(exchange.left_to_connect()):
                addresses = await asyncio.wrap_future(self._names.look_up(host, port))
            failure: Exception = httpcore2.ConnectError("the host name has no address")
            for address, seconds in exchange.shares(addresses):
                try:
                    return _Stream(
                        await self._sockets.connect_tcp(
                            str(address.sockaddr[0]), port, timeout=seconds
                        )
                    )
                except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                    failure = error
            raise failure


class _Stream(httpcore2.AsyncNetworkStream):
    def __init__(self, opened: httpcore2.AsyncNetworkStream) -> None:
        self._opened = opened

    @override
    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore2's signature
        with raised_as(httpcore2.ReadTimeout, httpcore2.ReadError) as exchange:
            return exchange.received(await self._opened.read(max_bytes))

    @override
    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore2's signature
        with raised_as(httpcore2.WriteTimeout, httpcore2.WriteError):
            await self._opened.write(buffer)

    @override
    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's signature
    ) -> httpcore2.AsyncNetworkStream:
        try:
            with handshake() as exchange:
                return _Stream(
                    await self._opened.start_tls(
                        ssl_context, server_hostname, exchange.left_to_connect()
                    )
                )
        except BaseException:
            await self.abandon()
            raise

    async def open_tunnel(self, tunnel: Tunnel) -> None:
        """Open `tunnel` at the proxy."""
        try:
            await self.write(tunnel.request)
            while not tunnel.opened:
                tunnel.take(await self.read(CHUNK_BYTES))
        except BaseException:
            await self.abandon()
            raise

    async def abandon(self) -> None:
        """Close the connection even if the request is cancelled repeatedly, as by anyio scopes."""
        with anyio.CancelScope(shield=True):
            await self.aclose()

    @override
    async def aclose(self) -> None:
        await self._opened.aclose()

    @override
    def get_extra_info(self, info: str) -> Any:
        return self._opened.get_extra_info(info)
