"""Count decisions for each minute of the last hour, and since the start of the process.

The module stores only numbers and no part of any token. A snapshot can be serialized as JSON.
Snapshots of several workers can be merged, so quantiles are computed last, from the merged counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Final, TypeAlias

from iiniit_guard.adapting.types import JsonObject, Members

if TYPE_CHECKING:
    from iiniit_guard.core.http.event import Event

BOUNDS: Final = (
    *(1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3),
    *(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
)
"""Upper bounds of the latency buckets in seconds. One more bucket counts longer requests."""

MINUTES: Final = 60
CACHES: Final = ("hit", "miss", "none")

Snapshot: TypeAlias = JsonObject
"""`{"started": s, "now": s, "minutes": [minute, …], "total": minute}`, oldest minute first.

The members of a minute are:

- `minute`: minutes since the epoch (0 in `total`);
- `counts`: list of [decision, reason, cache, number]. The decision is `allow`, `deny` or
  `unavailable`. The reason is "" for `allow`;
- `latency`: cache result → number of requests in each bucket of `BOUNDS`;
- `seconds`: cache result → sum of the latencies;
- `calls`: number of introspection calls;
- `local_hits`: number of hits on tokens that need no introspection.
"""


_HIT: Final = ("allow", None, "hit")


def _no_latency() -> dict[str, list[int]]:
    return {cache: [0] * (len(BOUNDS) + 1) for cache in CACHES}


@dataclass(slots=True)
class _Span:
    """The counts of one minute, or of several minutes together."""

    minute: int = 0
    counts: dict[tuple[str, str | None, str], int] = field(default_factory=dict)
    latency: dict[str, list[int]] = field(default_factory=_no_latency)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(CACHES, 0.0))
    calls: int = 0
    local_hits: int = 0

    def add(self, other: _Span) -> None:
        self.calls += other.calls
        self.local_hits += other.local_hits
        for key, number in other.counts.items():
            self.counts[key] = self.counts.get(key, 0) + number
        for cache in CACHES:
            self.seconds[cache] += other.seconds[cache]
            self.latency[cache] = [
                mine + its
                for mine, its in zip(self.latency[cache], other.latency[cache], strict=True)
            ]

    def written(self) -> JsonObject:
        return {
            "minute": self.minute,
            "counts": sorted(
                [decision, reason or "", cache, number]
                for (decision, reason, cache), number in self.counts.items()
            ),
            "latency": {cache: list(numbers) for cache, numbers in self.latency.items()},
            "seconds": dict(self.seconds),
            "calls": self.calls,
            "local_hits": self.local_hits,
        }


class History:
    """Counts the decisions of one process. It is not thread-safe: use it on one event loop.

    Args:
        wall: Returns the current time in seconds since the epoch.
    """

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._made = 0
        self._started = wall()
        self._minutes: deque[_Span] = deque(maxlen=MINUTES)
        self._closed = _Span()  # the sum of all completed minutes
        self._begin(self._started)

    def hit(self, now: float, seconds: float, *, local: bool = False) -> None:
        """Count a request that was allowed by a cached token.

        The guard creates no event for it, because an event costs as much as the decision.

        Args:
            now: Seconds since the epoch.
            seconds: How long the decision took.
            local: The token needs no introspection, so the hit saves no call.
        """
        if now >= self._ends:
            self._turn(now)
        self._counts[_HIT] = self._counts.get(_HIT, 0) + 1
        self._seconds["hit"] += seconds
        self._hits[bisect_left(BOUNDS, seconds)] += 1
        if local:
            self._span.local_hits += 1

    def record(self, event: Event) -> None:
        """Count the decision of an event. The method can be passed as `Guard(on_event=...)`."""
        if event.time >= self._ends:
            self._turn(event.time)
        counts, cache, key = self._counts, event.cache, (event.decision, event.reason, event.cache)
        counts[key] = counts.get(key, 0) + 1
        self._seconds[cache] += event.seconds
        self._latency[cache][bisect_left(BOUNDS, event.seconds)] += 1

    def count_local_hit(self) -> None:
        """Count that the hit of the last event saved no call."""
        self._span.local_hits += 1

    def count_calls(self, made: int) -> None:
        """Update the number of introspection calls.

        Args:
            made: Number of calls since the guard was created. A reload may restart it at 0.
        """
        self.tick()
        self._span.calls += made - self._made if made >= self._made else made
        self._made = made

    def tick(self) -> None:
        """Close the current minute if it is over, even if no request arrived."""
        now = self._wall()
        if now >= self._ends:
            self._turn(now)

    def snapshot(self) -> Snapshot:
        """Return all counts in a form that can be serialized as JSON."""
        self.tick()
        total = _Span()
        total.add(self._closed)
        total.add(self._span)
        first = self._span.minute - MINUTES
        spans = [span for span in (*self._minutes, self._span) if span.minute > first]
        return {
            "started": self._started,
            "now": self._wall(),
            "minutes": [span.written() for span in spans],
            "total": total.written(),
        }

    def _turn(self, now: float) -> None:
        self._minutes.append(self._span)
        self._closed.add(self._span)
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._span = _Span(int(now // 60))
        self._counts, self._latency, self._seconds = (
            self._span.counts,
            self._span.latency,
            self._span.seconds,
        )
        self._hits = self._latency["hit"]
        self._ends = (self._span.minute + 1) * 60.0


def merge(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Return the sum of the snapshots of several workers. At least one snapshot is required."""
    them = list(snapshots)
    minutes: dict[int, list[Members]] = {}
    for minute in chain.from_iterable(each["minutes"] for each in them):
        minutes.setdefault(minute["minute"], []).append(minute)
    latest = max(minutes, default=0)
    return {
        "started": min(each["started"] for each in them),
        "now": max(each["now"] for each in them),
        "minutes": [
            _sum(minutes[minute]) for minute in sorted(minutes) if minute > latest - MINUTES
        ],
        "total": _sum([each["total"] for each in them]),
    }


