"""Members of `keys` whose numbers or points are malformed, with the reason."""

from __future__ import annotations

from math import prod
from typing import Any, Final

from iiniit_guard.core.jose.ec_key import CURVES
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


_COORDINATE: Final = "coordinate malformed or of wrong length"
_OFF: Final = "point not on the curve"
_NUMBER: Final = "malformed number"
_LENGTH: Final = "modulus too short or too long"
_EXPONENT: Final = "exponent even, too small or too large"


def _shown(value: object) -> str:
    """Return a name that is the same in every process, although the keys differ."""
    return (
        f"of {len(value)} characters" if isinstance(value, str) and len(value) > 8 else repr(value)
    )


# Name, clause, member of `keys`, reason.
UNUSABLE_NUMBERS: Final[list[tuple[str, str, Any, str]]] = [
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
