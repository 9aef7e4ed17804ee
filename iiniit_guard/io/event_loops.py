"""Resources of one event loop, which are released with it.

A client fails on a second loop, and programs have several: the reloader of uvicorn, one loop per
call in asgiref, tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable
from contextvars import Context
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, Protocol, TypeVar

T = TypeVar("T")

_MAX_TASKS: Final = 256


class Closable(Protocol):
    """A connection pool of one event loop."""

    async def aclose(self) -> None:
        """Close every connection."""
        ...


@dataclass(eq=False, repr=False)
class LoopState:
    """The connections and background tasks of one event loop."""

    transports: dict[Hashable, Closable] = field(default_factory=dict, init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _leads: set[asyncio.Task[Any]] = field(default_factory=set, init=False)

    def start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `work()` as a task of this loop; drop it if 256 tasks already run.

        The task starts in an empty context, because data of the current request must not stay alive
        in the background.
        """
        if len(self._tasks) < _MAX_TASKS:
            task = asyncio.get_running_loop().create_task(work(), context=Context())
            self._tasks.add(task)  # the loop itself holds only weak references to tasks
            task.add_done_callback(self._tasks.discard)

    async def lead(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` as a task of this loop and wait for it.

        Cancelling the caller does not cancel the work.
        """
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self._leads.add(task)
        task.add_done_callback(self._leads.discard)
        # Mark an exception as retrieved. A waiting caller gets it; without one, the next request
        # meets the same fault.
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Cancel the tasks and close the connections."""
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
        loop = asyncio.get_running_loop()
        known = self._states.get(loop)
        if known is not None:
            return known[0]
        state = LoopState()
        ending = self._until_the_end(loop, state)
        with self._lock:
            for other in [other for other in self._states if other.is_closed()]:
                del self._states[other]  # closed without `shutdown_asyncgens`
            self._states[loop] = (state, ending)
        await anext(ending)
        return state

    async def release(self) -> None:
        """Close the resources of the running loop."""
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
