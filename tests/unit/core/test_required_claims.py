"""`require_claim`: which tokens satisfy it. test_validators.py tests its values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iiniit_guard.core.model.problem import Problem, Reason
from tests.unit.core.stepping import API, ISSUER, NOW, make_clock, make_server

GOOD = {"iss": ISSUER, "aud": API, "exp": NOW + 300}


def reason_of(claims, **settings):
    outcome = make_server(make_clock(), **settings).checks.check(
        dict(claims), NOW, introspected=False
    )
    return outcome.reason if isinstance(outcome, Problem) else None


@pytest.mark.parametrize(
    ("wanted", "claims", "reason"),
    [
        ("acme", {"tenant": "acme"}, None),
        ("acme", {"tenant": ["x", "acme"]}, None),
        ("acme", {"tenant": "other"}, Reason.REFUSED_BY_VALIDATOR),
        ("acme", {}, Reason.REFUSED_BY_VALIDATOR),
        (["acme", "corp"], {"tenant": "corp"}, None),
        (1, {"tenant": True}, Reason.REFUSED_BY_VALIDATOR),
        (True, {"tenant": True}, None),
        (True, {"tenant": "true"}, Reason.REFUSED_BY_VALIDATOR),
        ("acme", {"tenant": None}, Reason.REFUSED_BY_VALIDATOR),
        ("acme", {"tenant": []}, Reason.REFUSED_BY_VALIDATOR),
        (False, {}, Reason.REFUSED_BY_VALIDATOR),
        (0, {"tenant": None}, Reason.REFUSED_BY_VALIDATOR),
        (0, {"tenant": False}, Reason.REFUSED_BY_VALIDATOR),
    ],
)
def test_required_claims(wanted, claims, reason):
    assert reason_of({**GOOD, **claims}, require_claim={"tenant": wanted}) is reason


def test_a_claim_that_is_absent_never_matches():
    """Not even a required value that no setting accepts."""
    checks = make_server(make_clock()).checks
    checks = replace(checks, further=replace(checks.further, required={"tenant": (None,)}))
    assert isinstance(checks.check(dict(GOOD), NOW, introspected=False), Problem)


def test_every_required_claim_counts():
    both = {"require_claim": {"a": 1, "b": 2}}
    assert reason_of({**GOOD, "a": 1, "b": 2}, **both) is None
    assert reason_of({**GOOD, "a": 1}, **both) is Reason.REFUSED_BY_VALIDATOR
    assert reason_of({**GOOD, "b": 2}, **both) is Reason.REFUSED_BY_VALIDATOR
