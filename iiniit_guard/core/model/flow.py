"""Flows and single-flight: generators that yield effects, and loads that concurrent flows share."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

from iiniit_guard.core.model.diagnosis import NO_DIAGNOSIS, Cause, Diagnosis, Purpose

T = TypeVar("T")

MAX_BODY_BYTES: Final = 1 << 20
"""Maximum size of a response. No authorization server needs more than 1 MiB."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How to connect to one issuer. Equal values share a connection pool.

    Attributes:
        connect_timeout_seconds: For TCP and TLS together.
        timeout_seconds: For the whole exchange, from the call to the last byte of the body, however
            slowly the server sends.
        ca_file: PEM file of trusted roots; None means the system's.
        http_proxy: URL of a forward proxy; None means a direct connection. Environment variables
            are ignored.
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
    """One request to an authorization server.

    Its `repr` omits the headers and the body, which hold credentials and tokens. `purpose` is for
    the listener of the application; a call without a purpose is not reported.
    """

    method: Literal["GET", "POST"]
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    connection: Connection = Connection()
    purpose: Purpose | None = None


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete response of any status.

    Header names are in lower case. The body is decoded and has at most 1 MiB.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """Return the first value of the header `name` (lower-case), or None."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The guard could not verify a token. The client receives 503, never 401.

    Attributes:
        cause: `connection`, `tls` and `timeout` concern the server alone and are counted by the
            circuit breaker. `dropped` is a connection that ended without a response; a token can
            cause that if a proxy or firewall in front of the server inspects it. `protocol` and
            `too_large` are broken HTTP. `answer` is a complete response that is not usable, or a
            5xx. `credentials` means that the server refused the guard's credentials. `busy` means
            that too many calls are in flight. `waiting` means that a cool-down or an open circuit
            breaker forbids a call. `file` means that a key file cannot be read. `proof_store` means
            that the DPoP proof of the request cannot be recorded.
        detail: For the guard's own log; it holds no token, secret or body.
        retry_after_seconds: When a retry may succeed.
        origin: The cause of the failure that is waited for, if `cause` is `waiting`; else None.
        diagnosis: For the log of the guard. It does not count for equality.
    """

    cause: Cause
    detail: str
    retry_after_seconds: float = 1.0
    origin: Cause | None = field(default=None, repr=False, compare=False)
    diagnosis: Diagnosis = field(default=NO_DIAGNOSIS, repr=False, compare=False)

    def about(self, **known: Any) -> Unreachable:
        """Return this outcome with a more complete diagnosis; see `Diagnosis`."""
        return replace(self, diagnosis=self.diagnosis.updated(**known))

    def awaited(self, detail: str, seconds: float) -> Unreachable:
        """Return the outcome of a caller that must wait after this failure."""
        return Unreachable("waiting", detail, seconds, self.origin or self.cause, self.diagnosis)

    def not_before(self, seconds: float) -> Unreachable:
        """Return this outcome with a `retry_after_seconds` of at least `seconds`.

        A client that retries earlier would fail again.
        """
        return replace(self, retry_after_seconds=max(seconds, self.retry_after_seconds))


@dataclass(frozen=True, slots=True)
class Fetch:
    """Send an HTTP request.

    The reply is `HttpResponse | Unreachable`, within the connection's total timeout.
    """

    request: HttpRequest


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for a load that another flow leads.

    The reply is the result of that load, or `TIMED_OUT` after `timeout_seconds`.
    """

    load: Future[object]
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class ReadFile:
    """Read a file. The reply is its `bytes` (at most 1 MiB) or `Unreachable`."""

    path: str


@dataclass(frozen=True, slots=True)
class Call:
    """Call `function(*arguments)`. The reply is its result.

    An asynchronous driver awaits the result if it is awaitable. With a timeout, the function may
    block: it runs in a thread. The reply to an exception or a timeout is then `Unreachable`.
    """

    function: Callable[..., object]
    arguments: tuple[object, ...] = field(repr=False)
    timeout_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Spawn:
    """Run the flow that `start()` returns in the background, in a thread or a task.

    The reply is None, immediately.
    """

    start: Callable[[], Flow[object]] = field(repr=False)  # it may hold a token


@dataclass(frozen=True, slots=True)
class Shield:
    """Run the flow that `start()` returns to its end, even if the caller is cancelled.

    The reply is the result of the flow. A request may be cancelled because its client disconnects.
    This must not cancel a load that other requests wait for, or release the limits on outgoing
    calls.
    """

    start: Callable[[], Flow[object]] = field(repr=False)  # it may hold a token


@dataclass(frozen=True, slots=True)
class StoreGet:
    """Read names from the shared store. The reply has `bytes | None` for each, None if missed."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoreSet:
    """Store `value` in the shared store for `seconds`. The reply is None, also after a failure."""

    name: str
    value: bytes = field(repr=False)
    seconds: float


