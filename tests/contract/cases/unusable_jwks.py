"""Members of `keys` that are not usable keys, with the reason."""

from __future__ import annotations

from typing import Any, Final

from tests.contract.cases.jose_keys import (
    P521,
    ec_jwk,
    ed_jwk,
    rsa_jwk,
)

_NUMBER: Final = "malformed number"
_ALG: Final = "alg does not fit the key, or is not supported"
_PRIVATE: Final = "private key"
_USE: Final = "use is not sig"
_ENC: Final = "use is enc"
_OPS: Final = "key_ops is not a list of strings"


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
        for kid in (1, True, ["a"], {})
    ),
    *(
        (
            f"use {use!r}",
            "RFC 7517 §4.2; Wycheproof: rejectsWrongUse",
            rsa_jwk(use=use),
            _ENC if use == "enc" else _USE,
        )
        for use in ("enc", "SIG", "", 1, ["sig"], "sign")
    ),
    *(
        (f"key_ops {ops!r}", "RFC 7517 §4.3", rsa_jwk(key_ops=ops), _OPS)
        for ops in ("verify", {"verify": 1}, 1, ["verify", 1], [["verify"]])
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
]
