"""The statistics of all workers in the Prometheus text format.

The metrics use the counts of the status page instead of counters of the client library. Workers
already share these counts, and counting an event costs a tenth of what a library counter costs.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from iiniit_guard.adapting.types import Members
from iiniit_guard.observe.tally import DECISIONS, SECONDS
from iiniit_guard.sidecar.status.history import BOUNDS, CACHES


def exposition(snapshot: Members) -> tuple[bytes, str]:
    """Return the metrics in the text format, and its media type.

    Args:
        snapshot: The snapshot that `Sidecar.snapshot` returns.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(snapshot))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Collected(Collector):
    def __init__(self, snapshot: Members) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        total = self._snapshot["total"]
        decisions = CounterMetricFamily(*DECISIONS, labels=("decision", "reason", "cache"))
        for decision, reason, cache, number in total["counts"]:
            decisions.add_metric((decision, reason, cache), number)
        yield decisions
        seconds = HistogramMetricFamily(*SECONDS, labels=("cache",))
        for cache in CACHES:
            seconds.add_metric(
                (cache,), _cumulated(total["latency"][cache]), total["seconds"][cache]
            )
        yield seconds
        yield from self._issuers()
        yield GaugeMetricFamily(
            "iiniit_guard_ready", "Whether tokens can be judged.", float(self._snapshot["ready"])
        )
        store = self._snapshot["store"]
        if store is not None:
            yield GaugeMetricFamily(
                "iiniit_guard_store_healthy",
                "Whether the last call to the shared store succeeded.",
                float(store["failure"] is None),
            )
        good = float(not self._snapshot["settings"]["faults"])
        yield GaugeMetricFamily(
            "iiniit_guard_settings_good", "Whether the last reload found no fault.", good
        )
        loaded = self._snapshot["settings"]["loaded_at"]
        yield GaugeMetricFamily(
            "iiniit_guard_settings_loaded_seconds", "When the settings in use were loaded.", loaded
        )
        yield GaugeMetricFamily(
            "iiniit_guard_workers", "Workers that told their numbers.", self._snapshot["workers"]
        )

    def _issuers(self) -> Iterator[Metric]:
        calls = CounterMetricFamily(
            "iiniit_guard_introspection_calls", "Introspection calls made.", labels=("issuer",)
        )
        healthy = GaugeMetricFamily(
            "iiniit_guard_issuer_healthy", "Whether nothing failed last.", labels=("issuer",)
        )
        age = GaugeMetricFamily(
            "iiniit_guard_keys_age_seconds", "Age of the JWK Set.", labels=("issuer",)
        )
        for issuer in self._snapshot["issuers"]:
            label = (issuer["issuer"],)
            calls.add_metric(label, issuer["calls"])
            healthy.add_metric(label, float(issuer["healthy"]))
            if issuer["keys_age"] is not None:
                age.add_metric(label, issuer["keys_age"])
        yield from (calls, healthy, age)


def _cumulated(numbers: list[int]) -> list[tuple[str, float]]:
    buckets, seen = [], 0
    for bound, number in zip((*map(str, BOUNDS), "+Inf"), numbers, strict=True):
        seen += number
        buckets.append((bound, float(seen)))
    return buckets
