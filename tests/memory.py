"""The memory that objects take."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Final

_RESULTS: Final = 4


def bytes_of(make: Callable[[], object]) -> float:
    """Return the average size, in bytes, of four results of `make`."""
    make()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    held = [make() for _ in range(_RESULTS)]
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return taken / len(held)
