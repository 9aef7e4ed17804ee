"""The watches of the connections of one event loop: one timer for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final, Protocol

from iiniit_guard.adapting.timer_wheel import TimerWheel
from iiniit_guard.adapting.token_watch import TokenWatch, WatchSettings
from iiniit_guard.core.decide import Pending
from iiniit_guard.core.model.policy import LongLived

if TYPE_CHECKING:
    from iiniit_guard.adapting.request_state import RefusalRecord
    from iiniit_guard.core.cache.entry import KeyValidity
    from iiniit_guard.core.model.clock import Clock
    from iiniit_guard.rechecking import Recheck

MAX_TASKS: Final = 32
"""Checks of one loop that wait for an authorization server at the same time."""
MAX_MESSAGE_CHECKS: Final = 16
"""Further checks of one loop, each for a message that waits. The others wait for a place: an issuer
takes 64 calls at the same time, and a call beyond that would end the connection."""
GRACE_SECONDS: Final = 5.0
"""How long an application may run after its connection was ended."""
_POLL_SECONDS: Final = 0.5
_LEAST_SECONDS: Final = 0.01
_CLOCK_STEP_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 5.0


class Connection(Protocol):
    """A connection that ends with its token."""

    def token_ended(self, watch: LoopWatch) -> None:
        """End the connection, or do nothing if its messages are discarded."""
        ...

    def overdue(self) -> None:
        """Stop the application, which still runs `GRACE_SECONDS` after the end."""
        ...


class LoopWatch(TokenWatch):
    """The watch of a connection of an event loop.

    Args:
        watches: Of the same loop.
        connection: The connection.
        record: Of the request that opened it.
        source: The argument of `WatchSettings.read`.
        note: Names the kind of connection in the log and in the event.
    """

    __slots__ = ("_connection", "_is_closed", "_watches")

    def __init__(
        self,
        watches: LoopWatches,
        connection: Connection,
        record: RefusalRecord,
        source: object,
        note: str,
    ) -> None:
        super().__init__(watches.settings, record, source, note)
        self._watches = watches
        self._connection = connection
        self._is_closed = False
        watches.schedule(self, self.next_check)

    def renew(self) -> None:
        """Check the token before the next message. A handler may run in another thread."""
        self._watches.call(self._renew)

    async def permits_async(self) -> bool:
        """Return whether a message may pass; wait for a place if many messages wait for a call."""
        places = self._watches.places
        if places.locked() and self._is_known():
            return self.ended is None
        async with places:
            return await super().permits_async()

    def _is_known(self) -> bool:
        """Return whether it is known without a call if a message may pass."""
        if self.is_current() or self.ended is not None:
            return True
        started, check = self._settings.clock.now(), self.begin()
        if check is None:
            return True
        if isinstance(check.result, Pending):
            return False
        self.apply(check, check.result, started)
        return True

    def valid_until(self) -> float:
        """Return when the cached result ends, by the monotonic clock."""
        clock = self._settings.clock
        return min(self._until, clock.monotonic() + self._until_wall - clock.wall())

    def on_end(self) -> None:
        """Start to end the connection."""
        self._connection.token_ended(self)

    def overdue(self) -> None:
        """Stop the application of a connection that was ended."""
        if not self._is_closed and not self.discards:
            self._connection.overdue()

    def be_overdue_later(self) -> None:
        """Call `overdue` in `GRACE_SECONDS` if the connection is still open."""
        self._watches.schedule(self, self._settings.clock.monotonic() + GRACE_SECONDS)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`, which ends the connection; call `overdue` later if that has not happened."""
        self._watches.spawn(work)
        self.be_overdue_later()

    def close(self) -> None:
        """Remove the connection, which has ended."""
        self.mode: LongLived = "off"
        self._is_closed = True
        self._watches.discard(self)

    def _renew(self) -> None:
        if not self._is_closed and self.ended is None:
            super().renew()
            self._watches.schedule(self, self.next_check)


