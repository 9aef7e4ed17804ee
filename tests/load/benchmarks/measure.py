"""Ratios to a baseline of the same run, which are reliable on a shared, noisy machine."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import repeat
from types import MappingProxyType
from typing import Any, Final

# one turn of one contestant: long compared with the clock's resolution, short compared with load
# changes
_SLICE_SECONDS: Final = 0.004
BASELINE: Final = "the baseline"
BARE: Final = "the bare request"
OVER_BARE: Final = "÷ the bare request"
BESIDE: Final = ("with a listener", BARE, OVER_BARE)
"""What the rows of the frameworks show for information."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A median and the quartiles around it.

    Attributes:
        median: Of the paired ratios, or of plain values.
        low: First quartile.
        high: Third quartile.
        seconds: Of the contestant itself, the median; None where no time was taken.
    """

    median: float
    low: float
    high: float
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """The longest single calls of one kind, in milliseconds.

    Attributes:
        name: Of the kind.
        longest: CPU time of the longest.
        usual: The limit that 9,999 of 10,000 stay below.
        longest_wall: By the wall clock, which includes the time of other programs.
        usual_wall: The same by the wall clock.
        held: Whether the goal applies to it; otherwise it is only shown.
    """

    name: str
    longest: float
    usual: float
    longest_wall: float
    usual_wall: float
    held: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One measured line of the table.

    Attributes:
        goal: Its number in docs/explanation/performance.md.
        name: What of the goal was measured.
        limit: The goal.
        ours: Measured.
        at_least: The goal is a lower bound.
        unit: A multiplication sign for a ratio.
        peers: Others, in the same unit; a text says why there is no number.
        beside: Other ratios and circumstances, shown but held to no goal.
        note: What the numbers are ratios to.
        parts: Of what ours is the worst; the page shows them in a table of their own.
    """

    goal: int
    name: str
    limit: float
    ours: Spread
    at_least: bool = False
    unit: str = "×"
    peers: Mapping[str, Spread | str] = field(default_factory=dict)
    beside: Mapping[str, Spread] = field(default_factory=dict)
    note: str = ""
    parts: Sequence[Part] = ()

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.ours.median >= self.limit if self.at_least else self.ours.median <= self.limit

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return asdict(self)

    @staticmethod
    def from_json(members: dict[str, Any]) -> Row:
        """Read what another process measured."""

        def spread(value: Any) -> Any:
            return Spread(**value) if isinstance(value, dict) else value

        named = {
            name: {key: spread(value) for key, value in members[name].items()}
            for name in ("peers", "beside")
        }
        parts = [Part(**part) for part in members["parts"]]
        return Row(
            **{
                **members,
                **named,
                "ours": spread(members["ours"]),
                "parts": parts,
            }
        )


def spread_of(values: list[float], seconds: float | None = None) -> Spread:
    """Return the median and the quartiles."""
    if len(values) < 3:
        return Spread(statistics.median(values), min(values), max(values), seconds)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(middle, low, high, seconds)


def compare(
    baseline: Callable[[], object],
    contestants: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    slice_seconds: float = _SLICE_SECONDS,
    calls: int | None = None,
    quotients: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> dict[str, Spread]:
    """Time every contestant right behind the baseline, A B A C A B A C …, and return the paired
    ratios.

    The result is the CPU time of this process, so other programs do not count, and the caches
    affect both of a pair alike.

    Args:
        baseline: One call of it is 1.
        contestants: By name.
        rounds: Pairs per contestant.
        slice_seconds: How long one turn lasts.
        calls: How many calls one turn makes of each; None means that `slice_seconds` decides.
        quotients: Further results by name: two contestants of the same round, the first divided
            by the second.

    Returns:
        The ratios by contestant and quotient; under `BASELINE`, the time of the baseline.
    """
    gc.collect()
    # otherwise a garbage collection of all imported objects, which takes the time of many turns,
    # affects the same contestant in every round
    gc.freeze()
    everyone = {BASELINE: baseline, **contestants}
    counts = {
        name: calls or _count_for(function, slice_seconds) for name, function in everyone.items()
    }
    ratios: dict[str, list[float]] = {name: [] for name in contestants}
    times: dict[str, list[float]] = {name: [] for name in everyone}
    for _ in range(rounds):
        for name, function in contestants.items():
            base = _time(baseline, counts[BASELINE])
            own = _time(function, counts[name])
            ratios[name].append(own / base)
            times[name].append(own)
            times[BASELINE].append(base)
    measured = {
        name: spread_of(values, statistics.median(times[name])) for name, values in ratios.items()
    }
    for name, (dividend, divisor) in quotients.items():
        pairs = zip(ratios[dividend], ratios[divisor], strict=True)
        measured[name] = spread_of([above / below for above, below in pairs])
    return {**measured, BASELINE: Spread(1, 1, 1, statistics.median(times[BASELINE]))}


def floor_note(measured: Mapping[str, Spread]) -> str:
    """Name the floor, with its time in this run, as the baseline of a row."""
    return f"the floor, {(measured[BASELINE].seconds or 0) * 1e6:.1f} µs"


def _time(function: Callable[[], object], count: int) -> float:
    turns = repeat(None, count)
    started = time.process_time()
    for _ in turns:
        function()
    return (time.process_time() - started) / count


def _count_for(function: Callable[[], object], seconds: float) -> int:
    function()
    count = 1
    while True:
        taken = _time(function, count) * count
        if taken >= seconds / 4:
            return max(1, round(count * seconds / taken))
        count *= 2


def step(coroutine: Coroutine[Any, Any, object]) -> object:
    """Run a coroutine that waits for nothing, without an event loop's own cost around it.

    Raises:
        RuntimeError: It waits.
    """
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value
    coroutine.close()
    raise RuntimeError("this coroutine waits for something")
