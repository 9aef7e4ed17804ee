"""Supervise worker processes that share the listening sockets.

The supervisor starts the workers, restarts a worker that exits, and reloads and stops all of them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from iiniit_guard.adapting.types import JsonObject
from iiniit_guard.errors import SettingsError

if TYPE_CHECKING:
    from asyncio.subprocess import Process

_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 30.0
_SETTLED_SECONDS: Final = 60.0
_log: Final = logging.getLogger("iiniit_guard.sidecar")


class Supervisor:
    """Runs a fixed number of worker processes.

    Args:
        command: Returns the command line of a worker for the name of its statistics file.
        descriptors: File descriptors that workers inherit.
        workers: Number of workers.
        check: Raises `SettingsError` if new settings have faults. The workers are then not
            reloaded.
        stop_seconds: Seconds that workers may take to complete the requests in progress. Workers
            that still run five seconds later are killed.
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
        """Run one worker, and start a new one whenever it exits, until the supervisor stops."""
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            begun = time.monotonic()
            self._started += 1
            worker = await self._start()
            self._running[place] = worker
            ended, stopping = (
                asyncio.ensure_future(worker.wait()),
                asyncio.ensure_future(self._stopping.wait()),
            )
            await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if self._stopping.is_set():
                await self._end(worker)
                return
            del self._running[place]
            pause = (
                _FIRST_PAUSE_SECONDS
                if time.monotonic() - begun > _SETTLED_SECONDS
                else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            )
            _log.error(
                "worker %d ended with status %s; a new one starts in %.0f s",
                worker.pid,
                ended.result(),
                pause / 2,
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(pause / 2):
                    await self._stopping.wait()

    async def _start(self) -> Process:
        command = self._command(f"worker-{self._started}")
        # The child inherits the signal mask. A SIGHUP that arrives before the child has installed
        # its handler stays pending instead of terminating the child.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            return await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, pass_fds=self._descriptors
            )
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

    async def _end(self, worker: Process) -> None:
        with suppress(ProcessLookupError):
            worker.terminate()
        try:
            async with asyncio.timeout(self._stop_seconds + 5):
                await worker.wait()
        except TimeoutError:
            _log.error("worker %d did not stop in time and is killed", worker.pid)
            worker.kill()
            await worker.wait()

    def _reload(self) -> None:
        try:
            self._check()
        except SettingsError as error:
            _log.error(
                "the new settings are invalid; the old settings stay in use: %s",
                "; ".join(error.faults),
            )
            return
        for worker in self._running.values():
            with suppress(ProcessLookupError):
                worker.send_signal(signal.SIGHUP)


def worker_command(told: JsonObject) -> list[str]:
    """Return the command line of a worker. It holds names and numbers, but no values of settings.

    `-P` keeps Python from importing a file in the current directory in place of a module.
    """
    return [sys.executable, "-P", "-m", "iiniit_guard.sidecar.server.worker", json.dumps(told)]
