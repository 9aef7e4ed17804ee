"""Repeat one action of `version_actions.py`. `versions.py` runs this program in valgrind."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).parent))  # not first: PYTHONPATH names the version to measure
_WARMING_UP: Final = 60


def main(action: str, calls: int) -> None:
    """Do the same work for every number of calls, except the calls."""
    actions: Any = import_module("version_actions")
    # The work to create an RSA key differs between two processes.
    actions._issuer.__defaults__ = ("EdDSA",)
    name = action.removesuffix("-unwrapped")
    if name != action:
        import_module("version_unwrapped").unwrap(name)
    call = actions.ACTIONS[name]()
    for _ in range(_WARMING_UP):
        call()
    gc.collect()
    gc.freeze()
    gc.disable()
    for _ in range(calls):
        call()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
