"""One call to a server: its time, what the wire has shown of it, and what its failure means.

This module and those that import it are heavy (httpx2, ssl): they are imported at the first `Fetch`.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeVar

import httpcore2
import httpx2

from iiniit_guard.core.model.flow import Cause, Connection, Unreachable

T = TypeVar("T")


class ExchangeError(Exception):
    """An answer that is not read any further, or a request that is not sent; it never leaves `iiniit_guard.io`."""

    def __init__(self, cause: Cause, what: str) -> None:
        super().__init__(what)
        self.cause: Cause = cause


# Everything that a network, a server or a settings file can do to us. Any other exception is a bug of ours and goes on.
FAILURES: Final = (ExchangeError, httpx2.HTTPError, httpx2.InvalidURL, OSError)


class Exchange:
    """One call to a server: the time that it has left, and what the wire has shown so far.

    httpcore2's timeouts are per read, so a server that drips outlives them. The network backends ask here instead.

    Attributes:
        place: `host:port`, for the log.
        connected: A connection was opened for this call; False means that it runs over one that was kept.
        handshaking: TLS is being set up.
        answered: At least one byte of the answer has come.
    """

    __slots__ = ("_connect_deadline", "_connect_seconds", "_deadline", "_root", "answered", "connected", "handshaking", "place")

    def __init__(self, connection: Connection, started: float) -> None:
        self._deadline = self._connect_deadline = started + connection.timeout_seconds
        self._connect_seconds = connection.connect_timeout_seconds
        self.place: str = "an unusable URL"
        self.connected: bool = False
        self.handshaking: bool = False
        self.answered: bool = False
        self._root: BaseException | None = None

    def left(self) -> float:
        """Give the seconds that are left, more than 0.

        Raises:
            TimeoutError: None are.
        """
        return _left_until(self._deadline)

    def connecting(self) -> None:
        """Note that a connection is being opened: its own, shorter time begins."""
        self.connected = True
        self._connect_deadline = min(self._deadline, time.monotonic() + self._connect_seconds)

    def left_to_connect(self) -> float:
        """Give the seconds that TCP and TLS have left, more than 0.

        Raises:
            TimeoutError: None are.
        """
        return _left_until(self._connect_deadline)

    def shares(self, addresses: Sequence[T]) -> Iterator[tuple[T, float]]:
        """Give each address its share of the time to connect, so that one that swallows packets leaves time for the next.

        Raises:
            TimeoutError: No time is left.
        """
        for number, address in enumerate(addresses):
            yield address, self.left_to_connect() / (len(addresses) - number)

    def received(self, data: bytes) -> bytes:
        """Note what was read."""
        self.answered = self.answered or data != b""
        return data

    def failed(self, error: BaseException) -> None:
        """Note what a socket raised: httpcore2's pool cuts the chain of causes."""
        while error.__cause__ is not None and not isinstance(error, TimeoutError):  # what caused that was its own cancellation
            error = error.__cause__
        self._root = error

    def may_retry(self, error: Exception) -> bool:
        """Tell whether the server had merely closed a kept connection before it saw the request; if so, start over."""
        stale = not (self.connected or self.answered) and isinstance(error, (httpx2.NetworkError, httpx2.RemoteProtocolError))
        if stale:
            self._root = None
        return stale

    def unreachable(self, error: Exception) -> Unreachable:
        """Say what a failure means, without a word of what was sent or received."""
        names = dict.fromkeys(type(known).__name__ for known in (error, self._root) if known is not None)
        what = str(error) if isinstance(error, ExchangeError) else " from ".join(names)
        return Unreachable(self._cause(error), f"{what} at {self.place}")

    def _cause(self, error: Exception) -> Cause:
        if isinstance(error, ExchangeError):
            return error.cause
        if isinstance(error, (httpx2.TimeoutException, TimeoutError)):
            return "timeout"
        if self.handshaking or _is_tls(self._root):
            return "tls"
        if isinstance(error, (httpx2.ReadError, httpx2.WriteError)):
            return "dropped"
        if isinstance(error, (httpx2.NetworkError, httpx2.ProxyError, OSError)):
            return "connection"
        if isinstance(error, httpx2.RemoteProtocolError) and not self.answered:
            return "dropped"  # closed without a word: that is no broken HTTP
        return "protocol"


EXCHANGE: ContextVar[Exchange] = ContextVar("iiniit_guard.exchange")
"""The call that this thread or task is making; the network backends are not told by httpcore2."""


@contextmanager
def raised_as(timeout: type[Exception], other: type[Exception]) -> Iterator[Exchange]:
    """Turn what a socket raises in this block into what httpcore2 expects of a network backend.

    Yields:
        The call that is being made.
    """
    exchange = EXCHANGE.get()
    try:
        yield exchange
    except Exception as error:
        exchange.failed(error)
        if isinstance(error, TimeoutError):
            raise timeout(str(error)) from error
        if isinstance(error, OSError):
            raise other(str(error)) from error
        raise


@contextmanager
def handshake() -> Iterator[Exchange]:
    """Be `raised_as` for the time in which TLS is set up, and mark that; the mark stays where it failed."""
    with raised_as(httpcore2.ConnectTimeout, httpcore2.ConnectError) as exchange:
        exchange.handshaking = True
        yield exchange
    exchange.handshaking = exchange.answered = False  # through a proxy, only the proxy has answered so far


def _left_until(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no time is left")
    return left


def _is_tls(error: BaseException | None) -> bool:
    """Tell a TLS alert or a bad certificate from a server that simply goes away."""
    return isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
