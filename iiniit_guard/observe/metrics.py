"""Decisions as Prometheus metrics, with the extra `iiniit-guard[prometheus]`.

With several processes, the multiprocess mode of the client library works as usual: set
`PROMETHEUS_MULTIPROC_DIR` before it is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from iiniit_guard.errors import needs_extra

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from iiniit_guard.core.http.event import Event

DECISIONS: Final = ("iiniit_guard_decisions", "Decisions about requests.")
SECONDS: Final = ("iiniit_guard_decision_seconds", "How long decisions took.")
BUCKETS: Final = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)


class DecisionMetrics:
    """Count decisions: `Guard(on_event=DecisionMetrics())`.

    The labels are fixed values of this package (decision, reason, cache). There are at most about
    eighty series, regardless of what clients send.

    Args:
        registry: The registry of the metrics; None means the default registry of the library. One
            object serves any number of guards.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        with needs_extra("prometheus", "iiniit_guard.observe.metrics"):
            from prometheus_client import REGISTRY, Counter, Histogram

        where = REGISTRY if registry is None else registry
        self._decisions = Counter(*DECISIONS, ("decision", "reason", "cache"), registry=where)
        self._seconds = Histogram(*SECONDS, ("cache",), registry=where, buckets=BUCKETS)

    def __call__(self, event: Event) -> None:
        """Count one decision."""
        self._decisions.labels(event.decision, event.reason or "", event.cache).inc()
        self._seconds.labels(event.cache).observe(event.seconds)
