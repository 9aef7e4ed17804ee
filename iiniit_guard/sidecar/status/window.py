"""The last hour for the status page: sixty minutes with gaps, and their total."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from iiniit_guard.adapting.types import Members
from iiniit_guard.sidecar.status.history import BOUNDS, MINUTES, summary

_NO_LATENCY: Final = {"none": [0] * (len(BOUNDS) + 1)}


@dataclass(frozen=True, slots=True)
class Hour:
    """The statistics of one hour.

    Attributes:
        first: The oldest minute, in minutes since the epoch.
        minutes: The result of `summary` for each minute, oldest first. None if the process has no
            counts for the minute.
        total: The result of `summary` for all minutes together.
    """

    first: int
    minutes: tuple[Members | None, ...]
    total: Members

    def of(self, number: int, decision: str) -> int:
        """Return the number of requests with this decision in one minute (0 is the oldest)."""
        minute = self.minutes[number]
        found: int = 0 if minute is None else minute["decisions"].get(decision, 0)
        return found


def last_hour(snapshot: Members) -> Hour:
    """Return the last hour of a snapshot.

    Args:
        snapshot: The snapshot that `Sidecar.snapshot` returns.
    """
    written = {minute["minute"]: minute for minute in snapshot["minutes"]}
    # If the clock was set back, the snapshot contains minutes later than `now`.
    latest = max((int(snapshot["now"] // 60), *written))
    first = latest - MINUTES + 1
    places = [written.get(first + number) for number in range(MINUTES)]
    there = [minute for minute in places if minute is not None]
    latency = [minute["latency"] for minute in there] or [_NO_LATENCY]
    total = {
        "minute": 0,
        "counts": [row for minute in there for row in minute["counts"]],
        "latency": {
            "all": [
                sum(row)
                for row in zip(
                    *(numbers for each in latency for numbers in each.values()), strict=True
                )
            ]
        },
        "calls": sum(minute["calls"] for minute in there),
        "local_hits": sum(minute.get("local_hits", 0) for minute in there),
    }
    return Hour(
        first,
        tuple(None if minute is None else summary(minute) for minute in places),
        summary(total),
    )
