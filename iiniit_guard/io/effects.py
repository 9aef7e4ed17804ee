"""Effects in threads, and the life cycle of the connections and threads of one guard."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, assert_never

from iiniit_guard.core.model.flow import (
    TIMED_OUT,
    Call,
    Checkpoint,
    Effect,
    Fetch,
    Flow,
    HttpRequest,
    HttpResponse,
    ReadFile,
    Shield,
    Spawn,
    StoreAdd,
    StoreGet,
    StoreSet,
    Unreachable,
    Wait,
)
from iiniit_guard.io.bounded_calls import BoundedCalls, call
from iiniit_guard.io.daemon_threads import DaemonThreads, log_failure
from iiniit_guard.io.event_loops import CLOSED, LoopEffects, Loops
from iiniit_guard.io.files import read_file
from iiniit_guard.io.fork import on_fork
from iiniit_guard.io.observed_call import CallListener, ObservedCall
from iiniit_guard.io.store import Store, missed

if TYPE_CHECKING:
    from iiniit_guard.core.model.outgoing_call import OnCall
    from iiniit_guard.io.http_loops import LoopClients
    from iiniit_guard.io.http_threads import ThreadClients

T = TypeVar("T")

Transport: TypeAlias = Callable[[HttpRequest], HttpResponse | Unreachable]
"""Replacement of the network in tests."""

# With 0, this thread would reacquire the interpreter lock before a waiting thread wakes up.
_BREATH_SECONDS: Final = 0.0001
_BACKGROUND_THREADS, _NAMES_THREADS = 4, 8

# A forked child can neither use the connections of its parent's event loops nor close them: closing
# would change the selector that both processes share. So the child keeps them unchanged.
_left_behind: list[Loops] = []


def run(flow: Flow[T], perform: Callable[[Effect], object]) -> T:
    """Run `flow` to its end in this thread, and return its result.

    Args:
        flow: A flow that has not started.
        perform: Returns the reply to one effect.

    Raises:
        Exception: An exception of `perform` or of the flow, after the `finally` blocks of the flow
            have run.
    """
    reply: object = None
    try:
        while True:
            try:
                effect = flow.send(reply)
            except StopIteration as finished:
                value: T = finished.value
                return value
            reply = perform(effect)
    finally:
        flow.close()  # Run the `finally` blocks of the flow, also if the request ends early.


class EffectRunner:
    """Perform effects, in threads and on any number of event loops.

    It does no I/O before the first effect. Threads and event loops may share it. In a forked child
    it starts without connections.

    Args:
        transport: Called instead of the network for each `Fetch`, in threads and on event loops. It
            must not block for long.
        store: The shared store; None makes every lookup a miss.
        on_call: Called before each `Fetch`; see `OnCall`.

    Attributes:
        loops: Performs effects on event loops.
    """

    def __init__(
        self,
        transport: Transport | None = None,
        store: Store | None = None,
        on_call: OnCall | None = None,
    ) -> None:
        self.transport: Final = transport
        self._on_call = CallListener.of(on_call)
        self.store: Store | None = store
        self._closed = False
        self._begin()
        on_fork(self)

    def perform(self, effect: Effect) -> object:
        """Return the reply to `effect`; block this thread.

        Raises:
            UsageError: A `Call` names an asynchronous function.
        """
        match effect:
            case Fetch(request):
                if self._on_call is None:
                    reply = self._fetch(request)
                else:
                    with ObservedCall(request, self._on_call) as seen:
                        reply = seen.reply = self._fetch(seen.request)
                # A failure names its URL, for the log.
                return reply.about(url=request.url) if isinstance(reply, Unreachable) else reply
            case Wait(load, timeout_seconds):
                return _join(load, timeout_seconds)
            case ReadFile(path):
                return read_file(path)
            case Call(function, arguments, timeout_seconds):
                if timeout_seconds is None:
                    return call(function, arguments)
                return CLOSED if self._closed else self._calls.call(effect, timeout_seconds)
            case Spawn(start):
                if not self._closed:
                    self._background.start(partial(self._run_later, start))
                return None
            case Shield(start):
                return run(start(), self.perform)  # a thread cannot be cancelled
            case StoreGet() | StoreSet() | StoreAdd():
                return missed(effect) if self.store is None else self.store.perform(effect)
            case Checkpoint():
                time.sleep(_BREATH_SECONDS)
                return None
            case _:
                assert_never(effect)

    def close(self) -> None:
        """Close the connections of threads. Later network calls fail, also on event loops."""
        self._closed = self.loops.closed = True
        if self.store is not None:
            self.store.close()
        if self._clients is not None:
            self._clients[0].close()

    async def aclose(self) -> None:
        """Close what `close` and `release_loop` close."""
        self.close()
        await self.release_loop()

    async def release_loop(self) -> None:
        """Cancel the background tasks and close the connections of the running event loop.

        The next call opens new connections. A loop that ends does this by itself.
        """
        await self.loops.registry.release()

    def after_fork(self) -> None:
        """Replace the locks, threads and connections of the parent process."""
        if self._clients is not None:
            self._clients[0].abandon()
        _left_behind.append(self.loops.registry)
        if self.store is not None:
            self.store.after_fork()
        self._begin()

    def _begin(self) -> None:
        self._lock = Lock()
        self._background = DaemonThreads("iiniit_guard-later", _BACKGROUND_THREADS)
        self._blocking = DaemonThreads("iiniit_guard-blocking", _BACKGROUND_THREADS)
        self._calls = BoundedCalls()
        self._clients: tuple[ThreadClients, LoopClients] | None = None
        self.loops: LoopEffects = LoopEffects(
            self.transport,
            self.store,
            self._on_call,
            self._calls,
            self._blocking,
            self._make_clients,
            self._closed,
        )

    def _fetch(self, request: HttpRequest) -> HttpResponse | Unreachable:
        if self._closed:
            return CLOSED
        if self.transport is not None:
            return self.transport(request)
        clients = self._make_clients()[0]
        # The time of the call begins here, so it does not include the import of the HTTP client.
        return clients.fetch(request, time.monotonic())

    def _make_clients(self) -> tuple[ThreadClients, LoopClients]:
        if self._clients is not None:
            return self._clients
        from iiniit_guard.io.dns import Resolver
        from iiniit_guard.io.http import TlsContexts
        from iiniit_guard.io.http_loops import LoopClients
        from iiniit_guard.io.http_threads import ThreadClients

        contexts = TlsContexts()
        names = Resolver(DaemonThreads("iiniit_guard-names", _NAMES_THREADS))
        with self._lock:
            if self._clients is None:
                of_loops = LoopClients(contexts, names, self.loops.registry, self._blocking)
                self._clients = ThreadClients(contexts, names), of_loops
                self.loops.client = of_loops
            return self._clients

    def _run_later(self, start: Callable[[], Flow[object]]) -> None:
        try:
            if not self._closed:
                run(start(), self.perform)
        except Exception as error:  # noqa: BLE001 - no caller waits; the next request raises it
            log_failure(error)


def _join(load: Future[object], timeout_seconds: float) -> object:
    try:
        return load.result(timeout_seconds)
    except TimeoutError:
        return TIMED_OUT
