"""Entry point of a worker of `iiniit-guard serve --workers N`.

The supervisor runs it as `python -P -m iiniit_guard.sidecar.server.worker JSON`.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
from pathlib import Path

from iiniit_guard.adapting.types import JsonObject
from iiniit_guard.sidecar.server.serve import run
from iiniit_guard.sidecar.settings.sidecar_settings import read_settings
from iiniit_guard.sidecar.sidecar import Sidecar
from iiniit_guard.sidecar.status.worker_stats import WorkerStats

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def work(told: JsonObject, parent: int | None = None) -> None:
    """Serve on inherited sockets.

    Args:
        told: The parsed argument of the supervisor: `file`, `worker_stats` (directory of the worker
            statistics), `name` (of this worker), `sockets` (listener → file descriptors).
        parent: A file descriptor that is closed at the other end when the parent process exits.
    """
    sidecar = Sidecar(
        lambda: read_settings(told["file"]),
        worker_stats=WorkerStats(Path(told["worker_stats"]), told["name"]),
    )
    sockets = {
        listener: [socket.socket(fileno=number) for number in numbers]
        for listener, numbers in told["sockets"].items()
    }
    run(sidecar, sockets, parent=parent)


def main() -> None:
    """Run the worker that the command line describes."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    work(json.loads(sys.argv[1]), sys.stdin.fileno())


if __name__ == "__main__":
    main()
