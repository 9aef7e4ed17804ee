"""What a worker of `iiniit-guard serve --workers N` runs: `python -P -m iiniit_guard.sidecar.server.worker JSON`."""

from __future__ import annotations

import json
import logging
import socket
import sys
from pathlib import Path
from typing import Any

from iiniit_guard.sidecar.server.serve import run
from iiniit_guard.sidecar.settings.sidecar_settings import read_settings
from iiniit_guard.sidecar.sidecar import Sidecar
from iiniit_guard.sidecar.status.worker_stats import Board

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def work(told: dict[str, Any], parent: int | None = None) -> None:
    """Serve on inherited sockets.

    Args:
        told: `file`, `board` (a directory), `name` (of this worker), `sockets` (listener → descriptors).
        parent: A descriptor that ends with the parent.
    """
    sidecar = Sidecar(lambda: read_settings(told["file"]), board=Board(Path(told["board"]), told["name"]))
    sockets = {listener: [socket.socket(fileno=number) for number in numbers] for listener, numbers in told["sockets"].items()}
    run(sidecar, sockets, parent=parent)


def main() -> None:
    """Do what the command line says."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    work(json.loads(sys.argv[1]), sys.stdin.fileno())


if __name__ == "__main__":
    main()
