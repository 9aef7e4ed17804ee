"""The sidecar process: its current configuration, reloads, readiness and statistics.

A reload replaces the configuration without dropping a request.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Final

from iiniit_guard.adapting.types import Members
from iiniit_guard.errors import SettingsError
from iiniit_guard.observe.log import DecisionLog
from iiniit_guard.sidecar.runtime import NOTHING_MORE, Running, make_running
from iiniit_guard.sidecar.status.history import History, Snapshot, merge
from iiniit_guard.sidecar.status.issuers import (
    calls_made,
    describe_issuers,
    describe_store,
    failing_parts,
    merge_issuers,
    merge_stores,
)

if TYPE_CHECKING:
    from iiniit_guard.core.http.event import Event
    from iiniit_guard.core.model.clock import Clock
    from iiniit_guard.sidecar.settings.sidecar_settings import SidecarSettings
    from iiniit_guard.sidecar.status.worker_stats import WorkerStats

_TICK_SECONDS: Final = 1.0
_PREPARE_SECONDS: Final = 10.0
_LONGEST_REQUEST_SECONDS: Final = 60.0
_log: Final = logging.getLogger("iiniit_guard.sidecar")


class Sidecar:
    """The state that all listeners of a process share.

    Args:
        read: Reads the settings, at the start and on each reload.
        worker_stats: Exchanges statistics between workers. None if there is only one worker.
        more: Additional keyword arguments of `Guard` that a file cannot express.

    Raises:
        SettingsError: The settings have faults. The exception lists all of them.
    """

    def __init__(
        self,
        read: Callable[[], SidecarSettings],
        *,
        worker_stats: WorkerStats | None = None,
        more: Members = NOTHING_MORE,
    ) -> None:
        self._read = read
        self._worker_stats = worker_stats
        self._more = more
        clock: Clock | None = more.get("clock")
        self.history: History = History(time.time if clock is None else clock.wall)
        self.log: DecisionLog = DecisionLog()
        self.current: Running = make_running(read(), self.observe, self.history, more=more)
        self._set_log()
        self.missing: tuple[str, ...] = ("the keys were not fetched yet",)
        self._draining = False
        self.faults: tuple[str, ...] = ()
        self.loaded_at: float = time.time()
        self._watch: asyncio.Task[None] | None = None
        self._reloading = asyncio.Lock()
        self._retired: set[asyncio.Task[None]] = set()

    def observe(self, event: Event) -> None:
        """Count one decision, and log it if the settings require it."""
        self.history.record(event)
        if self._logs_all or event.decision != "allow":
            self.log(event)

    async def start(self) -> None:
        """Start to fetch keys in the background. The method does not wait for them."""
        self._watch = asyncio.create_task(self._keep_watch())

    async def stop(self) -> None:
        """Stop background tasks and close connections. No request may be in progress."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait((self._watch,))
        for retired in self._retired:
            retired.cancel()
        await self.current.engine.aclose()

    def drain(self) -> None:
        """Report this process as not ready, so that it receives no new requests."""
        self._draining = True

    @property
    def unready(self) -> tuple[str, ...]:
        """The reasons why this process is not ready; empty if it is ready."""
        return ("this process is stopping",) if self._draining else self.missing

    @property
    def failing(self) -> tuple[str, ...]:
        """What failed at the last attempt. A failure does not make the process unready."""
        engine = self.current.engine
        store = describe_store(engine._runner.store)
        down = [] if store is None or store["failure"] is None else [store["failure"]]
        return (
            *failing_parts(describe_issuers(engine.resource)),
            *(f"the shared store: {each}" for each in down),
        )

    async def reload(self) -> bool:
        """Read the settings again and use them for new requests.

        Requests in progress complete under the previous settings.

        Returns:
            False if the new settings have faults. The previous settings then stay in use, and
            `faults` lists the faults.
        """
        async with self._reloading:
            before = self.current
            try:
                # Compiling a thousand rules takes noticeable time. A thread keeps the event loop
                # free for requests.
                after = await asyncio.to_thread(
                    lambda: make_running(
                        self._read(), self.observe, self.history, before=before, more=self._more
                    )
                )
            except SettingsError as error:
                self.faults = error.faults
                _log.error(
                    "the new settings are invalid; the old settings stay in use: %s",
                    "; ".join(error.faults),
                )
                return False
            if after.engine is not before.engine:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_PREPARE_SECONDS):
                        for reason in await after.engine.warm_up_async():
                            _log.warning("%s", reason)
            self.faults, self.loaded_at = (), time.time()
            self.current = after
            self._set_log()
            _log.info("the settings were reloaded")
            for name in ("bind", "public_bind", "admin_bind", "workers"):
                if getattr(after.settings, name) != getattr(before.settings, name):
                    _log.warning("server.%s changed; restart the server to apply it", name)
            if after.engine is not before.engine:
                task = asyncio.create_task(_retire(before))
                self._retired.add(task)
                task.add_done_callback(self._retired.discard)
            return True

    def snapshot(self) -> Snapshot:
        """Return the statistics and the state of all workers, as far as this worker knows them.

        Returns:
            The merged snapshots of `History.snapshot`, and the following members: `issuers`, as
            `describe_issuers` returns them; `store`, as `describe_store` returns it; `ready`;
            `unready`, the reasons; `settings`, with `loaded_at` and the `faults` of the last
            reload; `gateway`; `workers`, the number of workers that published statistics.
        """
        own = self._own()
        them = [own, *(self._worker_stats.others() if self._worker_stats is not None else ())]
        return {
            **merge(them),
            "issuers": merge_issuers(each["issuers"] for each in them),
            "store": merge_stores(each["store"] for each in them),
            "ready": not self.unready,
            "unready": list(self.unready),
            "settings": {"loaded_at": self.loaded_at, "faults": list(self.faults)},
            "gateway": self.current.settings.gateway,
            "workers": len(them),
        }

    def _set_log(self) -> None:
        self.log.which = self.current.settings.log
        # `observe` runs for each decision. The flag spares it the comparison of strings.
        self._logs_all = self.log.which == "all"

    def _own(self) -> Snapshot:
        engine = self.current.engine
        self.history.count_calls(calls_made(engine.resource))
        return {
            **self.history.snapshot(),
            "issuers": describe_issuers(engine.resource),
            "store": describe_store(engine._runner.store),
        }

    async def _keep_watch(self) -> None:
        await asyncio.to_thread(_import_cryptography)
        while True:
            try:
                # A process that was ready once stays ready. During an outage of an issuer, the
                # guard responds with 503 and Retry-After. If the gateway removed the guard
                # instead, no process could send that response.
                if self.missing:
                    self.missing = await self.current.engine.warm_up_async()
                    if not self.missing:
                        _log.info("ready")
                if self._worker_stats is not None:
                    self._worker_stats.tell(self._own())
                else:
                    self.history.tick()
            except Exception as error:  # noqa: BLE001 - makes no decisions; the next round retries
                _log.error("watching the settings file failed: %s", type(error).__qualname__)
            await asyncio.sleep(_TICK_SECONDS)


def _import_cryptography() -> None:
    """Import the modules that the first token would otherwise have to wait for."""
    for name in ("ec", "ed25519", "rsa", "utils"):
        import_module(f"cryptography.hazmat.primitives.asymmetric.{name}")
    import_module("jwt.algorithms")


async def _retire(running: Running) -> None:
    """Close the guard of a configuration after the requests that use it have completed."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LONGEST_REQUEST_SECONDS):
            await running.ended()
    await running.engine.aclose()
