"""A small pool of daemon threads, and the log line about background work that fails.

`concurrent.futures.ThreadPoolExecutor` joins its threads at exit. A thread that waits for a dead
name server would delay the exit of the interpreter.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from traceback import walk_tb
from typing import TypeVar

from iiniit_guard.core.model.log_line import write_line

T = TypeVar("T")


class DaemonThreads:
    """Run work in at most `limit` daemon threads. A thread ends when no work is queued.

    Attributes:
        limit: The largest number of threads.
        backlog: The largest number of queued pieces of work; more are refused.
    """

    def __init__(self, name: str, limit: int, backlog: int = 256) -> None:
        self.limit = limit
        self.backlog = backlog
        self._name = name
        self._lock = Lock()
        self._running = 0
        self._waiting: deque[Callable[[], object]] = deque()

    def start(self, work: Callable[[], object]) -> bool:
        """Queue `work()` for a thread.

        Args:
            work: It must not raise.

        Returns:
            False if it will not run: the queue is full, or the interpreter is shutting down.
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
        except RuntimeError:
            # No thread can be started: the limit of the system is reached, or the interpreter is
            # shutting down.
            with self._lock:
                self._running -= 1
                if self._running == 0:
                    self._waiting.clear()
                    return False
        return True

    def run(self, function: Callable[[], T]) -> Future[T]:
        """Queue a call of `function()`.

        Returns:
            A future with its result or its exception. A caller that waits for it cannot cancel it
            for others.
        """
        outcome: Future[T] = Future()
        outcome.set_running_or_notify_cancel()

        def settle() -> None:
            try:
                outcome.set_result(function())
            except BaseException as error:  # noqa: BLE001 - the future passes it to its waiters
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


def log_failure(error: Exception) -> None:
    """Log the exception of a flow that ran in the background, in a thread or a task."""
    # Log where the exception was raised, not its message, which may contain received data.
    where = "?"
    for frame, line in walk_tb(error.__traceback__):
        where = f"{frame.f_globals.get('__name__')}:{line}"
    write_line(
        logging.ERROR, "work in the background failed: %s in %s", type(error).__name__, where
    )
