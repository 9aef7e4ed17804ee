"""The watches of the connections of one middleware, on any number of event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from iiniit_guard.adapting.loop_watches import Connection, LoopWatch, LoopWatches
from iiniit_guard.adapting.token_watch import WatchSettings
from iiniit_guard.io.fork import on_fork

if TYPE_CHECKING:
    from iiniit_guard.adapting.admission import Admission
    from iiniit_guard.adapting.request_state import RefusalRecord
    from iiniit_guard.core.model.request import Request
    from iiniit_guard.engine import Engine


@dataclass(eq=False, repr=False)
class LoopWatcher:
    """Watches the connections of one asynchronous middleware, on any number of event loops.

    Args:
        engine: Decides about the requests of the middleware.
        admission: The settings of the middleware.
        host: The name of the adapter, for events.
        read: As for `WatchSettings`.
    """

    engine: Engine
    admission: Admission
    host: str
    read: Callable[..., Request]
    _loops: dict[asyncio.AbstractEventLoop, LoopWatches] = field(default_factory=dict, init=False)

    @cached_property
    def settings(self) -> WatchSettings:
        """The settings that all watches of the middleware share."""
        return WatchSettings(self.engine, self.admission, self.host, self.read)

    def watch(
        self, connection: Connection, record: RefusalRecord, source: object, note: str
    ) -> LoopWatch:
        """Watch a connection of the running event loop.

        Raises:
            RuntimeError: No event loop of asyncio is running.
        """
        loop = asyncio.get_running_loop()
        watches = self._loops.get(loop)
        if watches is None:
            for other in [other for other in self._loops.copy() if other.is_closed()]:
                self._loops.pop(other, None)
            on_fork(self)
            watches = LoopWatches(self.settings, loop, self._loops)
        return LoopWatch(watches, connection, record, source, note)

    def after_fork(self) -> None:
        """Remove the connections of the parent process."""
        self._loops = {}
