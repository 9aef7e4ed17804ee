"""Goal 15: what Prometheus metrics add to a request through Starlette with a cached token."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.observe.metrics import CallMetrics, DecisionMetrics
from iiniit_guard.starlette import require_scope
from tests.load.benchmarks.measure import BASELINE, Row, compare
from tests.load.benchmarks.starlette_host import application, me, request
from tests.load.benchmarks.tokens import WANTED, make_guard, make_issuer, token_of


def measure(rounds: int) -> list[Row]:
    """Compare the guarded application with metrics to the same one without."""
    issuer = make_issuer()
    token = token_of(issuer)
    endpoint = require_scope(WANTED)(me)

    def guarded(**settings: Any) -> Any:
        guard = make_guard(issuer, **settings)
        guard.verify(token)
        return request(GuardMiddleware(application(endpoint), guard), token)

    registry = CollectorRegistry()
    measured = compare(
        guarded(),
        {
            "ours": guarded(on_event=DecisionMetrics(registry), on_call=CallMetrics(registry)),
            "with a listener": guarded(on_event=lambda event: None),
        },
        rounds=2 * rounds,  # the difference is small
    )
    without = (measured[BASELINE].seconds or 0) * 1e6
    return [
        Row(
            goal=15,
            name="Starlette, token cached, with Prometheus metrics",
            limit=1.15,
            ours=measured["ours"],
            beside={"with a listener": measured["with a listener"]},
            note=f"without metrics, {without:.1f} µs",
        )
    ]
