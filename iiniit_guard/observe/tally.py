"""Counts and durations of decisions, for Prometheus, in one process or in several."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from itertools import accumulate
from threading import Lock
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter as PrometheusCounter
from prometheus_client import Histogram
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from iiniit_guard.io.fork import on_fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from prometheus_client import CollectorRegistry, Metric

    _Series: TypeAlias = tuple[Callable[[], None], Callable[[float], None]]

DECISIONS: Final = ("iiniit_guard_decisions", "Decisions about requests.")
SECONDS: Final = ("iiniit_guard_decision_seconds", "How long decisions took.")
BUCKETS: Final = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)
_LABELS: Final = ("decision", "reason", "cache")
_BOUNDS: Final = (*(str(float(bound)) for bound in BUCKETS), "+Inf")


class _Durations:
    """The decisions with one cache outcome."""

    __slots__ = ("accepted", "buckets", "seconds")

    def __init__(self) -> None:
        self.accepted = 0
        self.seconds = 0.0
        self.buckets = [0] * len(_BOUNDS)


class Tally(Collector):
    """Counts the decisions of this process.

    The library has three objects with a lock each for one decision. This class has one lock, so an
    accepted request costs less than half as much.

    Args:
        registry: The registry to join.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lock = Lock()
        self._durations: defaultdict[str, _Durations] = defaultdict(_Durations)
        self._others: Counter[tuple[str, str, str]] = Counter()
        registry.register(self)
        on_fork(self)

    def after_fork(self) -> None:
        """Replace the lock. A thread of the parent process may have held the old one."""
        self._lock = Lock()

    def accept(self, cache: str, seconds: float) -> None:
        """Count one accepted request."""
        with self._lock:
            found = self._durations[cache]
            found.accepted += 1
            found.seconds += seconds
            found.buckets[bisect_left(BUCKETS, seconds)] += 1

    def add(self, decision: str, reason: str, cache: str, seconds: float) -> None:
        """Count one decision."""
        with self._lock:
            self._others[decision, reason, cache] += 1
            found = self._durations[cache]
            found.seconds += seconds
            found.buckets[bisect_left(BUCKETS, seconds)] += 1

    def describe(self) -> Iterator[Metric]:
        """Yield the metrics without values; the registry rejects a second collector of them."""
        yield from _families()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        with self._lock:
            counts = Counter(self._others)
            known = [
                (cache, each.accepted, each.seconds, [*each.buckets])
                for cache, each in self._durations.items()
            ]
        for cache, accepted, _, _ in known:
            counts["allow", "", cache] += accepted
        decisions, seconds = _families()
        for labels, number in counts.items():
            if number:
                decisions.add_metric(labels, number)
        for cache, _, total, buckets in known:
            steps = zip(_BOUNDS, accumulate(buckets), strict=True)
            seconds.add_metric((cache,), [*steps], total)
        yield decisions
        yield seconds


def _families() -> tuple[CounterMetricFamily, HistogramMetricFamily]:
    decisions = CounterMetricFamily(*DECISIONS, labels=_LABELS)
    return decisions, HistogramMetricFamily(*SECONDS, labels=("cache",))


class SharedTally:
    """Counts decisions with objects of the library, whose multiprocess mode adds up processes.

    Args:
        registry: The registry to join.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._decisions = PrometheusCounter(*DECISIONS, _LABELS, registry=registry)
        self._seconds = Histogram(*SECONDS, ("cache",), registry=registry, buckets=BUCKETS)
        # The library looks up the series of each call by its labels, under a lock.
        self._series: dict[tuple[str, str, str], _Series] = {}

    def accept(self, cache: str, seconds: float) -> None:
        """Count one accepted request."""
        self.add("allow", "", cache, seconds)

    def add(self, decision: str, reason: str, cache: str, seconds: float) -> None:
        """Count one decision."""
        labels = decision, reason, cache
        found = self._series.get(labels)
        if found is None:
            series = self._decisions.labels(*labels).inc, self._seconds.labels(cache).observe
            found = self._series[labels] = series
        count, observe = found
        count()
        observe(seconds)
