"""Where workers tell each other their numbers: a directory with a file for each, written anew every second."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iiniit_guard.sidecar.status.history import Snapshot


class Board:
    """One worker's place on the board. A worker that ended leaves its last numbers: totals must not go back.

    Args:
        directory: Of all workers of one `serve`.
        name: Of this worker's file, never used twice.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._own = directory / f"{name}.json"

    def tell(self, snapshot: Snapshot) -> None:
        """Replace this worker's numbers; a reader sees the old or the new ones whole."""
        written = self._own.with_suffix(".new")
        written.write_text(json.dumps(snapshot))
        written.replace(self._own)

    def others(self) -> Iterator[Snapshot]:
        """Give what the others told last."""
        for file in sorted(self._directory.glob("*.json")):
            if file != self._own:
                yield json.loads(file.read_text())
