"""Malformed references and faulty status lists, each in one request and on an event loop."""

from __future__ import annotations

import pytest

from iiniit_guard.core.model.decision import Allow
from tests.contract.cases.case import play, seen_by_guard, seen_by_guard_async, verdict
from tests.contract.cases.status_list_faults import CASES, LIMITS


@pytest.mark.parametrize("send", [seen_by_guard, seen_by_guard_async])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_guard_refuses(case, send):
    decision, _ = play(case, send)

    challenge = decision.header("WWW-Authenticate")
    assert verdict(decision.status, challenge, decision.reason) == case.expected


@pytest.mark.parametrize("case", LIMITS, ids=str)
def test_the_guard_accepts(case):
    decision, _ = play(case, seen_by_guard)

    assert isinstance(decision, Allow)
