"""The dashboard and the alert rules in examples/observe use metrics that the guard has."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from iiniit_guard import CallResult, Event, OutgoingCall
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.observe.metrics import CallMetrics, DecisionMetrics
from tests.quality.dashboard import PICTURE, draw

pytestmark = pytest.mark.checkout

EXAMPLES = Path(__file__).parents[2] / "examples/observe"
DASHBOARD = json.loads((EXAMPLES / "dashboard.json").read_text(encoding="utf-8"))
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
RULES = (EXAMPLES / "alerts.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def series():
    """Return metric name → label names, as Prometheus would scrape them."""
    registry = CollectorRegistry()
    DecisionMetrics(registry)(Event(0.0, "wsgi", "GET", "allow", None, None, "hit", 0.1))
    call = OutgoingCall("keys", "GET", "https://as.example")
    CallMetrics(registry)(call)(CallResult(0.1, 200, None))
    found: dict[str, set[str]] = {}
    for family in registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, {"job"}).update(sample.labels)
    return found


@pytest.mark.parametrize("query", [*QUERIES, RULES], ids=[*map(str, range(len(QUERIES))), "rules"])
def test_each_metric_and_label_exists(series, query):
    used = re.findall(r"(iiniit_guard_[a-z_]+)(?:\{([^}]*)\})?", query)

    assert used
    for name, selector in used:
        assert name in series
        assert set(re.findall(r"(\w+)(?:=|!)", selector)) <= series[name]
    for labels in re.findall(r"by \(([^)]*)\)", query):
        assert set(re.split(r",\s*", labels)) <= set().union(*(series[name] for name, _ in used))


def test_each_reason_that_a_rule_names_exists():
    reasons = set(re.findall(r'reason!?="(\w+)"', RULES + "".join(QUERIES)))

    assert reasons
    assert reasons <= {reason.value for reason in Reason}


def test_the_panels_fill_the_grid_without_overlap():
    taken = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(taken) == len(set(taken)) == 24 * (max(y for _, y in taken) + 1)
    assert max(x for x, _ in taken) < 24


def test_the_picture_in_the_documentation_is_the_dashboard():
    assert PICTURE.read_text(encoding="utf-8") == draw(DASHBOARD)
