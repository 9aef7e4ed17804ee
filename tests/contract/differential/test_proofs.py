"""A small part of the comparison of DPoP proofs, and planted faults that it must report."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from iiniit_guard.core.dpop import checks, proof
from iiniit_guard.core.dpop.replays import ProofCache
from tests.contract.differential.proofs import compare_proofs


def test_the_guard_and_an_independent_verifier_agree_on_proofs():
    tally: Counter[str] = Counter()
    assert list(compare_proofs(1, 800, tally)) == []
    assert min(tally["good"], tally["refused"]) > 200


@pytest.mark.parametrize(
    "owner, name, faulty",
    [
        (checks.ProofChecks, "_uri_problem", lambda *_: None),
        (checks.ProofChecks, "_time_problem", lambda *_: None),
        (checks, "normalize", lambda uri: uri),
        (checks, "MAX_ID_BYTES", 10_000),
        (proof, "thumbprint", lambda _: "x"),
        (proof, "_TYPE", None),
        (ProofCache, "add", lambda *_: "added"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_planted_fault_is_reported(monkeypatch: Any, owner: Any, name: str, faulty: Any):
    monkeypatch.setattr(owner, name, faulty)
    assert next(compare_proofs(1, 800, Counter()), None) is not None
