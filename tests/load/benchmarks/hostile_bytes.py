"""CPU time per byte of hostile input, compared with the standard library's parser for the same
bytes.

`python -m tests.load.benchmarks.hostile_bytes` prints every text; `make bench` reports the worst
one of each input.
"""

from __future__ import annotations

import contextlib
import gc
import statistics
import time
from collections.abc import Callable
from typing import Final

from tests.contract.cases.hostile_calls import SIZES, Call, World
from tests.load.benchmarks.measure import Row, Spread, spread_of

LIMIT: Final = 4.0
BOUNDS: Final = {
    "header": 100.0,
    "token": 150.0,
    "query": 40.0,
    "path": 300.0,
    "JWKS": 400.0,
    "metadata": 400.0,
    "introspection answer": 400.0,
    "/introspect body": 150.0,
}
"""Nanoseconds of CPU time for each byte, at most; beside signature checks and on the machine that
docs/explanation/performance.md names.
"""

_WARM: Final = 2
# for each byte, because a parser does almost nothing for some texts, such as a single value
_LEAST_NANOSECONDS: Final = 2.0


def measure(rounds: int) -> list[Row]:
    """Measure the worst text of each input."""
    world = World()
    rows = []
    for part, size in SIZES.items():
        name, ratios, seconds = max(
            ((call.name, *_compare(call, max(3, rounds // 8))) for call in world.calls(part, size)),
            key=lambda measured: statistics.median(measured[1]),
        )
        nanoseconds = seconds / size * 1e9
        ours = spread_of(ratios, seconds)
        note = "the standard library's parser on the same bytes"
        rows.append(Row(16, f"{part}, {size:,} bytes; worst: `{name}`", LIMIT, ours, note=note))
        per_byte = Spread(nanoseconds, nanoseconds, nanoseconds)
        rows.append(
            Row(16, f"{part}, for each byte of that text", BOUNDS[part], per_byte, unit="ns")
        )
    return rows


def _compare(call: Call, rounds: int) -> tuple[list[float], float]:
    for _ in range(_WARM):
        _time(call.ours)
        _time(call.theirs)
    gc.collect()
    gc.freeze()  # as in `measure.compare`
    least = call.size * _LEAST_NANOSECONDS / 1e9
    pairs = [(_time(call.ours), max(least, _time(call.theirs))) for _ in range(rounds)]
    return [own / base for own, base in pairs], statistics.median(own for own, _ in pairs)


def _time(function: Callable[[], object]) -> float:
    started = time.process_time_ns()
    with contextlib.suppress(ValueError, RecursionError):
        function()
    return max(1, time.process_time_ns() - started) / 1e9


def main() -> None:
    """Print every text of every input."""
    world = World()
    for part, size in SIZES.items():
        for call in world.calls(part, size):
            ratios, seconds = _compare(call, 5)
            print(
                f"{part:22} {call.name:34} {seconds * 1e3:9.3f} ms {seconds / size * 1e9:8.1f} "
                f"ns/byte {statistics.median(ratios):8.2f}x"
            )


if __name__ == "__main__":
    main()
