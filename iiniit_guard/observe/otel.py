"""Decisions as OpenTelemetry metrics, calls as spans, with the extra `iiniit-guard[otel]`.

Use `Guard(..., on_event=DecisionMeter(), on_call=CallTracer())`.

Names follow the semantic conventions for HTTP clients of OpenTelemetry where there is one. Names
of this package begin with `iiniit_guard.`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iiniit_guard.core.http.event import EventCounter
from iiniit_guard.errors import needs_extra
from iiniit_guard.observe.servers import host_and_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from iiniit_guard.core.http.event import Event
    from iiniit_guard.core.model.outgoing_call import CallResult, OutgoingCall

__all__ = ["CallTracer", "DecisionMeter"]

_SCOPE = "iiniit_guard"


class DecisionMeter(EventCounter):
    """Count and time decisions: `Guard(on_event=DecisionMeter())`.

    The metrics are `iiniit_guard.decisions` and `iiniit_guard.decision.duration` in seconds. The
    attributes are fixed values of this package: `iiniit_guard.decision`, `iiniit_guard.reason` and
    `iiniit_guard.cache`.

    Args:
        provider: The source of meters; None means the global provider of OpenTelemetry.
    """

    def __init__(self, provider: MeterProvider | None = None) -> None:
        with needs_extra("otel", "iiniit_guard.observe.otel"):
            from opentelemetry.metrics import get_meter_provider

        meter = (provider or get_meter_provider()).get_meter(_SCOPE)
        self._decisions = meter.create_counter(
            "iiniit_guard.decisions", "{decision}", "Decisions about requests."
        )
        self._seconds = meter.create_histogram(
            "iiniit_guard.decision.duration", "s", "How long decisions took."
        )

    def __call__(self, event: Event) -> None:
        """Count one decision."""
        found = {f"{_SCOPE}.decision": event.decision, f"{_SCOPE}.cache": event.cache}
        self._seconds.record(event.seconds, {f"{_SCOPE}.cache": event.cache})
        if event.reason is not None:
            found[f"{_SCOPE}.reason"] = event.reason
        self._decisions.add(1, found)

    def count_accepted(self, cache: str, seconds: float) -> None:
        """Count one accepted request."""
        found = {f"{_SCOPE}.cache": cache}
        self._seconds.record(seconds, found)
        self._decisions.add(1, {f"{_SCOPE}.decision": "allow", **found})


class CallTracer:
    """Trace the calls to authorization servers: `Guard(on_call=CallTracer())`.

    Each call is a client span, a child of the current span of the request. The call carries the
    trace context in the form of the configured propagator, by default `traceparent` (W3C Trace
    Context). A shared call, for example for keys, belongs to the trace of the request that caused
    it.

    Args:
        provider: The source of tracers; None means the global provider of OpenTelemetry.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        with needs_extra("otel", "iiniit_guard.observe.otel"):
            from opentelemetry.trace import get_tracer_provider

        self._tracer = (provider or get_tracer_provider()).get_tracer(_SCOPE)

    def __call__(self, call: OutgoingCall) -> Callable[[CallResult], None]:
        """Start the span of `call`; return the function that ends it."""
        from opentelemetry.propagate import inject
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        host, port = host_and_port(call.url)
        span = self._tracer.start_span(
            call.method,
            kind=SpanKind.CLIENT,
            attributes={
                "http.request.method": call.method,
                "server.address": host,
                "server.port": port,
                "url.full": call.url,
                "iiniit_guard.purpose": call.purpose,
            },
        )
        inject(call.headers, set_span_in_context(span))

        def end(result: CallResult) -> None:
            if result.status is not None:
                span.set_attribute("http.response.status_code", result.status)
            failed = result.cause or (str(result.status) if (result.status or 0) >= 400 else None)
            if failed is not None:
                span.set_attribute("error.type", failed)
                span.set_status(Status(StatusCode.ERROR))
            span.end()

        return end
