"""Events as log lines and as metrics."""

from __future__ import annotations

import logging

import pytest
from prometheus_client import CollectorRegistry

from iiniit_guard.core.http.event import Event
from iiniit_guard.observe.log import DecisionLog
from iiniit_guard.observe.metrics import DecisionMetrics
from iiniit_guard.observe.tally import Tally
from iiniit_guard.testing import Issuer

ALLOW = Event(
    0.0,
    "wsgi",
    "GET",
    "allow",
    None,
    None,
    "hit",
    0.00021,
    "https://i.test",
    "client-1",
    "user-1",
    "0123456789abcdef",
)
DENY = Event(0.0, "asgi", "GET", "deny", 401, "expired", "miss", 0.0021)
DOWN = Event(0.0, "asgi", "GET", "unavailable", 503, "issuer_unavailable", "miss", 5.0)


@pytest.mark.parametrize(
    "which, logged", [("all", [ALLOW, DENY, DOWN]), ("refusals", [DENY, DOWN]), ("none", [])]
)
def test_which_decisions_are_logged(caplog, which, logged):
    caplog.set_level(logging.INFO, "iiniit_guard.decisions")
    log = DecisionLog(which=which)
    for event in (ALLOW, DENY, DOWN):
        log(event)

    assert [record.getMessage().split()[0] for record in caplog.records] == [
        event.decision for event in logged
    ]
    assert [record.levelname for record in caplog.records] == [
        "WARNING" if event.decision == "unavailable" else "INFO" for event in logged
    ]


def test_a_line_says_what_is_needed_and_not_who(caplog):
    caplog.set_level(logging.INFO, "mine")
    DecisionLog(logging.getLogger("mine"), "all")(ALLOW)

    assert caplog.messages == [
        (
            "allow 200 - GET host=wsgi cache=hit ms=0.21 issuer=https://i.test client=client-1 "
            "token=0123456789abcdef"
        )
    ]


@pytest.mark.parametrize(
    "client, written",
    [(None, "-"), ("", "-"), ("a b", "'a b'"), ("a\nallow 200", "'a\\nallow"), ("ä", "'\\xe4'")],
)
def test_a_value_cannot_forge_a_line(caplog, client, written):
    caplog.set_level(logging.INFO, "mine")
    DecisionLog(logging.getLogger("mine"), "all")(
        Event(0.0, "wsgi", "GET", "allow", None, None, "hit", 0.0, None, client)
    )

    (line,) = caplog.messages
    assert "\n" not in line
    assert f"client={written}" in line


def test_metrics_count_decisions():
    registry = CollectorRegistry()
    issuer = Issuer()
    with issuer.guard(on_event=DecisionMetrics(registry)) as guard:
        from iiniit_guard.core.model.request import Request

        for headers in ([], [(b"authorization", b"Bearer " + issuer.token().encode())]):
            guard.authenticate(Request("GET", "/", headers=headers))

    def value(name, **labels):
        return registry.get_sample_value(name, labels)

    assert (
        value("iiniit_guard_decisions_total", decision="deny", reason="no_token", cache="none") == 1
    )
    assert value("iiniit_guard_decisions_total", decision="allow", reason="", cache="miss") == 1
    assert value("iiniit_guard_decision_seconds_count", cache="miss") == 1


def test_by_default_they_are_where_the_library_looks():
    from prometheus_client import REGISTRY

    metrics = DecisionMetrics()
    metrics(DENY)
    try:
        assert REGISTRY.get_sample_value(
            "iiniit_guard_decision_seconds_sum", {"cache": "miss"}
        ) == pytest.approx(0.0021)
    finally:
        assert isinstance(metrics._tally, Tally)
        REGISTRY.unregister(metrics._tally)
