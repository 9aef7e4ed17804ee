"""Problems: codes, statuses, and descriptions that are safe to send."""

from __future__ import annotations

import pytest

from iiniit_guard.core.model.problem import (
    PROBLEMS,
    Problem,
    Reason,
    malformed_claim,
    reason_of_outage,
)


def test_each_reason_but_the_outage_has_its_problem():
    outages = {Reason.ISSUER_UNAVAILABLE, Reason.PROOF_STORE_UNAVAILABLE}
    assert set(Reason) - PROBLEMS.keys() == outages
    assert {reason_of_outage("proof_store"), reason_of_outage("timeout")} == outages
    assert all(reason is problem.reason for reason, problem in PROBLEMS.items())


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=lambda problem: problem.reason.value)
def test_code_and_status_go_together(problem):
    """RFC 6750 §3.1, RFC 9449 §7.1, RFC 9470 §3."""
    statuses = {
        "invalid_request": 400,
        "invalid_token": 401,
        "insufficient_scope": 403,
        "insufficient_user_authentication": 401,
        "invalid_dpop_proof": 401,
        "use_dpop_nonce": 401,
    }
    others = {Reason.NO_RULE: 403, Reason.UNTRUSTED_PEER: 403, Reason.TOO_MANY_PROOFS: 429}
    others |= dict.fromkeys(
        (Reason.FOREIGN_ORIGIN, Reason.ACTOR_REQUIRED, Reason.ACTOR_FORBIDDEN), 403
    )
    if problem.code is None:
        assert problem.status == others.get(problem.reason, 401)
    else:
        assert problem.status == statuses[problem.code]


@pytest.mark.parametrize("character", ['"', "\\", "\n", "\x7f", "\x1f", "é"])
def test_a_description_holds_nothing_that_could_end_a_quoted_string(character):
    """RFC 6750 §3: %x20-21 / %x23-5B / %x5D-7E."""
    with pytest.raises(ValueError, match="RFC 6750"):
        Problem(401, "invalid_token", Reason.INACTIVE, f"a{character}b")


def test_every_character_that_rfc_6750_allows_may_be_described():
    allowed = "".join(map(chr, (0x20, 0x21, *range(0x23, 0x5C), *range(0x5D, 0x7F))))
    assert Problem(401, None, Reason.INACTIVE, allowed).description == allowed


def test_a_malformed_claim_is_named():
    problem = malformed_claim("exp")
    assert (problem.status, problem.code, problem.reason) == (
        401,
        "invalid_token",
        Reason.MALFORMED_CLAIM,
    )
    assert "exp" in problem.description
