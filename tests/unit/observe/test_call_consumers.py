"""Calls as Prometheus metrics and as spans; decisions as OpenTelemetry metrics."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import CollectorRegistry

from iiniit_guard import CallResult, Event, OutgoingCall
from iiniit_guard.core.errors import IssuerUnavailable
from iiniit_guard.observe.metrics import CallMetrics, DecisionMetrics
from iiniit_guard.observe.otel import CallTracer, DecisionMeter
from iiniit_guard.observe.servers import MOST_SERVERS
from iiniit_guard.testing import Issuer

KEYS = OutgoingCall("keys", "GET", "https://as.example/keys")


def value(registry, name, **labels):
    return registry.get_sample_value(name, labels)


@pytest.mark.parametrize(
    "result, outcome, fetched",
    [
        (CallResult(0.02, 200, None), "200", True),
        (CallResult(0.02, 500, None), "500", False),
        (CallResult(0.02, None, "timeout"), "timeout", False),
    ],
)
def test_a_call_is_measured_by_purpose_server_and_outcome(result, outcome, fetched):
    registry = CollectorRegistry()
    CallMetrics(registry)(KEYS)(result)

    labels = {"purpose": "keys", "server": "as.example:443", "outcome": outcome}
    assert value(registry, "iiniit_guard_call_seconds_count", **labels) == 1
    assert value(registry, "iiniit_guard_call_seconds_sum", **labels) == 0.02
    at = value(registry, "iiniit_guard_keys_fetched_timestamp_seconds", server="as.example:443")
    assert (at is not None) == fetched


def test_only_keys_have_an_age():
    registry = CollectorRegistry()
    call = OutgoingCall("metadata", "GET", "https://as.example/keys")
    CallMetrics(registry)(call)(CallResult(0.02, 200, None))

    name = "iiniit_guard_keys_fetched_timestamp_seconds"
    assert value(registry, name, server="as.example:443") is None


@pytest.mark.parametrize(
    "url, server",
    [
        ("https://as.example", "as.example:443"),
        ("http://as.example/x", "as.example:80"),
        ("https://as.example:8443/x?y", "as.example:8443"),
        ("https://[::1]:9000/", "[::1]:9000"),
        ("https://as.example:99999/", "as.example:0"),
        ("nonsense", ":0"),
    ],
)
def test_a_server_is_named_by_host_and_port(url, server):
    registry = CollectorRegistry()
    CallMetrics(registry)(OutgoingCall("keys", "GET", url))(CallResult(0.0, 200, None))

    labels = {"purpose": "keys", "server": server, "outcome": "200"}
    assert value(registry, "iiniit_guard_call_seconds_count", **labels) == 1


def test_the_number_of_servers_is_bounded():
    registry = CollectorRegistry()
    metrics = CallMetrics(registry)
    for number in range(3 * MOST_SERVERS):
        metrics(OutgoingCall("keys", "GET", f"https://{number}.example"))(
            CallResult(0.0, 200, None)
        )
    (family,) = [each for each in registry.collect() if each.name == "iiniit_guard_call_seconds"]

    assert len({sample.labels["server"] for sample in family.samples}) == MOST_SERVERS + 1
    labels = {"purpose": "keys", "server": "other", "outcome": "200"}
    assert value(registry, "iiniit_guard_call_seconds_count", **labels) == 2 * MOST_SERVERS


def test_the_same_decision_is_counted_in_the_same_series():
    registry = CollectorRegistry()
    metrics = DecisionMetrics(registry)
    for _ in range(3):
        metrics(Event(0.0, "wsgi", "GET", "deny", 401, "expired", "miss", 0.5))

    labels = {"decision": "deny", "reason": "expired", "cache": "miss"}
    assert value(registry, "iiniit_guard_decisions_total", **labels) == 3
    assert value(registry, "iiniit_guard_decision_seconds_sum", cache="miss") == 1.5


def test_two_lines_measure_a_guard():
    registry, issuer = CollectorRegistry(), Issuer()
    with issuer.guard(on_event=DecisionMetrics(registry), on_call=CallMetrics(registry)) as guard:
        guard.verify(issuer.token())

    purposes = {
        sample.labels["purpose"]
        for family in registry.collect()
        for sample in family.samples
        if family.name == "iiniit_guard_call_seconds"
    }
    assert purposes == {"metadata", "keys"}


PREFORK = """
import os
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from iiniit_guard import CallResult, Event, OutgoingCall
from iiniit_guard.observe.metrics import CallMetrics, DecisionMetrics

