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
from typing import Any, TypeVar

from iiniit_guard.core.model.log_line import write_line

T = TypeVar("T")


class _Work:
    """A call whose result or exception a future receives."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self.outcome: Future[Any] = Future()
        self.outcome.set_running_or_notify_cancel()

    def __call__(self) -> None:
        try:
            self.outcome.set_result(self._function())
        except BaseException as error:  # noqa: BLE001 - the future passes it to its waiters
            self.outcome.set_exception(error)


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
        self._begun: set[Future[Any]] = set()
        self._lost: set[Future[Any]] = set()

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
        return self._start_thread()

    def _start_thread(self) -> bool:
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
        work = _Work(function)
        if not self.start(work):
            work.outcome.set_exception(OSError("no thread is free"))
        return work.outcome

    def give_up(self, outcome: Future[T]) -> None:
        """Stop waiting for a call that `run` queued.

        A call that has not begun is removed. The thread of one that has begun does not count any
        more, so that functions that hang do not block all others. At most `limit` threads are
        given up at a time.

        Args:
            outcome: What `run` returned.
        """
        with self._lock:
            for work in self._waiting:
                if isinstance(work, _Work) and work.outcome is outcome:
                    self._waiting.remove(work)
                    return
            present = outcome in self._begun and outcome not in self._lost
            if not present or len(self._lost) >= self.limit:
                return
            self._lost.add(outcome)
            if not self._waiting:
                self._running -= 1
                return
        self._start_thread()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                work = self._waiting.popleft()
                if isinstance(work, _Work):
                    self._begun.add(work.outcome)
            work()
            if isinstance(work, _Work):
                with self._lock:
                    self._begun.remove(work.outcome)
                    if work.outcome in self._lost:
                        self._lost.remove(work.outcome)
                        return


def log_failure(error: Exception) -> None:
    """Log the exception of a flow that ran in the background, in a thread or a task."""
    # Log where the exception was raised, not its message, which may contain received data.
    where = "?"
    for frame, line in walk_tb(error.__traceback__):
        where = f"{frame.f_globals.get('__name__')}:{line}"
    write_line(
        logging.ERROR, "work in the background failed: %s in %s", type(error).__name__, where
    )
