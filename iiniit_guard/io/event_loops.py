"""Effects on event loops, and the connections and tasks that end with each loop.

An HTTP client fails on a second event loop, and a program may have several. For example, asgiref
runs one event loop per call.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Hashable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, assert_never

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
from iiniit_guard.io.bounded_calls import BoundedCalls
from iiniit_guard.io.daemon_threads import DaemonThreads, log_failure
from iiniit_guard.io.files import read_file
from iiniit_guard.io.observed_call import CallListener, ObservedCall
from iiniit_guard.io.store import Store, missed

if TYPE_CHECKING:
    import asyncio


T = TypeVar("T")

CLOSED: Final = Unreachable("connection", "the guard is closed")
_MAX_TASKS: Final = 256


class Closable(Protocol):
    """A connection pool of one event loop."""

    async def aclose(self) -> None:
        """Close every connection."""
        ...


@dataclass(eq=False, repr=False)
class LoopState:
    """The connections and background tasks of one event loop."""

    _loop: asyncio.AbstractEventLoop
    transports: dict[Hashable, Closable] = field(default_factory=dict, init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _leads: set[asyncio.Task[Any]] = field(default_factory=set, init=False)

    def start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `work()` as a task of this loop; drop it if 256 tasks already run.

        The task starts in an empty context, because data of the current request must not stay alive
        in the background.
        """
        if len(self._tasks) < _MAX_TASKS:
            task = self._loop.create_task(work(), context=Context())
            self._tasks.add(task)  # the loop itself holds only weak references to tasks
            task.add_done_callback(self._tasks.discard)

    async def lead(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` as a task of this loop and wait for it.

        Cancelling the caller does not cancel the work.
        """
        import asyncio

        task = self._loop.create_task(work, context=Context())
        self._leads.add(task)
        task.add_done_callback(self._leads.discard)
        # Mark an exception as retrieved. A waiting caller gets it; without one, the next request
        # meets the same fault.
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Cancel the tasks and close the connections."""
        import asyncio

        others: set[asyncio.Task[Any]] = (self._tasks | self._leads) - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        transports, self.transports = self.transports, {}
        for transport in transports.values():
            await transport.aclose()


@dataclass(eq=False, repr=False)
class Loops:
    """One `LoopState` for each event loop that was used, until that loop ends."""

    _lock: Lock = field(default_factory=Lock, init=False)
    _states: dict[asyncio.AbstractEventLoop, tuple[LoopState, AsyncGenerator[None, None]]] = field(
        default_factory=dict, init=False
    )

    def __len__(self) -> int:
        return len(self._states)

    async def here(self) -> LoopState:
        """Return the state of the running loop, without letting other tasks run."""
        import asyncio

        loop = asyncio.get_running_loop()
        known = self._states.get(loop)
        if known is not None:
            return known[0]
        state = LoopState(loop)
        ending = self._until_the_end(loop, state)
        with self._lock:
            for other in [other for other in self._states if other.is_closed()]:
                del self._states[other]  # closed without `shutdown_asyncgens`
            self._states[loop] = (state, ending)
        await anext(ending)
        return state

    async def release(self) -> None:
        """Close the resources of the running loop."""
        import asyncio

        known = self._states.get(asyncio.get_running_loop())
        if known is not None:
            await known[1].aclose()

    async def _until_the_end(
        self, loop: asyncio.AbstractEventLoop, state: LoopState
    ) -> AsyncGenerator[None, None]:
        """Close `state` when the loop ends.

        A weak reference to the loop would not work: connections refer to their loop, so nothing
        would be freed. But every runner calls `loop.shutdown_asyncgens()`, which ends this
        generator while connections can still be closed.
        """
        try:
            yield
        finally:
            with self._lock:
                self._states.pop(loop, None)
            await state.close()


async def run_async(flow: Flow[T], perform: Callable[[Effect], Awaitable[object]]) -> T:
    """Asynchronous version of `run` in `effects.py`."""
    reply: object = None
    try:
        while True:
            try:
                effect = flow.send(reply)
            except StopIteration as finished:
                value: T = finished.value
                return value
            reply = await perform(effect)
    finally:
        flow.close()  # Run the `finally` blocks of the flow, also if the request is cancelled.


class LoopClient(Protocol):
    """The HTTP client of event loops."""

    async def fetch(self, request: HttpRequest, started: float) -> HttpResponse | Unreachable:
        """Send a request on the running loop. Its deadline counts from `started`."""
        ...


@dataclass(eq=False, repr=False)
class LoopEffects:
    """Perform effects on any number of event loops. `EffectRunner` performs them in threads.

    Attributes:
        transport: Called instead of the network for each `Fetch`.
        store: The shared store; None makes every lookup a miss.
        on_call: Called before each `Fetch`; None without a listener.
        calls: Calls functions of the application that may block.
        blocking: The threads for other work that would block an event loop.
        make_clients: Returns the HTTP clients of threads and of event loops, and sets `client`.
        closed: Whether network calls fail and background work is dropped.
        registry: The connections and tasks of each event loop.
        client: The HTTP client of event loops; None before the first call.
    """

    transport: Callable[[HttpRequest], HttpResponse | Unreachable] | None
    store: Store | None
    on_call: CallListener | None
    calls: BoundedCalls
    blocking: DaemonThreads
    make_clients: Callable[[], tuple[object, LoopClient]]
    closed: bool
    registry: Loops = field(default_factory=Loops, init=False)
    client: LoopClient | None = field(default=None, init=False)

    async def perform(self, effect: Effect) -> object:
        """Return the reply to `effect` without blocking the running event loop."""
        import asyncio

        match effect:
            case Fetch(request):
                if self.on_call is None:
                    reply = await self._fetch(request)
                else:
                    with ObservedCall(request, self.on_call) as seen:
                        reply = seen.reply = await self._fetch(seen.request)
                return reply.about(url=request.url) if isinstance(reply, Unreachable) else reply
            case Wait(load, timeout_seconds):
                return await _join(load, timeout_seconds)
            case ReadFile(path):
                try:
                    return await asyncio.wrap_future(self.blocking.run(partial(read_file, path)))
                except OSError:
                    return Unreachable("file", f"no thread is free to read {path}")
            case Call(function, arguments, timeout_seconds):
                if timeout_seconds is not None:
                    if self.closed:
                        return CLOSED
                    return await self.calls.call_async(effect, timeout_seconds)
                result = function(*arguments)
                return await result if inspect.isawaitable(result) else result
            case Spawn(start):
                if not self.closed:
                    (await self.registry.here()).start(partial(self._run_later, start))
                return None
            case Shield(start):
                loop = await self.registry.here()
                return await loop.lead(run_async(start(), self.perform))
            case StoreGet() | StoreSet() | StoreAdd():
                return (
                    missed(effect)
                    if self.store is None
                    else await self.store.perform_async(
                        effect, (await self.registry.here()).transports
                    )
                )
            case Checkpoint():
                await asyncio.sleep(0)
                return None
            case _:
                assert_never(effect)

    async def _fetch(self, request: HttpRequest) -> HttpResponse | Unreachable:
        if self.closed:
            return CLOSED
        if self.transport is not None:
            return self.transport(request)
        import asyncio

        if self.client is None:  # importing httpx2 would block the loop for 0.1 s
            with suppress(OSError):  # no thread is free
                await asyncio.wrap_future(self.blocking.run(self.make_clients))
        client = self.client or self.make_clients()[1]
        return await client.fetch(request, time.monotonic())

    async def _run_later(self, start: Callable[[], Flow[object]]) -> None:
        try:
            await run_async(start(), self.perform)
        except Exception as error:  # noqa: BLE001 - no caller waits; the next request raises it
            log_failure(error)


async def _join(load: Future[object], timeout_seconds: float) -> object:
    import asyncio

    try:
        async with asyncio.timeout(timeout_seconds):
            # `asyncio.shield` is not needed, because a waiter cannot cancel a running load. A
            # shielded load would call back into a loop that may be closed by then.
            return await asyncio.wrap_future(load)
    except TimeoutError:
        return TIMED_OUT
