"""Start `iiniit-guard serve`: read the settings, open the sockets, run one or more processes."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from iiniit_guard.adapting.types import Members
from iiniit_guard.sidecar.apps.build import LISTENERS, Listener
from iiniit_guard.sidecar.runtime import make_running
from iiniit_guard.sidecar.server.serve import run
from iiniit_guard.sidecar.server.supervisor import Supervisor, worker_command
from iiniit_guard.sidecar.settings.listeners import name_of, open_sockets, remove_unix_sockets
from iiniit_guard.sidecar.settings.sidecar_settings import SidecarSettings, read_settings
from iiniit_guard.sidecar.sidecar import Sidecar
from iiniit_guard.sidecar.status.history import History

Sockets = dict[Listener, list[socket.socket]]
_log: Final = logging.getLogger("iiniit_guard.sidecar")


def serve(file: str | os.PathLike[str], overrides: Members) -> None:
    """Serve until a signal stops the process.

    Args:
        file: Path of `guard.toml`.
        overrides: Settings of `[server]` from the command line. They override the file.

    Raises:
        SettingsError: The file has faults (the exception lists all of them), or a listening
            address cannot be opened.
    """

    def read() -> SidecarSettings:
        return replace(read_settings(file), **overrides)

    settings = read()
    places = {
        "gateway": settings.bind,
        "public": settings.public_bind,
        "admin": settings.admin_bind,
    }
    sockets: Sockets = {}
    try:
        for listener in LISTENERS:
            if places[listener]:
                setting = "bind" if listener == "gateway" else f"{listener}_bind"
                sockets[listener] = open_sockets(places[listener], setting)
        for listener, opened in sockets.items():
            _log.info("%s: listening on %s", listener, ", ".join(map(name_of, opened)))
        if settings.workers == 1:
            run(Sidecar(read), sockets)
        else:
            _supervise(
                file,
                settings,
                sockets,
                lambda: make_running(read(), lambda _: None, History(time.time)),
            )
    finally:
        for each in (each for opened in sockets.values() for each in opened):
            each.close()
        remove_unix_sockets(place for listener in sockets for place in places[listener])


def _supervise(
    file: str | os.PathLike[str], settings: SidecarSettings, sockets: Sockets, check: Any
) -> None:
    check()
    numbers = {listener: [each.fileno() for each in opened] for listener, opened in sockets.items()}
    with TemporaryDirectory(prefix="iiniit-guard-") as worker_stats:

        def command(name: str) -> list[str]:
            return worker_command(
                {
                    "file": str(Path(file).absolute()),
                    "worker_stats": worker_stats,
                    "name": name,
                    "sockets": numbers,
                }
            )

        async def supervise() -> None:
            inherited = [number for several in numbers.values() for number in several]
            await Supervisor(
                command, inherited, settings.workers, check, settings.stop_seconds
            ).run()

        asyncio.run(supervise())
