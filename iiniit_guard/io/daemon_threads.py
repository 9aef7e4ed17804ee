"""Work that may hang, in a few threads that never delay the interpreter's end.

`concurrent.futures.ThreadPoolExecutor` would: it joins its threads at exit, even one that waits for a dead name server.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import TypeVar

T = TypeVar("T")


class DaemonThreads:
    """Run work in at most `limit` daemon threads; each ends when nothing waits.

    Attributes:
        limit: The most threads at once.
        backlog: The most pieces of work that may wait for a thread; more are refused.
    """

    def __init__(self, name: str, limit: int, backlog: int = 256) -> None:
        self.limit = limit
        self.backlog = backlog
        self._name = name
        self._lock = Lock()
        self._running = 0
        self._waiting: deque[Callable[[], object]] = deque()

    def start(self, work: Callable[[], object]) -> bool:
        """Have `work()` done, soon.

        Args:
            work: It must not raise.

        Returns:
            False when it will not be done: too much waits, or the interpreter is ending.
        """
        with self._lock:
            if len(self._waiting) >= self.backlog:
                return False
            self._waiting.append(work)
            if self._running >= self.limit:
                return True
            self._running += 1
        try:
            Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError:  # no thread to be had, or none any more: the interpreter is ending
            with self._lock:
                self._running -= 1
                if self._running == 0:
                    self._waiting.clear()
                    return False
        return True

    def run(self, function: Callable[[], T]) -> Future[T]:
        """Have `function()` called, soon.

        Returns:
            Its outcome, exceptions included. Those who wait cannot cancel it for one another.
        """
        outcome: Future[T] = Future()
        outcome.set_running_or_notify_cancel()

        def settle() -> None:
            try:
                outcome.set_result(function())
            except BaseException as error:  # noqa: BLE001 - it is handed to whoever waits
                outcome.set_exception(error)

        if not self.start(settle):
            outcome.set_exception(OSError("no thread is free"))
        return outcome

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                work = self._waiting.popleft()
            work()
