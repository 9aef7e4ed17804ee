"""One call to a server: its deadline, its progress, and the classification of its failure.

This module and the modules that import it are slow to import (httpx2, ssl). They are imported at
the first `Fetch`.
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

from iiniit_guard.core.model.diagnosis import Cause
from iiniit_guard.core.model.flow import Connection, Unreachable

T = TypeVar("T")


class ExchangeError(Exception):
    """A response that is not read further, or a request that is not sent.

    It never leaves `iiniit_guard.io`.
    """

    def __init__(self, cause: Cause, what: str) -> None:
        super().__init__(what)
        self.cause: Cause = cause


# All failures that a network, a server or a settings file can cause. Any other exception is a bug
# in this package and propagates.
FAILURES: Final = (ExchangeError, httpx2.HTTPError, httpx2.InvalidURL, OSError)


class Exchange:
    """One call to a server: its remaining time and its progress.

    The timeouts of httpcore2 apply to each read, so a server that sends single bytes would outlast
    them. The network backends use the deadline of this object instead.

    Attributes:
        place: `host:port`, for the log.
        connected: A new connection was opened for this call; False means that the call reuses one.
        handshaking: A TLS handshake is in progress.
        answered: At least one byte of the response was received.
    """

    __slots__ = (
        "_connect_deadline",
        "_connect_seconds",
        "_deadline",
        "_root",
        "answered",
        "connected",
        "handshaking",
        "place",
    )

    def __init__(self, connection: Connection, started: float) -> None:
        self._deadline = self._connect_deadline = started + connection.timeout_seconds
        self._connect_seconds = connection.connect_timeout_seconds
        self.place: str = "an unusable URL"
        self.connected: bool = False
        self.handshaking: bool = False
        self.answered: bool = False
        self._root: BaseException | None = None

    def remaining(self) -> float:
        """Return the remaining seconds, more than 0.

        Raises:
            TimeoutError: The deadline of the call has passed.
        """
        return _left_until(self._deadline)

    def connecting(self) -> None:
        """Record that a connection is being opened. Its own, shorter deadline starts now."""
        self.connected = True
        self._connect_deadline = min(self._deadline, time.monotonic() + self._connect_seconds)

    def left_to_connect(self) -> float:
        """Return the remaining seconds for TCP and TLS, more than 0.

        Raises:
            TimeoutError: The deadline of the call has passed.
        """
        return _left_until(self._connect_deadline)

    def shares(self, addresses: Sequence[T]) -> Iterator[tuple[T, float]]:
        """Yield each address with its share of the time to connect.

        An address that drops packets then leaves time for the next one.

        Raises:
            TimeoutError: The deadline of the call has passed.
        """
        for number, address in enumerate(addresses):
            yield address, self.left_to_connect() / (len(addresses) - number)

    def received(self, data: bytes) -> bytes:
        """Record that `data` was read, and return it."""
        self.answered = self.answered or data != b""
        return data

    def failed(self, error: BaseException) -> None:
        """Record an exception of a socket: the pool of httpcore2 cuts the chain of causes."""
        # The cause of a TimeoutError is only its own cancellation.
        while error.__cause__ is not None and not isinstance(error, TimeoutError):
            error = error.__cause__
        self._root = error

    def may_retry(self, error: Exception) -> bool:
        """Return whether the server closed a reused connection before it saw the request.

        The request may then be sent again; its recorded exception is discarded.
        """
        stale = not (self.connected or self.answered) and isinstance(
            error, (httpx2.NetworkError, httpx2.RemoteProtocolError)
        )
        if stale:
            self._root = None
        return stale

    def unreachable(self, error: Exception) -> Unreachable:
        """Return the failure, without any content that was sent or received."""
        names = dict.fromkeys(
            type(known).__name__ for known in (error, self._root) if known is not None
        )
        what = str(error) if isinstance(error, ExchangeError) else " from ".join(names)
        failure = Unreachable(self._cause(error), f"{what} at {self.place}")
        return failure.about(why=_reason_of(self._root or error.__cause__ or error))

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
            return "dropped"  # closed without a response, which is not malformed HTTP
        return "protocol"


EXCHANGE: ContextVar[Exchange] = ContextVar("iiniit_guard.exchange")
"""The call of this thread or task. httpcore2 does not pass it to the network backends."""


@contextmanager
def raised_as(timeout: type[Exception], other: type[Exception]) -> Iterator[Exchange]:
    """Convert the exceptions of a socket in this block to those of an httpcore2 backend.

    Yields:
        The current call.
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
    """Convert exceptions as `raised_as` does during a TLS handshake, and mark the handshake.

    The mark stays if the handshake fails.
    """
    with raised_as(httpcore2.ConnectTimeout, httpcore2.ConnectError) as exchange:
        exchange.handshaking = True
        yield exchange
    # Through a proxy, only the proxy has responded so far.
    exchange.handshaking = exchange.answered = False


def _left_until(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline of the call has passed")
    return left


def _reason_of(error: BaseException) -> str | None:
    """Return the reason that the TLS library or the operating system gives, or None.

    It holds nothing that the server sent.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{_words(error.reason)}: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return _words(error.reason) or None
    return error.strerror if isinstance(error, OSError) else None


def _words(reason: str | None) -> str:
    return (reason or "").lower().replace("_", " ")


def _is_tls(error: BaseException | None) -> bool:
    """Return whether `error` is a TLS alert or a bad certificate, not a closed connection."""
    return isinstance(error, ssl.SSLError) and not isinstance(
        error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)
    )