decisions, calls = DecisionMetrics(), CallMetrics()
for _ in range(2):
    if (child := os.fork()) == 0:
        decisions(Event(0.0, "wsgi", "GET", "allow", None, None, "hit", 0.001))
        calls(OutgoingCall("keys", "GET", "https://as.example"))(CallResult(0.1, 200, None))
        os._exit(0)
    os.waitpid(child, 0)
registry = CollectorRegistry()
MultiProcessCollector(registry)
print(generate_latest(registry).decode())
"""


def test_the_counts_of_forked_workers_are_added(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PREFORK],
        env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    lines = done.stdout.splitlines()
    assert 'iiniit_guard_decisions_total{cache="hit",decision="allow",reason=""} 2.0' in lines
    assert (
        'iiniit_guard_call_seconds_count{outcome="200",purpose="keys",server="as.example:443"} 2.0'
        in lines
    )
    assert [
        line
        for line in lines
        if line.startswith('iiniit_guard_keys_fetched_timestamp_seconds{server="as.example:443"}')
    ]


@pytest.fixture
def spans():
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider, exporter
    provider.shutdown()


def test_calls_are_client_spans_in_the_trace_of_the_request(spans):
    provider, exporter = spans
    issuer, sent = Issuer(), []

    def remembering(call):
        end = CallTracer(provider)(call)
        sent.append(dict(call.headers))
        return end

    with (
        issuer.guard(on_call=remembering) as guard,
        provider.get_tracer("app").start_as_current_span("GET /profile") as request,
    ):
        guard.verify(issuer.opaque_token())

    *calls, root = exporter.get_finished_spans()
    assert root.name == "GET /profile"
    assert [call.attributes["iiniit_guard.purpose"] for call in calls] == [
        "metadata",
        "introspection",
    ]
    for call, headers in zip(calls, sent, strict=True):
        assert call.kind is SpanKind.CLIENT
        assert call.parent.span_id == request.get_span_context().span_id
        assert call.attributes["server.port"] == 443
        assert call.attributes["http.response.status_code"] == 200
        trace, span = call.context.trace_id, call.context.span_id
        assert headers["traceparent"].startswith(f"00-{trace:032x}-{span:016x}-")
        assert call.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    "result, error",
    [
        (CallResult(0.1, 503, None), "503"),
        (CallResult(0.1, None, "timeout"), "timeout"),
        (CallResult(0.1, None, "cancelled"), "cancelled"),
    ],
)
def test_the_span_of_a_failed_call_names_the_error(spans, result, error):
    provider, exporter = spans
    CallTracer(provider)(KEYS)(result)

    (span,) = exporter.get_finished_spans()
    assert span.attributes["error.type"] == error
    assert span.attributes.get("http.response.status_code") == result.status
    assert span.status.status_code is StatusCode.ERROR


def test_the_global_provider_is_the_default():
    CallTracer()(KEYS)(CallResult(0.1, 200, None))
    DecisionMeter()(Event(0.0, "wsgi", "GET", "allow", None, None, "hit", 0.1))


def test_decisions_are_counted_and_timed():
    reader = InMemoryMetricReader()
    meter = DecisionMeter(MeterProvider([reader]))
    meter(Event(0.0, "wsgi", "GET", "allow", None, None, "hit", 0.25))
    meter(Event(0.0, "wsgi", "GET", "deny", 401, "expired", "none", 0.5))

    data = reader.get_metrics_data()
    assert data is not None
    (resource,) = data.resource_metrics
    found: dict[str, list[tuple[dict, Any]]] = {
        metric.name: [(dict(point.attributes or {}), point) for point in metric.data.data_points]
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert [(labels, point.value) for labels, point in found["iiniit_guard.decisions"]] == [
        ({"iiniit_guard.decision": "allow", "iiniit_guard.cache": "hit"}, 1),
        (
            {
                "iiniit_guard.decision": "deny",
                "iiniit_guard.cache": "none",
                "iiniit_guard.reason": "expired",
            },
            1,
        ),
    ]
    assert [(labels, point.sum) for labels, point in found["iiniit_guard.decision.duration"]] == [
        ({"iiniit_guard.cache": "hit"}, 0.25),
        ({"iiniit_guard.cache": "none"}, 0.5),
    ]


def test_an_outage_is_an_error_span(spans):
    provider, exporter = spans
    issuer = Issuer()
    issuer.fail("connection")
    with issuer.guard(on_call=CallTracer(provider)) as guard, pytest.raises(IssuerUnavailable):
        guard.verify(issuer.token())

    assert {span.attributes["error.type"] for span in exporter.get_finished_spans()} == {
        "connection"
    }
