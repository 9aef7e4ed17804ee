"""Short forms of settings: one value in place of a list, a time-out alone."""

from __future__ import annotations

from typing import Any

import pytest

from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.errors import SettingsError
from tests.unit.core.stepping import API, ISSUER

BASE = {"issuer": ISSUER, "audience": API}


def make(**settings: Any) -> TrustedIssuer:
    return TrustedIssuer(**{**BASE, **settings})


def test_the_connect_timeout_follows_a_shorter_timeout():
    assert make(timeout_seconds=1).connect_seconds == 1
    assert make(timeout_seconds=1, connect_timeout_seconds=0.5).connect_seconds == 0.5
    assert make(timeout_seconds=30).connect_seconds == 2
    assert make(timeout_seconds=30, connect_timeout_seconds=20).connect_seconds == 20


def test_one_algorithm_needs_no_list():
    assert make(algorithms="RS256").algorithms == ("RS256",)
    assert make(client_id_claims="cid").client_id_claims == ("cid",)
    assert make(token_id_claims=["uti"]).token_id_claims == ("uti",)
    for wrong in ("HS256", "none", "", "rs256"):
        with pytest.raises(SettingsError, match="algorithms: "):
            make(algorithms=wrong)
