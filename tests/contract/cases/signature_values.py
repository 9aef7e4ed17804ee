"""Rows about the encoding and the values of ECDSA and EdDSA signatures."""

from __future__ import annotations

from typing import Final

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import ALLOWED, Case, bad
from tests.contract.cases.tampering import (
    P256_ORDER,
    P256_PRIME,
    der,
    ecdsa,
    with_signature,
)

_SIGNATURE: Final = bad(Reason.BAD_SIGNATURE)


def _ecdsa() -> list[Case]:
    n, half = P256_ORDER, P256_ORDER // 2
    rows: list[tuple[str, str, bytes]] = [
        ("r and s zero", "CVE-2022-21449", ecdsa(0, 0)),
        ("r zero", "CVE-2022-21449; RFC 7518 §3.4", ecdsa(0, 1)),
        ("s zero", "CVE-2022-21449; RFC 7518 §3.4", ecdsa(1, 0)),
        ("r and s one", "Wycheproof: small r and s", ecdsa(1, 1)),
        ("r the order, s zero", "Wycheproof: modified r", ecdsa(n, 0)),
        ("r zero, s the order", "Wycheproof: modified s", ecdsa(0, n)),
        ("r and s the order", "Wycheproof: r = n", ecdsa(n, n)),
        ("r one less than the order", "Wycheproof: r = n - 1", ecdsa(n - 1, 1)),
        ("r one more than the order", "Wycheproof: r = n + 1", ecdsa(n + 1, 1)),
        ("s one less than the order", "Wycheproof: s = n - 1", ecdsa(1, n - 1)),
        ("s one more than the order", "Wycheproof: s = n + 1", ecdsa(1, n + 1)),
        ("r the field's prime", "Wycheproof: r = p", ecdsa(P256_PRIME, 1)),
        ("r more than the prime", "Wycheproof: r = p + 1", ecdsa(P256_PRIME + 1, half)),
        ("r and s as large as can be", "Wycheproof: r = 2^256 - 1", ecdsa(2**256 - 1, 2**256 - 1)),
        ("s half of the order", "Wycheproof: s = n / 2", ecdsa(1, half)),
        ("halves of 31 octets", "RFC 7518 §3.4 (64 octets)", ecdsa(1, 1, 31)),
        ("halves of 33 octets", "RFC 7518 §3.4 (64 octets)", ecdsa(1, 1, 33)),
        ("halves of 48 octets", "RFC 7518 §3.4 (64 octets)", ecdsa(1, 1, 48)),
        ("one octet", "RFC 7518 §3.4 (64 octets)", b"\0"),
    ]
    forged = [
        Case(f"ES256, {name}", clause, with_signature(lambda _, new=new: new), _SIGNATURE)
        for name, clause, new in rows
    ]

    def other_s(signature: bytes) -> bytes:
        return signature[:32] + (n - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")

    def plus_order(signature: bytes) -> bytes:
        s = int.from_bytes(signature[32:], "big")
        return signature[:32] + (s + n if s + n < 2**256 else 2**256 - 1).to_bytes(32, "big")

    own = [
        Case(
            "ES256, the second signature (r, n - s)",
            "RFC 7518 §3.4 ((r, n - s) verifies too: one token, two spellings)",
            with_signature(other_s),
            ALLOWED,
        ),
        Case(
            "ES256, DER-encoded",
            "RFC 7518 §3.4 (r || s); CVE-2022-25898",
            with_signature(der),
            _SIGNATURE,
        ),
        Case(
            "ES256, r and s swapped",
            "RFC 7518 §3.4",
            with_signature(lambda made: made[32:] + made[:32]),
            _SIGNATURE,
        ),
        Case(
            "ES256, a zero octet before each half",
            "Wycheproof: padding",
            with_signature(lambda made: b"\0" + made[:32] + b"\0" + made[32:]),
            _SIGNATURE,
        ),
        Case(
            "ES256, s plus the order", "Wycheproof: s + n", with_signature(plus_order), _SIGNATURE
        ),
        Case(
            "ES256, twice",
            "RFC 7518 §3.4 (64 octets)",
            with_signature(lambda made: made + made),
            _SIGNATURE,
        ),
        Case(
            "ES512 with 128 octets",
            "RFC 7518 §3.4 (132 octets)",
            with_signature(lambda made: made[:128]),
            _SIGNATURE,
            algorithm="ES512",
        ),
        Case(
            "ES384, r and s zero",
            "CVE-2022-21449",
            with_signature(lambda _: bytes(96)),
            _SIGNATURE,
            algorithm="ES384",
        ),
        Case(
            "ES384 with 64 octets",
            "RFC 7518 §3.4 (96 octets)",
            with_signature(lambda made: made[:64]),
            _SIGNATURE,
            algorithm="ES384",
        ),
        Case(
            "RS256, a leading zero octet left out",
            "RFC 8017 §8.2.2",
            with_signature(lambda made: made[1:]),
            _SIGNATURE,
            algorithm="RS256",
        ),
        Case(
            "RS256, the number one",
            "RFC 8017 §8.2.2",
            with_signature(lambda made: bytes(len(made) - 1) + b"\1"),
            _SIGNATURE,
            algorithm="RS256",
        ),
        Case(
            "EdDSA, s plus the order",
            "RFC 8032 §8.4 (malleability)",
            with_signature(_ed25519_other_s),
            _SIGNATURE,
            algorithm="EdDSA",
        ),
        Case(
            "EdDSA, halves swapped",
            "RFC 8032 §5.1.7",
            with_signature(lambda made: made[32:] + made[:32]),
            _SIGNATURE,
            algorithm="EdDSA",
        ),
    ]
    return [*forged, *own]


def _ed25519_other_s(signature: bytes) -> bytes:
    order = 2**252 + 27742317777372353535851937790883648493
    return signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(
        32, "little"
    )


CASES: Final[list[Case]] = [*_ecdsa()]
