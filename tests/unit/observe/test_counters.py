"""Listeners that count accepted requests without their events."""

from __future__ import annotations

import logging
import os
import signal
from typing import Any
from unittest.mock import MagicMock

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, generate_latest, values

from iiniit_guard import Allow, Event, Request
from iiniit_guard.core.http.event import EventCounter
from iiniit_guard.observe.metrics import DecisionMetrics
from iiniit_guard.observe.otel import DecisionMeter
from iiniit_guard.observe.tally import SharedTally, Tally
from iiniit_guard.testing import Issuer


@pytest.fixture
def issuer():
    return Issuer()


def ask(guard, token):
    return guard.authenticate(
        Request("GET", "/", headers=[(b"authorization", b"Bearer " + token.encode())])
    )


def counted_by_prometheus(issuer, tokens):
    registry = CollectorRegistry()
    with issuer.guard(on_event=DecisionMetrics(registry)) as guard:
        for token in tokens:
            ask(guard, token)
    return {
        (labels["decision"], labels["reason"], labels["cache"]): value
        for metric in registry.collect()
        for name, labels, value, *_ in metric.samples
        if name == "iiniit_guard_decisions_total"
    }


def counted_by_opentelemetry(issuer, tokens):
    reader = InMemoryMetricReader()
    with issuer.guard(on_event=DecisionMeter(MeterProvider([reader]))) as guard:
        for token in tokens:
            ask(guard, token)
    data = reader.get_metrics_data()
    assert data is not None
    points: list[Any] = [
        point
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "iiniit_guard.decisions"
        for point in metric.data.data_points
    ]
    names = ("decision", "reason", "cache")
    return {
        tuple(point.attributes.get(f"iiniit_guard.{name}", "") for name in names): point.value
        for point in points
    }


@pytest.mark.parametrize("counted", [counted_by_prometheus, counted_by_opentelemetry])
def test_hits_misses_and_refusals_are_counted(issuer, counted):
    good, expired = issuer.token(), issuer.token(expires_in=-600)

    assert counted(issuer, [good, good, good, expired]) == {
        ("allow", "", "miss"): 1,
        ("allow", "", "hit"): 2,
        ("deny", "expired", "miss"): 1,
    }


def exposition(tally_of):
    """Return the lines about the same decisions, sorted; without the times of creation."""
    registry = CollectorRegistry()
    tally = tally_of(registry)
    for cache, seconds in (("hit", 2e-6), ("hit", 1e-5), ("miss", 0.0300001), ("miss", 9.0)):
        tally.accept(cache, seconds)
    tally.add("allow", "", "hit", 0.25)
    tally.add("deny", "expired", "miss", 0.0)
    tally.add("deny", "expired", "none", 5.0)
    lines = generate_latest(registry).decode().splitlines()
    return sorted(line for line in lines if "_created" not in line)


def test_one_process_shows_the_lines_of_the_library():
    assert exposition(Tally) == exposition(SharedTally)
    assert len(exposition(Tally)) > 50


def test_two_objects_in_one_registry_are_an_error():
    registry = CollectorRegistry()
    DecisionMetrics(registry)

    with pytest.raises(ValueError, match="Duplicated timeseries"):
        DecisionMetrics(registry)


def test_the_multiprocess_mode_of_the_library_needs_its_objects(monkeypatch):
    assert isinstance(DecisionMetrics(CollectorRegistry())._tally, Tally)
    monkeypatch.setattr(values.ValueClass, "_multiprocess", True)

    assert isinstance(DecisionMetrics(CollectorRegistry())._tally, SharedTally)


def test_a_forked_child_counts_although_a_thread_of_its_parent_held_the_lock():
    tally = Tally(CollectorRegistry())
    with tally._lock:
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            tally.accept("hit", 0.1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        tally.after_fork()  # what the child did, where the coverage is measured
    tally.accept("hit", 0.1)
    assert status == 0


class Counter(EventCounter):
    """Records what it is called with."""

    def __init__(self):
        self.events = []
        self.accepted = []

    def __call__(self, event):
        self.events.append((event.decision, event.cache))

    def count_accepted(self, cache, seconds):
        assert 0 < seconds < 60
        self.accepted.append(cache)


class Louder(Counter):
    """Replaces `__call__` of a counter, and so relies on events."""

    def __call__(self, event):
        self.events.append(event)


def test_an_accepted_request_is_counted_once_and_without_an_event(issuer):
    counter = Counter()
    with issuer.guard(on_event=counter) as guard:
        token = issuer.token()
        assert all(isinstance(ask(guard, token), Allow) for _ in range(2))
        ask(guard, "x")

    # The first decision waited for the keys; the event is made of its `Allow`.
    assert counter.events == [("allow", "miss"), ("deny", "miss")]
    assert counter.accepted == ["hit"]


@pytest.mark.parametrize("listener", [Louder(), MagicMock()], ids=["subclass", "mock"])
def test_any_other_listener_gets_every_event(issuer, listener):
    events = []
    if isinstance(listener, MagicMock):
        listener.side_effect = events.append
    else:
        listener.events = events
    with issuer.guard(on_event=listener) as guard:
        token = issuer.token()
        for _ in range(2):
            ask(guard, token)

    assert [(type(event), event.cache) for event in events] == [(Event, "miss"), (Event, "hit")]


def test_a_broken_counter_does_not_change_a_decision(issuer, caplog):
    class Broken(Counter):
        def count_accepted(self, cache, seconds):
            raise ValueError("canary")

    with issuer.guard(on_event=Broken()) as guard:
        token = issuer.token()
        assert all(isinstance(ask(guard, token), Allow) for _ in range(2))

    assert caplog.messages == ["on_event failed: ValueError"]
    assert "canary" not in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
