"""Decisions as lines of JSON."""

from __future__ import annotations

import json
import logging

from iiniit_guard import Event, Request
from iiniit_guard.observe.audit import AuditLog
from iiniit_guard.testing import Issuer


def test_an_audit_line_is_json_without_the_token(caplog):
    caplog.set_level(logging.INFO, "iiniit_guard.audit")
    issuer = Issuer()
    token = issuer.token("user:read", subject="user\n1")
    with issuer.guard(on_event=AuditLog()) as guard:
        request = Request("GET", "/p", headers=[(b"authorization", b"Bearer " + token.encode())])
        guard.authenticate(request, host="example")

    (line,) = caplog.messages
    found = json.loads(line)
    assert "\n" not in line
    assert token not in line
    assert found["time"].endswith("Z")
    assert found["subject"] == "user\n1"
    assert (found["decision"], found["cache"], found["host"]) == ("allow", "miss", "example")
    assert {"status", "reason", "cause", "detail"}.isdisjoint(found)


def test_an_audit_line_names_the_reason_and_the_cause(caplog):
    caplog.set_level(logging.INFO, "mine")
    event = Event(
        1.5, "asgi", "GET", "unavailable", 503, "issuer_unavailable", "miss", 5.0, cause="tls"
    )
    AuditLog(logging.getLogger("mine"))(event)

    assert json.loads(caplog.messages[0]) == {
        "time": "1970-01-01T00:00:01.500Z",
        "host": "asgi",
        "method": "GET",
        "decision": "unavailable",
        "status": 503,
        "reason": "issuer_unavailable",
        "cache": "miss",
        "seconds": 5.0,
        "cause": "tls",
    }


def test_an_audit_line_that_nobody_wants_is_not_made(caplog):
    caplog.set_level(logging.WARNING, "iiniit_guard.audit")
    AuditLog()(Event(0.0, "wsgi", "GET", "allow", None, None, "hit", 0.1))

    assert caplog.messages == []
