"""The guard process: one configuration at a time, replaced without a dropped request, and what is known about its health."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from iiniit_guard.errors import SettingsError
from iiniit_guard.observe.log import DecisionLog
from iiniit_guard.sidecar.runtime import NOTHING_MORE, Running, make_running
from iiniit_guard.sidecar.status.history import History, Snapshot, merge
from iiniit_guard.sidecar.status.issuers import calls_made, describe_issuers, merge_issuers

if TYPE_CHECKING:
    from iiniit_guard.core.http.event import Event
    from iiniit_guard.core.model.clock import Clock
    from iiniit_guard.sidecar.settings.sidecar_settings import SidecarSettings
    from iiniit_guard.sidecar.status.worker_stats import Board

_TICK_SECONDS: Final = 1.0
_PREPARE_SECONDS: Final = 10.0
_LONGEST_REQUEST_SECONDS: Final = 60.0
_log: Final = logging.getLogger("iiniit_guard.sidecar")


class Sidecar:
    """What all listeners of a process share.

    Args:
        read: Reads the settings, at the start and at every reload.
        board: Where workers tell each other their numbers; None where there is one worker.
        more: Further keywords of the guard, which no file can hold.

    Raises:
        SettingsError: With every fault.
    """

    def __init__(self, read: Callable[[], SidecarSettings], *, board: Board | None = None, more: Mapping[str, Any] = NOTHING_MORE) -> None:
        self._read = read
        self._board = board
        self._more = more
        clock: Clock | None = more.get("clock")
        self.history: History = History(time.time if clock is None else clock.wall)
        self.log: DecisionLog = DecisionLog()
        self.current: Running = make_running(read(), self.observe, self.history, more=more)
        self._set_log()
        self.missing: tuple[str, ...] = ("the keys were not asked for yet",)
        self._draining = False
        self.faults: tuple[str, ...] = ()
        self.loaded_at: float = time.time()
        self._watch: asyncio.Task[None] | None = None
        self._reloading = asyncio.Lock()
        self._retired: set[asyncio.Task[None]] = set()

    def observe(self, event: Event) -> None:
        """Take note of one decision."""
        self.history.record(event)
        if self._logs_all or event.decision != "allow":
            self.log(event)

    async def start(self) -> None:
        """Begin to fetch keys, without waiting for them."""
        self._watch = asyncio.create_task(self._keep_watch())

    async def stop(self) -> None:
        """End background work and close connections, once no request is under way."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait((self._watch,))
        for retired in self._retired:
            retired.cancel()
        await self.current.guard.aclose()

    def drain(self) -> None:
        """Say that no new request should come here."""
        self._draining = True

    @property
    def unready(self) -> tuple[str, ...]:
        """Why no request should come here; empty where they may."""
        return ("this process is stopping",) if self._draining else self.missing

    async def reload(self) -> bool:
        """Read the settings again and work by them from now on; requests under way end by the old ones.

        Returns:
            False where they have faults: then everything stays as it is, and `faults` says why.
        """
        async with self._reloading:
            before = self.current
            try:
                # In a thread: a thousand rules take a while to compile, and requests must go on meanwhile.
                after = await asyncio.to_thread(
                    lambda: make_running(self._read(), self.observe, self.history, before=before, more=self._more)
                )
            except SettingsError as error:
                self.faults = error.faults
                _log.error("the settings have faults, so the old ones stay: %s", "; ".join(error.faults))
                return False
            if after.guard is not before.guard:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_PREPARE_SECONDS):
                        for reason in await after.guard.prepare_async():
                            _log.warning("%s", reason)
            self.faults, self.loaded_at = (), time.time()
            self.current = after
            self._set_log()
            _log.info("the settings were loaded anew")
            for name in ("bind", "public_bind", "admin_bind", "workers"):
                if getattr(after.settings, name) != getattr(before.settings, name):
                    _log.warning("server.%s changed: that takes a restart", name)
            if after.guard is not before.guard:
                task = asyncio.create_task(_retire(before))
                self._retired.add(task)
                task.add_done_callback(self._retired.discard)
            return True

    def snapshot(self) -> Snapshot:
        """Give the numbers and the state of all workers, as far as this one knows them.

        Returns:
            What `History.snapshot` gives, merged, and `issuers` as `describe_issuers` gives them; `ready`, `unready` (why not);
            `settings`: `loaded_at`, `faults` of the last attempt; `gateway`; `workers`, how many told their numbers.
        """
        own = self._own()
        them = [own, *(self._board.others() if self._board is not None else ())]
        return {
            **merge(them),
            "issuers": merge_issuers(each["issuers"] for each in them),
            "ready": not self.unready,
            "unready": list(self.unready),
            "settings": {"loaded_at": self.loaded_at, "faults": list(self.faults)},
            "gateway": self.current.settings.gateway,
            "workers": len(them),
        }

    def _set_log(self) -> None:
        self.log.which = self.current.settings.log
        self._logs_all = self.log.which == "all"  # what passes is counted for each request, so the common case is settled here

    def _own(self) -> Snapshot:
        resource = self.current.guard.resource
        self.history.count_calls(calls_made(resource))
        return {**self.history.snapshot(), "issuers": describe_issuers(resource)}

    async def _keep_watch(self) -> None:
        await asyncio.to_thread(_import_cryptography)
        while True:
            try:
                # Once ready, ready: an outage is answered by 503 with Retry-After, which a gateway without any guard cannot do.
                if self.missing:
                    self.missing = await self.current.guard.prepare_async()
                    if not self.missing:
                        _log.info("ready")
                if self._board is not None:
                    self._board.tell(self._own())
                else:
                    self.history.tick()
            except Exception as error:  # noqa: BLE001 - it decides nothing; the next round meets the same fault
                _log.error("the watch failed: %s", type(error).__qualname__)
            await asyncio.sleep(_TICK_SECONDS)


def _import_cryptography() -> None:
    """Load what the first token would otherwise wait for."""
    for name in ("ec", "ed25519", "rsa", "utils"):
        import_module(f"cryptography.hazmat.primitives.asymmetric.{name}")
    import_module("jwt.algorithms")


async def _retire(running: Running) -> None:
    """Close the guard of a configuration once the requests that began with it have ended."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LONGEST_REQUEST_SECONDS):
            await running.ended()
    await running.guard.aclose()
