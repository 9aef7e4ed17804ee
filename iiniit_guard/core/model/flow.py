"""How the core asks: a flow is a generator that yields effects, and single-flight lets many flows share one answer."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

T = TypeVar("T")

MAX_BODY_BYTES: Final = 1 << 20
"""No authorization server's answer needs more than 1 MiB; a larger one is an attack or a mistake."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one issuer; equal values share a connection pool.

    Attributes:
        connect_timeout_seconds: For TCP and TLS together.
        timeout_seconds: For the whole exchange, from the call to the last byte of the body, whatever the server drips.
        ca_file: PEM file of trusted roots; None means the system's.
        http_proxy: URL of a forward proxy; None means a direct connection, whatever the environment says.
        certificate_file: PEM client certificate (RFC 8705), None without mTLS.
        key_file: PEM private key of that certificate.
    """

    connect_timeout_seconds: float = 2.0
    timeout_seconds: float = 5.0
    ca_file: str | None = None
    http_proxy: str | None = field(default=None, repr=False)
    certificate_file: str | None = None
    key_file: str | None = None


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request to an authorization server. Its `repr` shows neither headers nor body: they hold credentials and tokens."""

    method: Literal["GET", "POST"]
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    connection: Connection = Connection()


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete answer, whatever its status. Header names are lower-case; the body is decoded and at most 1 MiB."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """Give the first value of the header `name` (lower-case), or None."""
        return next((value for key, value in self.headers if key == name), None)


Cause: TypeAlias = Literal[
    "connection", "dropped", "tls", "timeout", "protocol", "too_large", "answer", "credentials", "busy", "waiting", "file"
]


@dataclass(frozen=True, slots=True)
class Unreachable:
    """We could not learn whether a token is good. The request is answered 503, never 401.

    Attributes:
        cause: `connection`, `tls` and `timeout` concern the server alone and count for the circuit breaker; `dropped` is a
            connection that ended without an answer, which a token can provoke where something in front of the server looks at
            it; `protocol` and `too_large` are broken HTTP; `answer` is a complete answer that makes no sense or a 5xx;
            `credentials` means the server refused ours; `busy` means that too many calls are in flight; `waiting` that a
            cool-down or an open breaker forbids to ask; `file` that a key file cannot be read.
        detail: For our own log; it holds no token, secret or body.
        retry_after_seconds: When asking again may help.
    """

    cause: Cause
    detail: str
    retry_after_seconds: float = 1.0

    def not_before(self, seconds: float) -> Unreachable:
        """Give this outcome with a wait of at least `seconds`: whoever is told to come back sooner comes in vain."""
        return self if self.retry_after_seconds >= seconds else replace(self, retry_after_seconds=seconds)


@dataclass(frozen=True, slots=True)
class Fetch:
    """Answered with `HttpResponse | Unreachable` within the connection's total timeout."""

    request: HttpRequest


@dataclass(frozen=True, slots=True)
class Join:
    """Answered with what the leading request obtained, or `TIMED_OUT` after `timeout_seconds`."""

    load: Future[object]
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class ReadFile:
    """Answered with the file's `bytes` (at most 1 MiB) or `Unreachable`."""

    path: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Answered with `function(*arguments)`, awaited where that is an awaitable and the driver is asynchronous."""

    function: Callable[..., object]
    arguments: tuple[object, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Later:
    """Run the flow that `start()` makes off the request path (a thread or a task); answered with None at once."""

    start: Callable[[], Flow[object]]


@dataclass(frozen=True, slots=True)
class Lead:
    """Run the flow that `start()` makes to its end, whatever becomes of the caller; answered with its result.

    A request that is cancelled, since its client hung up, must not take with it what others wait for or what bounds our calls.
    """

    start: Callable[[], Flow[object]]


@dataclass(frozen=True, slots=True)
class Recall:
    """Answered with a tuple of `bytes | None`, one per name: what the shared store holds. A failure is a miss."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keep:
    """Put `value` into the shared store for `seconds`; answered with None, also where that failed."""

    name: str
    value: bytes = field(repr=False)
    seconds: float


@dataclass(frozen=True, slots=True)
class Breathe:
    """Let others go on: on an event loop whoever is ready, in a thread whoever waits for the interpreter; answered with None."""


Effect: TypeAlias = Fetch | Join | ReadFile | Ask | Later | Lead | Recall | Keep | Breathe
Flow: TypeAlias = Generator[Effect, Any, T]  # the one Any: a reply's type depends on its question


class _Signal:
    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ABANDONED: Final = _Signal("ABANDONED")
"""The load ended without a result (its event loop was closed, or a fault of ours); one of those who waited takes its place."""

TIMED_OUT: Final = _Signal("TIMED_OUT")
"""The reply to a `Join` that waited in vain."""


class SingleFlight:
    """Let concurrent flows with one key share one load, failures included, across threads and event loops."""

    def __init__(self) -> None:
        self._lock = Lock()  # held for dict operations, never across a yield
        self._loads: dict[Hashable, Future[object]] = {}

    def __len__(self) -> int:
        return len(self._loads)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._loads

    def reset_after_fork(self) -> None:
        """Forget the parent's loads: nobody in this process will ever finish them."""
        self._lock = Lock()
        self._loads = {}

    def share(self, key: Hashable, start: Callable[[], Flow[T]], timeout_seconds: float) -> Flow[T | Unreachable]:
        """Run `start()` for this key, or wait for whoever is running it.

        Args:
            key: What is being loaded; it must hold neither a token nor a secret.
            start: Makes the flow; it is called only where this caller leads, and must re-read its cache before it fetches,
                since another may have filled it between the caller's miss and its lead.
            timeout_seconds: How long to wait for another's load before the answer is `Unreachable`.
        """
        while True:
            with self._lock:
                load = self._loads.get(key)
                leading = load is None
                if load is None:
                    load = self._loads[key] = Future()
                    load.set_running_or_notify_cancel()  # else one waiter's cancellation cancels all of them
            if not leading:
                outcome = yield Join(load, timeout_seconds)
                if outcome is ABANDONED:  # someone takes its place
                    continue
                if outcome is TIMED_OUT:
                    self._drop(key, load)  # a leader that outlives every deadline must not block the key for ever
                    return Unreachable("timeout", "a shared call did not end in time")
                return cast("T", outcome)
            begun: list[bool] = []
            try:
                return cast("T", (yield Lead(partial(self._lead, key, load, start, begun))))
            finally:
                if not begun:  # the request ended before its lead began: nobody else would ever finish this load
                    self._drop(key, load)
                    load.set_result(ABANDONED)

    def _lead(self, key: Hashable, load: Future[object], start: Callable[[], Flow[T]], begun: list[bool]) -> Flow[object]:
        if load.done():
            return ABANDONED
        begun.append(True)
        outcome: object = ABANDONED
        try:
            outcome = yield from start()
            return outcome
        finally:  # on return, on error and where the loop ends
            self._drop(key, load)
            load.set_result(outcome)

    def _drop(self, key: Hashable, load: Future[object]) -> None:
        with self._lock:
            if self._loads.get(key) is load:
                del self._loads[key]