def quantile(share: float, latency: Iterable[int]) -> float | None:
    """Return the upper bound of the bucket that contains the quantile, in seconds.

    Args:
        share: The quantile, from 0 to 1. 0.5 is the median.
        latency: Number of requests in each bucket of `BOUNDS`. Requests that took longer than the
            last bound count as that bound.

    Returns:
        None if no request was counted.
    """
    numbers = list(latency)
    wanted, seen = share * sum(numbers), 0
    for bound, number in zip((*BOUNDS, BOUNDS[-1]), numbers, strict=True):
        seen += number
        if number and seen >= wanted:
            return bound
    return None


def summary(minute: Members) -> JsonObject:
    """Return the statistics of one minute of a snapshot, or of its total.

    Returns:
        `minute`; `requests`; `decisions`: decision → number; `refusals`: reason → number; `hits`
        and `misses` of the token cache; `hit_ratio` (None without hits and misses); `calls`, the
        introspection calls; `calls_saved`, the hits that needed no call; `p50`, `p95`, `p99` in
        seconds or None.
    """
    decisions: dict[str, int] = {}
    refusals: dict[str, int] = {}
    caches = dict.fromkeys(CACHES, 0)
    for decision, reason, cache, number in minute["counts"]:
        decisions[decision] = decisions.get(decision, 0) + number
        caches[cache] += number
        if reason:
            refusals[reason] = refusals.get(reason, 0) + number
    latency = [sum(numbers) for numbers in zip(*minute["latency"].values(), strict=True)]
    looked = caches["hit"] + caches["miss"]
    return {
        "minute": minute["minute"],
        "requests": sum(decisions.values()),
        "decisions": decisions,
        "refusals": refusals,
        "hits": caches["hit"],
        "misses": caches["miss"],
        "hit_ratio": caches["hit"] / looked if looked else None,
        "calls": minute["calls"],
        "calls_saved": max(0, caches["hit"] - minute.get("local_hits", 0)),
        **{
            name: quantile(share, latency)
            for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        },
    }


def _sum(minutes: list[Members]) -> JsonObject:
    counts: dict[tuple[str, str, str], int] = {}
    for decision, reason, cache, number in chain.from_iterable(
        minute["counts"] for minute in minutes
    ):
        counts[decision, reason, cache] = counts.get((decision, reason, cache), 0) + number
    return {
        "minute": minutes[0]["minute"],
        "counts": [[*key, number] for key, number in sorted(counts.items())],
        "latency": {
            cache: [
                sum(row)
                for row in zip(*(minute["latency"][cache] for minute in minutes), strict=True)
            ]
            for cache in CACHES
        },
        "seconds": {cache: sum(minute["seconds"][cache] for minute in minutes) for cache in CACHES},
        "calls": sum(minute["calls"] for minute in minutes),
        "local_hits": sum(minute.get("local_hits", 0) for minute in minutes),
    }
