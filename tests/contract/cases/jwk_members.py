"""Usable JSON Web Keys with their algorithms, and unusable ones with the reason."""

from __future__ import annotations

from typing import Any, Final

from tests.contract.cases.jose_keys import (
    P256,
    P384,
    P521,
    RSA,
    ec_jwk,
    ed_jwk,
    number,
    rsa_jwk,
)

ANY_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
BOTH_ED: Final = ("EdDSA", "Ed25519")

_N: Final = RSA.public_key().public_numbers().n


# Name, clause, JWK, algorithms.
USABLE: Final[list[tuple[str, str, dict[str, Any], tuple[str, ...]]]] = [
    ("RSA", "RFC 7518 §6.3", rsa_jwk(), ANY_RSA),
    *((f"RSA for {alg} only", "RFC 7517 §4.4", rsa_jwk(alg=alg), (alg,)) for alg in ANY_RSA),
    ("P-256", "RFC 7518 §6.2", ec_jwk(P256), ("ES256",)),
    ("P-384", "RFC 7518 §6.2", ec_jwk(P384), ("ES384",)),
    ("P-521", "RFC 7518 §6.2", ec_jwk(P521), ("ES512",)),
    ("P-256 for ES256", "RFC 7517 §4.4", ec_jwk(alg="ES256"), ("ES256",)),
    ("Ed25519", "RFC 8037 §2", ed_jwk(), BOTH_ED),
    ("Ed25519 for EdDSA", "RFC 8037 §3.1", ed_jwk(alg="EdDSA"), BOTH_ED),
    ("Ed25519 for Ed25519", "RFC 9864 §2.2", ed_jwk(alg="Ed25519"), BOTH_ED),
    ("use sig", "RFC 7517 §4.2", rsa_jwk(use="sig"), ANY_RSA),
    ("key_ops verify", "RFC 7517 §4.3", rsa_jwk(key_ops=["verify"]), ANY_RSA),
    (
        "key_ops sign and verify",
        "RFC 7517 §4.3",
        rsa_jwk(key_ops=["sign", "verify"], use="sig"),
        ANY_RSA,
    ),
    (
        "key_ops of 16",
        "RFC 7517 §4.3 has eight",
        rsa_jwk(key_ops=["verify", *map(str, range(15))]),
        ANY_RSA,
    ),
    (
        "unknown members",
        "RFC 7517 §4",
        rsa_jwk(ext=True, x5c=["x"], x5u="http://x", x5t=1, iat=1, exp=0),
        ANY_RSA,
    ),
    ("an empty kid", "RFC 7517 §4.5", rsa_jwk(kid=""), ANY_RSA),
    (
        "leading zeros in n",
        "RFC 7518 §6.3.1.1: seen from libraries",
        rsa_jwk(n=number(_N, 257)),
        ANY_RSA,
    ),
    (
        "leading zeros in e",
        "RFC 7518 §6.3.1.1: seen from libraries",
        rsa_jwk(e=number(65537, 4)),
        ANY_RSA,
    ),
    ("n of 2,048 bits, all set", "RFC 7518 §3.3", rsa_jwk(n=number(2**2048 - 1)), ANY_RSA),
    ("n of 2,048 bits, the smallest", "RFC 7518 §3.3", rsa_jwk(n=number(2**2047 + 1)), ANY_RSA),
    ("n of 16,384 bits", "OpenSSL's limit", rsa_jwk(n=number(2**16384 - 1)), ANY_RSA),
    ("e of 3", "RFC 8017 §3.1", rsa_jwk(e=number(3)), ANY_RSA),
    (
        "e below 2^33",
        "FIPS 186-5 §5.4 allows up to 2^256; more than 33 bits are not seen",
        rsa_jwk(e=number(2**33 - 1)),
        ANY_RSA,
    ),
]
