"""Several processes that share the listening sockets: started, restarted when they die, reloaded and stopped together."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from iiniit_guard.errors import SettingsError

if TYPE_CHECKING:
    from asyncio.subprocess import Process

_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 30.0
_SETTLED_SECONDS: Final = 60.0
_log: Final = logging.getLogger("iiniit_guard.sidecar")


class Supervisor:
    """Runs workers.

    Args:
        command: Gives the command line of a worker, from the name of its place on the board.
        descriptors: What workers inherit.
        workers: How many.
        check: Raises `SettingsError` where new settings have faults; then no worker hears of them.
        stop_seconds: How long workers may take to end; those that are not gone by then are killed.
    """

    def __init__(
        self,
        command: Callable[[str], Sequence[str]],
        descriptors: Sequence[int],
        workers: int,
        check: Callable[[], object],
        stop_seconds: float,
    ) -> None:
        self._command = command
        self._descriptors = tuple(descriptors)
        self._workers = workers
        self._check = check
        self._stop_seconds = stop_seconds
        self._running: dict[int, Process] = {}
        self._stopping = asyncio.Event()
        self._started = 0

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        try:
            async with asyncio.TaskGroup() as places:
                for place in range(self._workers):
                    places.create_task(self._keep(place))
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)

    async def _keep(self, place: int) -> None:
        """Keep one worker running."""
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            begun = time.monotonic()
            self._started += 1
            worker = await self._start()
            self._running[place] = worker
            ended, stopping = asyncio.ensure_future(worker.wait()), asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if self._stopping.is_set():
                await self._end(worker)
                return
            del self._running[place]
            pause = _FIRST_PAUSE_SECONDS if time.monotonic() - begun > _SETTLED_SECONDS else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            _log.error("worker %d ended with status %s; another one starts in %.0f s", worker.pid, ended.result(), pause / 2)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause / 2):
                    await self._stopping.wait()

    async def _start(self) -> Process:
        command = self._command(f"worker-{self._started}")
        # The child inherits this: a SIGHUP that comes before it can handle one waits, instead of ending it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            return await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, pass_fds=self._descriptors)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

    async def _end(self, worker: Process) -> None:
        with suppress(ProcessLookupError):
            worker.terminate()
        try:
            async with asyncio.timeout(self._stop_seconds + 5):
                await worker.wait()
        except TimeoutError:
            _log.error("worker %d did not end in time and is killed", worker.pid)
            worker.kill()
            await worker.wait()

    def _reload(self) -> None:
        try:
            self._check()
        except SettingsError as error:
            _log.error("the settings have faults, so the old ones stay: %s", "; ".join(error.faults))
            return
        for worker in self._running.values():
            with suppress(ProcessLookupError):
                worker.send_signal(signal.SIGHUP)


def worker_command(told: dict[str, Any]) -> list[str]:
    """Give the command line of a worker; it holds names and numbers, no setting's value.

    With `-P`: a file in the current directory must not stand in for a module.
    """
    return [sys.executable, "-P", "-m", "iiniit_guard.sidecar.server.worker", json.dumps(told)]
