"""Usable JSON Web Keys with their algorithms, and unusable ones with the reason."""

from __future__ import annotations

from math import prod
from typing import Any, Final

from iiniit_guard.core.jose.public_key import CURVES
from tests.contract.cases.jose_keys import (
    P256,
    P384,
    P521,
    RSA,
    b64,
    ec_jwk,
    ed_jwk,
    number,
    rsa_jwk,
)

ANY_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
BOTH_ED: Final = ("EdDSA", "Ed25519")

_N: Final = RSA.public_key().public_numbers().n
_P256: Final = P256.public_key().public_numbers()
_P521: Final = P521.public_key().public_numbers()
_P: Final = CURVES["P-256"].prime
_ED_P: Final = 2**255 - 19


def _little(value: int) -> str:
    return b64(value.to_bytes(32, "little"))


def _roca() -> int:
    """Make a ROCA modulus: a power of 65537 modulo the product of small primes."""
    product = prod((11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157))
    modulus = pow(65537, 12345, product) + ((1 << 2047) // product + 1) * product
    return modulus if modulus & 1 else modulus + product


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

_COORDINATE: Final = "coordinate malformed or of wrong length"
_OFF: Final = "point not on the curve"
_NUMBER: Final = "malformed number"
_ALG: Final = "alg does not fit the key, or is not supported"
_LENGTH: Final = "modulus too short or too long"
_EXPONENT: Final = "exponent even, too small or too large"
_PRIVATE: Final = "private key"
_USE: Final = "use is not sig"
_OPS: Final = "key_ops is not a list of strings"


def _shown(value: object) -> str:
    """Return a name that is the same in every process, although the keys differ."""
    return (
        f"of {len(value)} characters" if isinstance(value, str) and len(value) > 8 else repr(value)
    )


# Name, clause, member of `keys`, reason.
UNUSABLE: Final[list[tuple[str, str, Any, str]]] = [
    *(
        (f"{value!r}"[:8], "RFC 7517 §5", value, "not an object")
        for value in (None, 1, "key", [], [rsa_jwk()], True)
    ),
    ("no kty", "RFC 7517 §4.1", {"n": "AQAB", "e": "AQAB"}, "key type not supported"),
    *(
        (f"kty {kty!r}", "RFC 7517 §4.1", rsa_jwk() | {"kty": kty}, "key type not supported")
        for kty in ("rsa", "AKP", "", None, 1, ["RSA"], {})
    ),
    (
        "oct",
        "RFC 8725 §2.1; CVE-2016-5431",
        {"kty": "oct", "k": "AAAA", "kid": "a", "alg": "HS256"},
        "symmetric key",
    ),
    ("oct without k", "CVE-2026-102266", {"kty": "oct"}, "symmetric key"),
    (
        "oct with an empty k",
        "CVE-2026-102266; Wycheproof: empty_key",
        {"kty": "oct", "k": "", "alg": "RS256"},
        "symmetric key",
    ),
    *(
        (
            f"private {name} in RSA",
            "RFC 7518 §6.3.2; Wycheproof: MixedKeySet",
            rsa_jwk() | {name: "AQ"},
            _PRIVATE,
        )
        for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
    ),
    ("private d in EC", "RFC 7518 §6.2.2", ec_jwk(d="AQ"), _PRIVATE),
    ("private d in OKP", "RFC 8037 §2", ed_jwk(d="AQ"), _PRIVATE),
    ("private d that is null", "RFC 7518 §6.3.2", rsa_jwk(d=None), _PRIVATE),
    *(
        (f"kid {kid!r}", "RFC 7517 §4.5: a string", rsa_jwk(kid=kid), "kid is not a string")
        for kid in (None, 1, True, ["a"], {})
    ),
    *(
        (f"use {use!r}", "RFC 7517 §4.2; Wycheproof: rejectsWrongUse", rsa_jwk(use=use), _USE)
        for use in ("enc", "SIG", "", None, 1, ["sig"], "sign")
    ),
    *(
        (f"key_ops {ops!r}", "RFC 7517 §4.3", rsa_jwk(key_ops=ops), _OPS)
        for ops in (None, "verify", {"verify": 1}, 1, ["verify", 1], [["verify"]])
    ),
    *(
        (
            f"key_ops {ops!r}",
            "RFC 7517 §4.3; Wycheproof: rejectsWrongKeyOps",
            rsa_jwk(key_ops=ops),
            "key_ops is without verify",
        )
        for ops in ([], ["sign"], ["encrypt", "wrapKey"], ["Verify"])
    ),
    (
        "key_ops of 17",
        "RFC 7517 §4.3 has eight",
        rsa_jwk(key_ops=["verify", *map(str, range(16))]),
        "key_ops has too many operations",
    ),
    ("a modulus in 4,097 characters", "OpenSSL's limit", rsa_jwk() | {"n": "A" * 4097}, _NUMBER),
    (
        "key_ops repeated",
        "RFC 7517 §4.3: must not be",
        rsa_jwk(key_ops=["verify", "verify"]),
        "key_ops repeats an operation",
    ),
    *(
        (f"alg {alg!r} on RSA", "RFC 7517 §4.4; RFC 8725 §3.1", rsa_jwk(alg=alg), _ALG)
        for alg in (
            "RSA-OAEP",
            "RSA1_5",
            "RS1",
            "HS256",
            "ES256",
            "EdDSA",
            "none",
            "rs256",
            "",
            None,
            256,
            ["RS256"],
            {},
        )
    ),
    *(
        (
            f"alg {alg!r} on P-256",
            "RFC 7518 §3.4; Wycheproof: mismatchedAlgAndCurve",
            ec_jwk(alg=alg),
            _ALG,
        )
        for alg in ("ES384", "ES512", "ES256K", "RS256", "ECDH-ES", "EdDSA")
    ),
    ("alg ES256 on P-521", "RFC 7518 §3.4", ec_jwk(P521, alg="ES256"), _ALG),
    *(
        (f"alg {alg!r} on Ed25519", "RFC 8037 §3.1", ed_jwk(alg=alg), _ALG)
        for alg in ("Ed448", "ES256", "eddsa", "ECDH-ES")
    ),
    *(
        (
            f"{name} {value!r}",
            "RFC 7518 §6.3.1; CVE-2026-102274",
            rsa_jwk() | {name: value},
            _NUMBER,
        )
        for name in ("n", "e")
        for value in (
            None,
            "",
            "=",
            "AQA=",
            "AQAB=",
            "A",
            "AB",
            65537,
            ["AQAB"],
            "é",
            "\ud800",
            "AA",
            "AAAA",
            "+///",
            "AQAB\n",
            "A" * 3000,
        )
    ),
    ("no n", "RFC 7518 §6.3.1.1", {"kty": "RSA", "e": "AQAB"}, _NUMBER),
    ("no e", "RFC 7518 §6.3.1.2", {"kty": "RSA", "n": number(_N)}, _NUMBER),
    ("n of 512 bits", "RFC 7518 §3.3", rsa_jwk(n=number(2**511 + 1)), _LENGTH),
    (
        "n of 1,024 bits",
        "RFC 7518 §3.3; Wycheproof: rejects1024bitRsaKey",
        rsa_jwk(n=number(2**1023 + 1)),
        _LENGTH,
    ),
    ("n of 2,047 bits", "RFC 7518 §3.3", rsa_jwk(n=number(2**2047 - 1)), _LENGTH),
    (
        "n of 1,024 bits with leading zeros",
        "RFC 7518 §3.3",
        rsa_jwk(n=number(2**1023 + 1, 256)),
        _LENGTH,
    ),
    ("n of 16,385 bits", "OpenSSL's limit", rsa_jwk(n=number(2**16384 + 1)), _LENGTH),
    ("n even", "RFC 8017 §3.1", rsa_jwk(n=number(_N - 1)), "even modulus"),
    (
        "n of the flawed generator",
        "CVE-2017-15361; Wycheproof: rejectsKeyWithRocaVulnerability",
        rsa_jwk(n=number(_roca())),
        "modulus can be factored (CVE-2017-15361)",
    ),
    *(
        (
            f"e of {e}",
            "RFC 8017 §3.1; Wycheproof: rejectsPublicExponent1",
            rsa_jwk(e=number(e)),
            _EXPONENT,
        )
        for e in (1, 2, 4, 65536, 2**33, 2**33 + 1, 2**64 + 1)
    ),
    ("e as large as n", "RFC 8017 §3.1", rsa_jwk(e=number(_N - 2)), _EXPONENT),
    *(
        (f"crv {crv!r}", "RFC 7518 §6.2.1.1", ec_jwk() | {"crv": crv}, "curve not supported")
        for crv in ("P-192", "P-224", "secp256k1", "p-256", "", None, 256, ["P-256"], {}, "Ed25519")
    ),
    *(
        (f"crv {crv!r} of OKP", "RFC 8037 §2", ed_jwk() | {"crv": crv}, "curve not supported")
        for crv in ("Ed448", "X25519", "X448", "ed25519", "P-256", None, 1, ["Ed25519"])
    ),
    *(
        (
            f"{name} {_shown(value)}",
            "RFC 7518 §6.2.1.2: the full size",
            ec_jwk() | {name: value},
            _COORDINATE,
        )
        for name in ("x", "y")
        for value in (
            None,
            "",
            1,
            "AA",
            ec_jwk()[name] + "=",
            ec_jwk()[name][:-1],
            number(getattr(_P256, name), 33),
            number(1, 31),
            number(1),
        )
    ),
    (
        "P-256 with the coordinates of P-384",
        "RFC 7518 §6.2.1",
        ec_jwk(P384) | {"crv": "P-256"},
        _COORDINATE,
    ),
    (
        "P-384 with the coordinates of P-256",
        "RFC 7518 §6.2.1",
        ec_jwk(P256) | {"crv": "P-384"},
        _COORDINATE,
    ),
    (
        "the point at infinity",
        "SEC 1 §2.3.3",
        ec_jwk() | {"x": number(0, 32), "y": number(0, 32)},
        _OFF,
    ),
    (
        "x plus the prime",
        "SEC 1 §3.2.2: less than p",
        ec_jwk(P521) | {"x": number(_P521.x + CURVES["P-521"].prime, 66)},
        _OFF,
    ),
    (
        "y plus the prime",
        "SEC 1 §3.2.2: less than p",
        ec_jwk(P521) | {"y": number(_P521.y + CURVES["P-521"].prime, 66)},
        _OFF,
    ),
    ("x and y swapped", "SEC 1 §3.2.2", ec_jwk() | {"x": ec_jwk()["y"], "y": ec_jwk()["x"]}, _OFF),
    (
        "y one off",
        "Wycheproof: rejectsInvalidCurvePoint",
        ec_jwk() | {"y": number(_P256.y ^ 1, 32)},
        _OFF,
    ),
    (
        "x one off",
        "Wycheproof: rejectsInvalidCurvePoint",
        ec_jwk() | {"x": number(_P256.x ^ 1, 32)},
        _OFF,
    ),
    (
        "x the prime, y a root of b",
        "SEC 1 §3.2.2: less than p",
        ec_jwk()
        | {"x": number(_P, 32), "y": number(pow(CURVES["P-256"].b, (_P + 1) // 4, _P), 32)},
        _OFF,
    ),
    *(
        (f"x {_shown(value)} of OKP", "RFC 8037 §2", ed_jwk() | {"x": value}, _COORDINATE)
        for value in (None, "", 1, b64(bytes(31)), b64(bytes(33)), ed_jwk()["x"] + "=", [])
    ),
    *(
        (
            f"order 1, 2 or 4 encoded a second time, y {name}",
            "RFC 8032 §5.1.3: below p",
            ed_jwk() | {"x": _little(y)},
            _OFF,
        )
        for name, y in (
            ("p", _ED_P),
            ("p + 1", _ED_P + 1),
            ("p, sign bit", _ED_P | 1 << 255),
            ("p + 1, sign bit", _ED_P + 1 | 1 << 255),
        )
    ),
    *(
        (
            f"y {name} and a sign bit for x = 0",
            "RFC 8032 §5.1.3 step 4",
            ed_jwk() | {"x": _little(y | 1 << 255)},
            "point of small order",
        )
        for name, y in (("1", 1), ("-1", _ED_P - 1))
    ),
    ("y of 2^255 - 1", "RFC 8032 §5.1.3: below p", ed_jwk() | {"x": _little(2**255 - 1)}, _OFF),
    (
        "y of p + 3, a second encoding",
        "RFC 8032 §5.1.3: below p",
        ed_jwk() | {"x": _little(_ED_P + 3)},
        _OFF,
    ),
    ("y without x", "RFC 8032 §5.1.3", ed_jwk() | {"x": _little(2)}, _OFF),
]