@dataclass(frozen=True, slots=True)
class StoreAdd:
    """Add a name for `seconds`; the reply is False if the store has it, None after a failure."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Yield to other tasks of the event loop, or to other threads. The reply is None."""


Effect: TypeAlias = (
    Fetch | Wait | ReadFile | Call | Spawn | Shield | StoreGet | StoreSet | StoreAdd | Checkpoint
)
# Any, because the type of a reply depends on its effect.
Flow: TypeAlias = Generator[Effect, Any, T]


ABANDONED: Final = object()
"""The load ended without a result: its event loop was closed, or the guard failed.

One of the waiting flows repeats the load.
"""

TIMED_OUT: Final = object()
"""The reply to a `Wait` whose timeout ended."""


class SingleFlight:
    """Share one load among concurrent flows with the same key, across threads and event loops.

    The flows also share a failure.
    """

    def __init__(self) -> None:
        self._lock = Lock()  # held for dict operations, never across a yield
        self._loads: dict[Hashable, Future[object]] = {}

    def __len__(self) -> int:
        return len(self._loads)

    def reset_after_fork(self) -> None:
        """Discard the loads of the parent process, which never finish in this process."""
        self._lock = Lock()
        self._loads = {}

    def share(
        self, key: Hashable, start: Callable[[], Flow[T]], timeout_seconds: float
    ) -> Flow[T | Unreachable]:
        """Run `start()` for this key, or wait for the flow that already runs it.

        Args:
            key: What is being loaded; it must hold neither a token nor a secret.
            start: Returns the flow. It is called only if this caller leads. The flow must read its
                cache again before it fetches, because another flow may have filled the cache
                between this caller's miss and its lead.
            timeout_seconds: How long to wait for another flow's load before the result is
                `Unreachable`.
        """
        while True:
            with self._lock:
                load = self._loads.get(key)
                leading = load is None
                if load is None:
                    load = self._loads[key] = Future()
                    # Otherwise the cancellation of one waiter would cancel all of them.
                    load.set_running_or_notify_cancel()
            if not leading:
                outcome = yield Wait(load, timeout_seconds)
                if outcome is ABANDONED:  # one of the waiting flows repeats the load
                    continue
                if outcome is TIMED_OUT:
                    # A leader that outlives every deadline must not block the key forever.
                    self._drop(key, load)
                    return Unreachable("timeout", "a shared call did not end in time")
                return cast("T", outcome)
            begun: list[bool] = []
            try:
                return cast("T", (yield Shield(partial(self._lead, key, load, start, begun))))
            finally:
                # The request ended before its lead began. No other flow would finish this load.
                if not begun:
                    self._drop(key, load)
                    load.set_result(ABANDONED)

    def _lead(
        self, key: Hashable, load: Future[object], start: Callable[[], Flow[T]], begun: list[bool]
    ) -> Flow[object]:
        if load.done():
            return ABANDONED
        begun.append(True)
        outcome: object = ABANDONED
        try:
            outcome = yield from start()
            return outcome
        finally:  # also after an error, and when the event loop ends
            self._drop(key, load)
            load.set_result(outcome)

    def _drop(self, key: Hashable, load: Future[object]) -> None:
        with self._lock:
            if self._loads.get(key) is load:
                del self._loads[key]
