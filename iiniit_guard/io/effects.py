"""The effect runner: network, files, user callables, waits and background work."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from threading import Lock
from traceback import walk_tb
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

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
from iiniit_guard.io.daemon_threads import DaemonThreads
from iiniit_guard.io.drive import run, run_async
from iiniit_guard.io.files import read_file
from iiniit_guard.io.fork import on_fork
from iiniit_guard.io.observed_call import ObservedCall
from iiniit_guard.io.store import Store, missed

if TYPE_CHECKING:
    from iiniit_guard.core.model.outgoing_call import OnCall
    from iiniit_guard.io.event_loops import Loops
    from iiniit_guard.io.http_loops import LoopClients
    from iiniit_guard.io.http_threads import ThreadClients

Transport: TypeAlias = Callable[[HttpRequest], HttpResponse | Unreachable]
"""Replacement of the network in tests."""

_CLOSED: Final = Unreachable("connection", "the guard is closed")
# With 0, this thread would reacquire the interpreter lock before a waiting thread wakes up.
_BREATH_SECONDS: Final = 0.0001
_BACKGROUND_THREADS, _NAMES_THREADS = 4, 8

_log = logging.getLogger("iiniit_guard")

# A forked child can neither use the connections of its parent's event loops nor close them: closing
# would change the selector that both processes share. So the child keeps them unchanged.
_left_behind: list[Loops] = []


class EffectRunner:
    """Perform effects, in threads and on any number of event loops.

    It does no I/O before the first effect. Threads and event loops may share it. In a forked child
    it starts without connections.

    Args:
        transport: Called instead of the network for each `Fetch`, in threads and on event loops. It
            must not block for long.
        store: The shared store; None makes every lookup a miss.
        on_call: Called before each `Fetch`; see `OnCall`.
    """

    def __init__(
        self,
        transport: Transport | None = None,
        store: Store | None = None,
        on_call: OnCall | None = None,
    ) -> None:
        self.transport: Final = transport
        self._on_call = on_call
        self.store: Store | None = store
        self._closed = False
        self._begin()
        on_fork(self)

    def perform(self, effect: Effect) -> object:
        """Return the reply to `effect`; block this thread.

        Raises:
            UsageError: An `Call` names an asynchronous function.
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
                return _CLOSED if self._closed else self._calls.call(effect, timeout_seconds)
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

    async def perform_async(self, effect: Effect) -> object:
        """Return the reply to `effect` without blocking the running event loop."""
        import asyncio

        match effect:
            case Fetch(request):
                if self._on_call is None:
                    reply = await self._fetch_async(request)
                else:
                    with ObservedCall(request, self._on_call) as seen:
                        reply = seen.reply = await self._fetch_async(seen.request)
                return reply.about(url=request.url) if isinstance(reply, Unreachable) else reply
            case Wait(load, timeout_seconds):
                return await _join_async(load, timeout_seconds)
            case ReadFile(path):
                try:
                    return await asyncio.wrap_future(self._blocking.run(partial(read_file, path)))
                except OSError:
                    return Unreachable("file", f"no thread is free to read {path}")
            case Call(function, arguments, timeout_seconds):
                if timeout_seconds is not None:
                    if self._closed:
                        return _CLOSED
                    return await self._calls.call_async(effect, timeout_seconds)
                result = function(*arguments)
                return await result if inspect.isawaitable(result) else result
            case Spawn(start):
                if not self._closed:
                    (await self._make_loops().here()).start(partial(self._run_later_async, start))
                return None
            case Shield(start):
                loop = await self._make_loops().here()
                return await loop.lead(run_async(start(), self.perform_async))
            case StoreGet() | StoreSet() | StoreAdd():
                return (
                    missed(effect)
                    if self.store is None
                    else await self.store.perform_async(effect, self._make_loops())
                )
            case Checkpoint():
                await asyncio.sleep(0)
                return None
            case _:
                assert_never(effect)

    def close(self) -> None:
        """Close the connections of threads. Later network calls fail, also on event loops."""
        self._closed = True
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
        if self._loops is not None:
            await self._loops.release()

    def after_fork(self) -> None:
        """Start without locks, threads and connections of the parent process."""
        if self._clients is not None:
            self._clients[0].abandon()
        if self._loops is not None:
            _left_behind.append(self._loops)
        if self.store is not None:
            self.store.after_fork()
        self._begin()

    def _begin(self) -> None:
        self._lock = Lock()
        self._background = DaemonThreads("iiniit_guard-later", _BACKGROUND_THREADS)
        self._blocking = DaemonThreads("iiniit_guard-blocking", _BACKGROUND_THREADS)
        self._calls = BoundedCalls()
        self._clients: tuple[ThreadClients, LoopClients] | None = None
        self._loops: Loops | None = None

    def _fetch(self, request: HttpRequest) -> HttpResponse | Unreachable:
        if self._closed:
            return _CLOSED
        if self.transport is not None:
            return self.transport(request)
        clients = self._make_clients()[0]
        # From here on: the import of the HTTP client is not part of the first call.
        return clients.fetch(request, time.monotonic())

    async def _fetch_async(self, request: HttpRequest) -> HttpResponse | Unreachable:
        if self._closed:
            return _CLOSED
        if self.transport is not None:
            return self.transport(request)
        import asyncio

        if self._clients is None:  # importing httpx2 would block the loop for 0.1 s
            with suppress(OSError):  # no thread is free
                await asyncio.wrap_future(self._blocking.run(self._make_clients))
        clients = self._make_clients()[1]
        return await clients.fetch(request, time.monotonic())

    def _make_clients(self) -> tuple[ThreadClients, LoopClients]:
        if self._clients is not None:
            return self._clients
        from iiniit_guard.io.dns import Resolver
        from iiniit_guard.io.http import TlsContexts
        from iiniit_guard.io.http_loops import LoopClients
        from iiniit_guard.io.http_threads import ThreadClients

        loops = self._make_loops()
        contexts = TlsContexts()
        names = Resolver(DaemonThreads("iiniit_guard-names", _NAMES_THREADS))
        with self._lock:
            if self._clients is None:
                self._clients = (
                    ThreadClients(contexts, names),
                    LoopClients(contexts, names, loops, self._blocking),
                )
            return self._clients

    def _make_loops(self) -> Loops:
        from iiniit_guard.io.event_loops import Loops

        with self._lock:
            if self._loops is None:
                self._loops = Loops()
            return self._loops

    def _run_later(self, start: Callable[[], Flow[object]]) -> None:
        try:
            if not self._closed:
                run(start(), self.perform)
        except Exception as error:  # noqa: BLE001 - no caller waits; the next request raises it
            _log_failure(error)

    async def _run_later_async(self, start: Callable[[], Flow[object]]) -> None:
        try:
            await run_async(start(), self.perform_async)
        except Exception as error:  # noqa: BLE001 - no caller waits; the next request raises it
            _log_failure(error)


def _join(load: Future[object], timeout_seconds: float) -> object:
    try:
        return load.result(timeout_seconds)
    except TimeoutError:
        return TIMED_OUT


async def _join_async(load: Future[object], timeout_seconds: float) -> object:
    import asyncio

    try:
        async with asyncio.timeout(timeout_seconds):
            # No shield: a waiter cannot cancel a running load, and a shielded load would call back
            # into a loop that may be closed by then.
            return await asyncio.wrap_future(load)
    except TimeoutError:
        return TIMED_OUT


def _log_failure(error: Exception) -> None:
    # Log the place, not the message: the message may contain received data.
    where = "?"
    for frame, line in walk_tb(error.__traceback__):
        where = f"{frame.f_globals.get('__name__')}:{line}"
    _log.error("work in the background failed: %s in %s", type(error).__name__, where)
