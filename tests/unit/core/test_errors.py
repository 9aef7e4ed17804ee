"""The exceptions of `verify` can be copied and pickled for another process."""

from __future__ import annotations

import copy
import pickle

import pytest

from iiniit_guard import IssuerUnavailable, TokenRefused
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.problem import PROBLEMS, Reason, before_signature

JOURNEYS = [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy]


@pytest.mark.parametrize("travel", JOURNEYS, ids=["pickle", "copy", "deepcopy"])
@pytest.mark.parametrize("hidden", [False, True])
def test_a_refusal_keeps_its_reason_and_hides_what_it_hid(travel, hidden):
    error = TokenRefused(before_signature(PROBLEMS[Reason.BAD_SIGNATURE], hidden=hidden))
    arrived = travel(error)

    assert type(arrived) is TokenRefused
    assert arrived.reason is Reason.BAD_SIGNATURE
    assert arrived.problem == error.problem
    assert str(arrived) == str(error)
    assert (arrived.problem.reason is Reason.BAD_SIGNATURE) is not hidden


@pytest.mark.parametrize("travel", JOURNEYS, ids=["pickle", "copy", "deepcopy"])
def test_an_outage_keeps_its_cause(travel):
    error = IssuerUnavailable(Unreachable("tls", "no certificate", 3.0))
    arrived = travel(error)

    assert type(arrived) is IssuerUnavailable
    assert (arrived.cause, arrived.detail) == ("tls", "no certificate")
    assert arrived.retry_after_seconds == 3.0
    assert str(arrived) == str(error)
