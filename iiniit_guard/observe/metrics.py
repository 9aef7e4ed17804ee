"""Decisions and calls as Prometheus metrics, with the extra `iiniit-guard[prometheus]`.

Use `Guard(..., on_event=DecisionMetrics(), on_call=CallMetrics())`.

With several processes, the multiprocess mode of the client library works as usual: set
`PROMETHEUS_MULTIPROC_DIR` before it is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from iiniit_guard.core.http.event import EventCounter
from iiniit_guard.errors import needs_extra
from iiniit_guard.observe.servers import ServerNames

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from iiniit_guard.core.http.event import Event
    from iiniit_guard.core.model.outgoing_call import CallResult, OutgoingCall

__all__ = ["CallMetrics", "DecisionMetrics"]

CALLS: Final = ("iiniit_guard_call_seconds", "How long calls to authorization servers took.")
FETCHED: Final = (
    "iiniit_guard_keys_fetched_timestamp_seconds",
    "When the keys of a server were fetched last, in seconds since the epoch.",
)
CALL_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class DecisionMetrics(EventCounter):
    """Count decisions: `Guard(on_event=DecisionMetrics())`.

    The labels are fixed values of this package (decision, reason, cache). There are at most about
    eighty series, regardless of what clients send.

    Args:
        registry: The registry of the metrics; None means the default registry of the library. One
            object serves any number of guards.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        with needs_extra("prometheus", "iiniit_guard.observe.metrics"):
            from prometheus_client import REGISTRY
            from prometheus_client.values import ValueClass

        from iiniit_guard.observe.tally import SharedTally, Tally

        is_shared = getattr(ValueClass, "_multiprocess", True)
        self._tally = (SharedTally if is_shared else Tally)(registry or REGISTRY)

    def __call__(self, event: Event) -> None:
        """Count one decision."""
        self._tally.add(event.decision, event.reason or "", event.cache, event.seconds)

    def count_accepted(self, cache: str, seconds: float) -> None:
        """Count one accepted request."""
        self._tally.accept(cache, seconds)


class CallMetrics:
    """Measure the calls to authorization servers: `Guard(on_call=CallMetrics())`.

    The labels are `purpose` (`metadata`, `keys`, `status_list`, `introspection`), `server` (host
    and port, for the first 64 servers, then `other`) and `outcome` (the HTTP status, or the cause
    of the failure). A second metric is the time of the last fetch of the keys of a server. `time()`
    minus this metric is the age of the keys.

    Args:
        registry: As for `DecisionMetrics`.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        with needs_extra("prometheus", "iiniit_guard.observe.metrics"):
            from prometheus_client import REGISTRY, Gauge, Histogram

        where = REGISTRY if registry is None else registry
        self._name_of = ServerNames()
        self._seconds = Histogram(
            *CALLS, ("purpose", "server", "outcome"), registry=where, buckets=CALL_BUCKETS
        )
        self._fetched = Gauge(*FETCHED, ("server",), registry=where, multiprocess_mode="mostrecent")

    def __call__(self, call: OutgoingCall) -> Callable[[CallResult], None]:
        """Return the function that records the result of `call`."""
        server, purpose = self._name_of(call.url), call.purpose

        def record(result: CallResult) -> None:
            outcome = str(result.status or result.cause)
            self._seconds.labels(purpose, server, outcome).observe(result.seconds)
            if purpose == "keys" and result.status == 200:
                self._fetched.labels(server).set_to_current_time()

        return record
