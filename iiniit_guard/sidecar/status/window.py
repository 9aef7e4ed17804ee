"""The last hour as the status page shows it: sixty minutes, with gaps where nothing was counted, and what they come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from iiniit_guard.sidecar.status.history import BOUNDS, MINUTES, summary

_NO_LATENCY: Final = {"none": [0] * (len(BOUNDS) + 1)}


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of numbers.

    Attributes:
        first: The oldest minute, in minutes since the epoch.
        minutes: What `summary` says of each, oldest first; None where the process has no numbers.
        total: What `summary` says of all of them together.
    """

    first: int
    minutes: tuple[Mapping[str, Any] | None, ...]
    total: Mapping[str, Any]

    def of(self, number: int, decision: str) -> int:
        """Give how many requests of one minute (0 is the oldest) ended in this decision."""
        minute = self.minutes[number]
        found: int = 0 if minute is None else minute["decisions"].get(decision, 0)
        return found


def last_hour(snapshot: Mapping[str, Any]) -> Hour:
    """Put the minutes of a snapshot into their places.

    Args:
        snapshot: What `Sidecar.snapshot` gives.
    """
    written = {minute["minute"]: minute for minute in snapshot["minutes"]}
    latest = max((int(snapshot["now"] // 60), *written))  # a clock that was set back leaves minutes ahead of it
    first = latest - MINUTES + 1
    places = [written.get(first + number) for number in range(MINUTES)]
    there = [minute for minute in places if minute is not None]
    latency = [minute["latency"] for minute in there] or [_NO_LATENCY]
    total = {
        "minute": 0,
        "counts": [row for minute in there for row in minute["counts"]],
        "latency": {"all": [sum(row) for row in zip(*(numbers for each in latency for numbers in each.values()), strict=True)]},
        "calls": sum(minute["calls"] for minute in there),
    }
    return Hour(first, tuple(None if minute is None else summary(minute) for minute in places), summary(total))