class LoopWatches:
    """The watches of one event loop.

    Args:
        settings: The settings that all watches of the middleware share.
        loop: The running loop.
        known: The watches of each loop. An object without watches is not in it.

    Attributes:
        places: For the checks that messages wait for.
    """

    def __init__(
        self,
        settings: WatchSettings,
        loop: asyncio.AbstractEventLoop,
        known: dict[asyncio.AbstractEventLoop, LoopWatches],
    ) -> None:
        self.settings: Final = settings
        self.places: Final = asyncio.Semaphore(MAX_MESSAGE_CHECKS)
        self._loop = loop
        self._known = known
        self._wheel: TimerWheel[LoopWatch] = TimerWheel()
        self._handle: asyncio.TimerHandle | None = None
        self._waiting: dict[LoopWatch, None] = {}  # for a place in _checks
        self._checks: set[asyncio.Task[None]] = set()
        # The loop itself holds only weak references to tasks.
        self._ends: set[asyncio.Task[None]] = set()
        self._validities: set[KeyValidity] = set()
        self._offset = _offset(settings.clock)

    def schedule(self, watch: LoopWatch, moment: float) -> None:
        """Check a token, or stop an application that is overdue, at a moment."""
        self._wheel.add(watch, moment)
        if self._handle is None:
            self._known.setdefault(self._loop, self)
            self._arm()

    def call(self, function: Callable[[], None]) -> None:
        """Call `function` on this loop, from any thread, unless the loop has been closed."""
        if asyncio._get_running_loop() is self._loop:
            function()
            return
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)

    def discard(self, watch: LoopWatch) -> None:
        """Remove a watch."""
        self._wheel.discard(watch)
        self._waiting.pop(watch, None)
        self._rest()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`, which ends a connection, as a task of this loop.

        It may wait forever for a client that reads nothing, so no check waits for it.
        """
        task = self._loop.create_task(work, context=Context())
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)

    def turn(self) -> None:
        """Check the tokens that are due, and those whose key or issuer was withdrawn."""
        self._handle = None
        due = self._wheel.take_due(self.settings.clock.monotonic())
        for watch in [*due, *self._no_longer_valid()]:
            if watch.ended is not None:
                watch.overdue()
            else:
                self._check(watch)
        if self._handle is None and (self._wheel or self._waiting):
            self._arm()
        self._rest()

    def _rest(self) -> None:
        """Stop the timer if there is no connection left."""
        if not (self._wheel or self._checks or self._waiting):
            if self._handle is not None:
                self._handle.cancel()
                self._handle = None
            if self._known.get(self._loop) is self:
                del self._known[self._loop]

    def _arm(self) -> None:
        moment = self._wheel.next_moment()
        seconds = _POLL_SECONDS
        if moment is not None:
            seconds = min(seconds, moment - self.settings.clock.monotonic())
        self._handle = self._loop.call_later(
            max(seconds, _LEAST_SECONDS), self.turn, context=Context()
        )

    def _no_longer_valid(self) -> list[LoopWatch]:
        """Remove and return the tokens that became invalid before their next check is due."""
        offset, known = _offset(self.settings.clock), self._offset
        self._offset = offset
        if abs(offset - known) < _CLOCK_STEP_SECONDS and all(
            validity.valid and validity.issuer.valid for validity in self._validities
        ):
            return []
        entries = self._wheel.entries()
        self._validities = {watch.validity for watch in entries}
        found = [watch for watch in entries if watch.ended is None and not watch.is_current()]
        for watch in found:
            self._wheel.discard(watch)
        return found

    def _check(self, watch: LoopWatch) -> None:
        if watch.mode == "off":
            return
        started = self.settings.clock.now()
        if watch.is_current() and started.monotonic < watch.next_check:
            self._again(watch)  # a message has caused a check since
            return
        check = watch.begin()
        if check is None:
            return
        if not isinstance(check.result, Pending):
            watch.apply(check, check.result, started)
            self._again(watch)
        elif len(self._checks) < MAX_TASKS:
            self._waiting.pop(watch, None)
            task = self._loop.create_task(self._finish(watch, check), context=Context())
            self._checks.add(task)
            task.add_done_callback(self._done)
        else:  # checked without a place when its cached result has ended: it may have expired
            self._waiting[watch] = None
            end, now = watch.valid_until(), started.monotonic
            self.schedule(watch, end if end > now else now + _AGAIN_SECONDS)

    async def _finish(self, watch: LoopWatch, check: Recheck) -> None:
        await watch.finish_async(check, self.settings.clock.now())
        self._again(watch)

    def _again(self, watch: LoopWatch) -> None:
        if watch.ended is None and watch.mode != "off":
            self._validities.add(watch.validity)
            self.schedule(watch, watch.next_check)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._checks.discard(task)
        if not self._loop.is_closed():
            while self._waiting and len(self._checks) < MAX_TASKS:
                watch = next(iter(self._waiting))
                del self._waiting[watch]
                if watch.ended is None:
                    self._wheel.discard(watch)
                    self._check(watch)
            self._rest()


def _offset(clock: Clock) -> float:
    return clock.wall() - clock.monotonic()
