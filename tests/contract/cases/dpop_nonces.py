"""The nonces of the resource server (RFC 9449 §8, §9)."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.testing import Issuer, dpop_proof
from tests.contract.cases.case import (
    ALLOWED,
    API,
    NOW,
    Allowed,
    Case,
    ProofsOf,
    Refused,
    token,
)
from tests.contract.cases.dpop_proofs import BOUND, KEY, PUBLIC, bad_proof, good, proof

NONCES: Final = {**PUBLIC, "dpop_nonce": "required", "dpop_nonce_secret": "n" * 32}
_NONCE: Final = Refused(401, "use_dpop_nonce", Reason.PROOF_NONCE_REQUIRED)


def _with(issuer: Issuer, of: str, **changes: Any) -> str:
    return dpop_proof(KEY, "GET", f"{API}/token", of, clock=issuer.clock, **changes)


def _nonces() -> list[Case]:
    def with_nonce(seconds: float = 0, **changes: Any) -> ProofsOf:
        """Make a proof with the nonce of a moment that is `seconds` away."""
        return lambda issuer, of: [
            dpop_proof(
                KEY,
                "GET",
                f"{API}/token",
                of,
                clock=issuer.clock,
                nonce=nonce_at(issuer, NOW + seconds),
                **changes,
            )
        ]

    rows: list[tuple[str, ProofsOf, Refused | Allowed, bool]] = [
        ("none", proof(), _NONCE, True),
        ("of this period", with_nonce(), ALLOWED, False),
        ("of the period before", with_nonce(-60), ALLOWED, True),
        ("of the period before that", with_nonce(-120), _NONCE, True),
        ("of a clock that is ahead", with_nonce(60), ALLOWED, False),
        ("of a clock that is far ahead", with_nonce(120), _NONCE, True),
        ("of another server", proof(nonce="eyJ7S_zG.eyJH0-Z.HX4w-7v"), _NONCE, True),
        ("outside ASCII", proof(nonce="é"), _NONCE, True),
        ("that is a number", lambda issuer, of: [_with(issuer, of, nonce=1)], _NONCE, True),
        ("and an iat of a wrong clock", with_nonce(iat=NOW - 86_400), ALLOWED, False),
        ("and no iat", with_nonce(iat=None), bad_proof(Reason.MALFORMED_PROOF), False),
        (
            "and another method",
            with_nonce(htm="POST"),
            bad_proof(Reason.WRONG_PROOF_TARGET),
            False,
        ),
    ]
    return [
        *(
            Case(
                f"DPoP: a nonce {name}",
                "RFC 9449 §8, §9, §11.1, §11.3",
                BOUND,
                expected,
                proofs=proofs,
                settings=NONCES,
                nonce=nonce,
            )
            for name, proofs, expected, nonce in rows
        ),
        Case(
            "DPoP: a nonce does not replace the scope",
            "RFC 9449 §8.2 (a fresh nonce with any response)",
            token("other", dpop_key=KEY),
            Refused(403, "insufficient_scope", Reason.MISSING_SCOPE, "user:read"),
            path="/read",
            proofs=lambda issuer, of: [
                dpop_proof(
                    KEY,
                    "GET",
                    f"{API}/read",
                    of,
                    clock=issuer.clock,
                    nonce=nonce_at(issuer, NOW),
                )
            ],
            settings=NONCES,
        ),
    ]


def nonce_at(issuer: Issuer, moment: float) -> str:
    """Return the nonce of a moment, as a guard of the same secret sends it."""
    with issuer.guard(**NONCES) as guard:
        now = issuer.clock.wall()
        issuer.clock.set_wall(moment)
        lines = [
            (b"authorization", b"DPoP x"),
            (b"dpop", good(issuer, "x").encode()),
        ]
        refused: Any = guard.authenticate(Request("GET", "/token", headers=lines))
        issuer.clock.set_wall(now)
        return str(refused.header("DPoP-Nonce"))


CASES: Final[list[Case]] = _nonces()
