"""The lines about a listener that fails: a client must not write one with each request."""

from __future__ import annotations

import logging

from iiniit_guard.io.failure_log import FailureLog
from iiniit_guard.testing import SettableClock


def made():
    clock = SettableClock(1_800_000_000)
    return clock, FailureLog("on_event", clock.monotonic)


def test_one_line_a_minute_for_each_type(caplog):
    clock, log = made()
    for error in (ValueError("canary"), ValueError("canary"), KeyError("canary")):
        log(error)
    clock.advance(59)
    log(ValueError("canary"))
    assert caplog.record_tuples == [
        ("iiniit_guard", logging.ERROR, "on_event failed: ValueError"),
        ("iiniit_guard", logging.ERROR, "on_event failed: KeyError"),
    ]
    clock.advance(1)
    log(ValueError("canary"))
    assert len(caplog.messages) == 3


def test_types_without_limit_share_one_line(caplog):
    _, log = made()
    for number in range(100):
        log(type(f"Error{number}", (Exception,), {})())
    assert len(caplog.messages) == 17
    assert len(log._next) == 17
