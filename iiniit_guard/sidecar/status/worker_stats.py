"""Share statistics between workers, through a directory with one file for each worker.

Each worker rewrites its file every second.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iiniit_guard.sidecar.status.history import Snapshot


class WorkerStats:
    """The statistics file of one worker, and access to the files of the others.

    The file of a worker that exited stays, so that totals never decrease.

    Args:
        directory: The directory that all workers of one `iiniit-guard serve` share.
        name: Name of this worker's file. A name is never reused.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._own = directory / f"{name}.json"

    def tell(self, snapshot: Snapshot) -> None:
        """Replace the statistics of this worker. The replacement of the file is atomic."""
        written = self._own.with_suffix(".new")
        written.write_text(json.dumps(snapshot))
        written.replace(self._own)

    def others(self) -> Iterator[Snapshot]:
        """Yield the latest statistics of each other worker."""
        for file in sorted(self._directory.glob("*.json")):
            if file != self._own:
                yield json.loads(file.read_text())
