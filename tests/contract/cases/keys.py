"""Which keys are used: RFC 7517, RFC 7518 §6, RFC 8037 §2, RFC 8725 §3.1 to §3.5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer, make_key
from iiniit_guard.testing.jws import encode
from tests.contract.cases.case import ALLOWED, Allowed, Case, Refused, bad, token

_UNKNOWN_KEY: Final = bad(Reason.UNKNOWN_KEY)
_SIGNATURE: Final = bad(Reason.BAD_SIGNATURE)


def changed(*, beside: bool = True, **members: Any) -> Callable[[Issuer], object]:
    """Publish a modified JWK of the signing key; `beside` keeps another, usable key in the set."""

    def set_keys(issuer: Issuer) -> None:
        issuer.keys = [make_key("ES384", "another of the issuer's")] if beside else []
        issuer.odd_keys = [issuer.signing_key.jwk(**members)]

    return set_keys


def _changed_jwk() -> list[Case]:
    ec = make_key("ES256", "stranger").jwk()
    rows: list[tuple[str, str, str, dict[str, Any], Refused | Allowed]] = [
        ("without alg", "RFC 7517 §4.4 (optional)", "ES256", {"alg": None}, ALLOWED),
        ("without use", "RFC 7517 §4.2 (optional)", "ES256", {"use": None}, ALLOWED),
        (
            "without kid",
            "RFC 7517 §4.5 (a token's kid names it or not)",
            "ES256",
            {"kid": None},
            _UNKNOWN_KEY,
        ),
        ("with key_ops verify", "RFC 7517 §4.3", "ES256", {"key_ops": ["verify"]}, ALLOWED),
        ("with more key_ops", "RFC 7517 §4.3", "ES256", {"key_ops": ["verify", "sign"]}, ALLOWED),
        ("with key_ops sign only", "RFC 7517 §4.3", "ES256", {"key_ops": ["sign"]}, _UNKNOWN_KEY),
        ("with empty key_ops", "RFC 7517 §4.3", "ES256", {"key_ops": []}, _UNKNOWN_KEY),
        (
            "with key_ops as a string",
            "RFC 7517 §4.3 (an array)",
            "ES256",
            {"key_ops": "verify"},
            _UNKNOWN_KEY,
        ),
        (
            "with a number in key_ops",
            "RFC 7517 §4.3",
            "ES256",
            {"key_ops": ["verify", 1]},
            _UNKNOWN_KEY,
        ),
        (
            "with key_ops twice the same",
            "RFC 7517 §4.3 (no duplicates)",
            "ES256",
            {"key_ops": ["verify", "verify"]},
            _UNKNOWN_KEY,
        ),
        ("for encryption", "RFC 7517 §4.2", "ES256", {"use": "enc"}, _UNKNOWN_KEY),
        (
            "with use in upper case",
            "RFC 7517 §4.2 (case-sensitive)",
            "ES256",
            {"use": "SIG"},
            _UNKNOWN_KEY,
        ),
        ("with use as a number", "RFC 7517 §4.2 (a string)", "ES256", {"use": 1}, _UNKNOWN_KEY),
        ("with the alg of encryption", "RFC 7518 §4.1", "ES256", {"alg": "ECDH-ES"}, _UNKNOWN_KEY),
        ("with the alg of another curve", "RFC 7518 §3.4", "ES256", {"alg": "ES384"}, _UNKNOWN_KEY),
        ("with an alg of another type", "RFC 8725 §3.1", "ES256", {"alg": "RS256"}, _UNKNOWN_KEY),
        ("with alg none", "RFC 8725 §3.1", "ES256", {"alg": "none"}, _UNKNOWN_KEY),
        ("with alg HS256", "RFC 8725 §2.1", "ES256", {"alg": "HS256"}, _UNKNOWN_KEY),
        ("with alg as a number", "RFC 7517 §4.4 (a string)", "ES256", {"alg": 1}, _UNKNOWN_KEY),
        ("with kid as a number", "RFC 7517 §4.5 (a string)", "ES256", {"kid": 1}, _UNKNOWN_KEY),
        (
            "of another curve by name",
            "RFC 7518 §6.2.1.1",
            "ES256",
            {"crv": "P-384", "alg": None},
            _UNKNOWN_KEY,
        ),
        (
            "of secp256k1 by name",
            "RFC 8812 §3.1",
            "ES256",
            {"crv": "secp256k1", "alg": None},
            _UNKNOWN_KEY,
        ),
        (
            "with a curve in lower case",
            "RFC 7518 §6.2.1.1",
            "ES256",
            {"crv": "p-256"},
            _UNKNOWN_KEY,
        ),
        ("without a curve", "RFC 7518 §6.2.1.1", "ES256", {"crv": None}, _UNKNOWN_KEY),
        ("without y", "RFC 7518 §6.2.1.3", "ES256", {"y": None}, _UNKNOWN_KEY),
        ("with x for y", "RFC 7518 §6.2 (on the curve)", "ES256", {"y": ec["x"]}, _UNKNOWN_KEY),
        (
            "at the origin",
            "RFC 8725 §3.4",
            "ES256",
            {"x": encode(bytes(32)), "y": encode(bytes(32))},
            _UNKNOWN_KEY,
        ),
        (
            "with a short x",
            "RFC 7518 §6.2.1.2 (full length)",
            "ES256",
            {"x": encode(b"\1" * 31)},
            _UNKNOWN_KEY,
        ),
        (
            "with a long x",
            "RFC 7518 §6.2.1.2 (full length)",
            "ES256",
            {"x": encode(b"\0" + b"\1" * 32)},
            _UNKNOWN_KEY,
        ),
        (
            "with padding in x",
            "RFC 7518 §2 (base64url)",
            "ES256",
            {"x": ec["x"] + "="},
            _UNKNOWN_KEY,
        ),
        ("with x as a number", "RFC 7518 §6.2.1.2", "ES256", {"x": 1}, _UNKNOWN_KEY),
        (
            "with a private member",
            "RFC 7517 §9.1 (public only)",
            "ES256",
            {"d": ec["x"]},
            _UNKNOWN_KEY,
        ),
        ("of type RSA by name", "RFC 7517 §4.1", "ES256", {"kty": "RSA"}, _UNKNOWN_KEY),
        (
            "of type oct by name",
            "RFC 7517 §4.1",
            "ES256",
            {"kty": "oct", "k": "AAAA"},
            _UNKNOWN_KEY,
        ),
        (
            "of type in lower case",
            "RFC 7517 §4.1 (case-sensitive)",
            "ES256",
            {"kty": "ec"},
            _UNKNOWN_KEY,
        ),
        ("without a type", "RFC 7517 §4.1", "ES256", {"kty": None}, _UNKNOWN_KEY),
        (
            "with members nobody knows",
            "RFC 7517 §4 (ignored)",
            "ES256",
            {"x5c": ["MIIB"], "exp": 1, "nbf": 2, "foo": None},
            ALLOWED,
        ),
        ("RSA without alg", "RFC 7517 §4.4 (optional)", "PS256", {"alg": None}, ALLOWED),
        (
            "RSA with alg RS256, token PS256",
            "RFC 7517 §4.4",
            "PS256",
            {"alg": "RS256"},
            _UNKNOWN_KEY,
        ),
        (
            "RSA for encryption",
            "RFC 7518 §4.1",
            "RS256",
            {"alg": "RSA-OAEP", "use": "enc"},
            _UNKNOWN_KEY,
        ),
        (
            "RSA with exponent 1",
            "RFC 8017 §3.1; CVE class: e = 1 makes every message its signature",
            "RS256",
            {"e": "AQ"},
            _UNKNOWN_KEY,
        ),
        ("RSA with exponent 0", "RFC 8017 §3.1", "RS256", {"e": "AA"}, _UNKNOWN_KEY),
        (
            "RSA with an even exponent",
            "RFC 8017 §3.1",
            "RS256",
            {"e": encode(b"\1\0\2")},
            _UNKNOWN_KEY,
        ),
        ("RSA with another exponent", "RFC 8017 §8.2.2", "RS256", {"e": "Aw"}, _SIGNATURE),
        (
            "RSA with a huge exponent",
            "CWE-400: slow to verify",
            "RS256",
            {"e": encode(b"\1" + bytes(255) + b"\1")},
            _UNKNOWN_KEY,
        ),
        ("RSA without n", "RFC 7518 §6.3.1.1", "RS256", {"n": None}, _UNKNOWN_KEY),
        (
            "RSA with an even modulus",
            "RFC 8017 §3.1",
            "RS256",
            {"n": encode(b"\xff" * 255 + b"\xfe")},
            _UNKNOWN_KEY,
        ),
        (
            "RSA with a modulus of zeros",
            "RFC 8017 §3.1",
            "RS256",
            {"n": encode(bytes(256))},
            _UNKNOWN_KEY,
        ),
        (
            "RSA with a modulus of 20,000 bits",
            "CWE-400: slow to verify",
            "RS256",
            {"n": encode(b"\xff" * 2500)},
            _UNKNOWN_KEY,
        ),
        (
            "RSA with private members",
            "RFC 7517 §9.1 (public only)",
            "RS256",
            {"p": "AQAB", "q": "AQAB"},
            _UNKNOWN_KEY,
        ),
        (
            "Ed25519 under alg Ed25519, token EdDSA",
            "RFC 9864 §2.2",
            "EdDSA",
            {"alg": "Ed25519"},
            ALLOWED,
        ),
        (
            "Ed25519 under alg EdDSA, token Ed25519",
            "RFC 9864 §2.2",
            "Ed25519",
            {"alg": "EdDSA"},
            ALLOWED,
        ),
        ("Ed25519 without alg", "RFC 8037 §2", "EdDSA", {"alg": None}, ALLOWED),
        (
            "Ed25519 named Ed448",
            "RFC 8037 §2",
            "EdDSA",
            {"crv": "Ed448", "alg": None},
            _UNKNOWN_KEY,
        ),
        (
            "Ed25519 named X25519",
            "RFC 8037 §2 (not for signatures)",
            "EdDSA",
            {"crv": "X25519", "alg": None},
            _UNKNOWN_KEY,
        ),
        (
            "Ed25519 of 31 octets",
            "RFC 8032 §5.1.5",
            "EdDSA",
            {"x": encode(bytes(31))},
            _UNKNOWN_KEY,
        ),
        (
            "Ed25519 of small order, zero",
            "RFC 8032 §5.1.7; CVE class: low order",
            "EdDSA",
            {"x": encode(bytes(32))},
            _UNKNOWN_KEY,
        ),
        (
            "Ed25519 of small order, one",
            "RFC 8032 §5.1.7; CVE class: low order",
            "EdDSA",
            {"x": encode(b"\1" + bytes(31))},
            _UNKNOWN_KEY,
        ),
    ]
    return [
        Case(f"the key {name}", clause, token(), expected, algorithm=alg, given=changed(**members))
        for name, clause, alg, members, expected in rows
    ]


CASES: Final[list[Case]] = [
    *_changed_jwk(),
]
