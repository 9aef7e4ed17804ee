"""Signatures and algorithms: RFC 7515, 7518, 8725, and vulnerabilities of other libraries."""

from __future__ import annotations

import json
from typing import Any, Final

from iiniit_guard.core.jose.jws import ALGORITHMS
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer, make_key
from tests.contract.cases.case import ALLOWED, Case, TokenOf, bad, token
from tests.contract.cases.tampering import (
    by_stranger,
    claims_of,
    hmac_with_public_key,
    raw_header,
    with_signature,
)

_ALG: Final = bad(Reason.UNSUPPORTED_ALGORITHM)
_CRIT: Final = bad(Reason.UNSUPPORTED_CRITICAL)
_MALFORMED: Final = bad(Reason.MALFORMED_TOKEN)
_SIGNATURE: Final = bad(Reason.BAD_SIGNATURE)
_UNKNOWN_KEY: Final = bad(Reason.UNKNOWN_KEY)
_WRONG_TYPE: Final = bad(Reason.WRONG_TYPE)
_LEARNED: Final = ("discovery", "jwks")


def _algorithms() -> list[Case]:
    rows = []
    for algorithm in ALGORITHMS:
        clause = "RFC 8037 §3.1, RFC 9864 §2.2" if algorithm.startswith("Ed") else "RFC 7518 §3.1"
        flip_last = with_signature(lambda signature: signature[:-1] + bytes([signature[-1] ^ 1]))
        flip_first = with_signature(lambda signature: bytes([signature[0] ^ 0x80]) + signature[1:])
        rows += [
            Case(f"{algorithm}", clause, token(), ALLOWED, algorithm=algorithm, asked=_LEARNED),
            Case(
                f"{algorithm}, last bit of the signature flipped",
                clause,
                flip_last,
                _SIGNATURE,
                algorithm=algorithm,
            ),
            Case(
                f"{algorithm}, first bit of the signature flipped",
                clause,
                flip_first,
                _SIGNATURE,
                algorithm=algorithm,
            ),
            Case(
                f"{algorithm}, an octet too many",
                clause,
                with_signature(lambda signature: signature + b"\0"),
                _SIGNATURE,
                algorithm=algorithm,
            ),
            Case(
                f"{algorithm}, an octet too few",
                clause,
                with_signature(lambda signature: signature[:-1]),
                _SIGNATURE,
                algorithm=algorithm,
            ),
            Case(
                f"{algorithm}, all zeros",
                clause,
                with_signature(lambda signature: bytes(len(signature))),
                _SIGNATURE,
                algorithm=algorithm,
            ),
            Case(
                f"{algorithm}, all ones",
                clause,
                with_signature(lambda signature: b"\xff" * len(signature)),
                _SIGNATURE,
                algorithm=algorithm,
            ),
            Case(
                f"{algorithm}, by a stranger's key",
                "RFC 7515 §5.2",
                by_stranger(algorithm),
                _SIGNATURE,
                algorithm=algorithm,
            ),
            Case(
                f"{algorithm} where only others are allowed",
                "RFC 8725 §3.1",
                token(),
                _ALG,
                algorithm=algorithm,
                settings={"algorithms": [name for name in ALGORITHMS if name != algorithm]},
                asked=(),
            ),
        ]
    return rows


def _unsupported() -> list[Case]:
    unsigned = [
        Case(
            f"alg {alg!r} with {what}",
            "RFC 8725 §3.1; CVE-2015-9235, CVE-2020-28042",
            altered_alg(alg, signature),
            _ALG,
            asked=(),
        )
        for alg in ("none", "None", "NONE", "nOnE", "none ", "\u0000none")
        for what, signature in (
            ("an empty signature", b""),
            ("the signature of another", b"x" * 64),
        )
    ]
    hmacs = [
        Case(
            f"{algorithm} keyed with the public key as {form}",
            "RFC 8725 §2.1; CVE-2016-5431, CVE-2017-11424, CVE-2022-29217",
            hmac_with_public_key(algorithm, form),
            _ALG,
            algorithm=signing,
            asked=(),
        )
        for algorithm, form, signing in (
            ("HS256", "pem", "RS256"),
            ("HS256", "der", "RS256"),
            ("HS256", "jwk", "ES256"),
            ("HS384", "pem", "ES384"),
            ("HS512", "pem", "PS512"),
            ("HS256", "empty", "ES256"),
            ("HS256", "kid", "EdDSA"),
            ("hs256", "pem", "RS256"),
            ("HS1", "pem", "RS256"),
        )
    ]
    others: list[tuple[Any, str]] = [
        ("ES256K", "RFC 8812 §3.2 (another curve)"),
        ("ES521", "RFC 7518 §3.1 (a misspelling that PyJWT takes)"),
        ("RS1", "RFC 8812 §2 (SHA-1)"),
        ("Ed448", "RFC 9864 §2.2"),
        ("EdDSA ", "RFC 7515 §4.1.1 (case-sensitive, to the letter)"),
        ("es256", "RFC 7515 §4.1.1 (case-sensitive)"),
        ("ES\u2462256", "RFC 7515 §4.1.1 (to the letter)"),
        ("ES256\u0000", "RFC 7515 §4.1.1 (to the letter)"),
        ("A256KW", "RFC 7518 §4.1 (of JWE)"),
        ("dir", "RFC 7518 §4.1 (of JWE)"),
        ("RSA-OAEP", "RFC 7518 §4.1 (of JWE)"),
        ("PBES2-HS256+A128KW", "RFC 7518 §4.1; CVE-2023-52428, CVE-2024-33663"),
        ("SHA256withECDSA", "RFC 7515 §4.1.1"),
        ("", "RFC 7515 §4.1.1"),
        (None, "RFC 7515 §4.1.1 (must be present)"),
        (256, "RFC 7515 §4.1.1 (a string)"),
        (True, "RFC 7515 §4.1.1 (a string)"),
        (["ES256"], "RFC 7515 §4.1.1 (a string)"),
        ({"ES256": 1}, "RFC 7515 §4.1.1 (a string)"),
        ("urn:ietf:params:oauth:alg:ES256", "RFC 7515 §4.1.1"),
    ]
    # A token without alg is not a JWS, so it is introspected; the issuer does not know it.
    without = Case(
        "no alg at all is an opaque token",
        "RFC 7515 §4.1.1 (without alg it is not a JWS)",
        lambda issuer: issuer.sign(claims_of(issuer), {"alg": None}),
        bad(Reason.INACTIVE),
    )
    others_rows = [
        Case(f"alg {alg!r}", clause, json_alg(alg), _ALG, asked=()) for alg, clause in others
    ]
    return [*unsigned, *hmacs, *others_rows, without]


def altered_alg(alg: str, signature: bytes) -> TokenOf:
    """Replace `alg` in the header and replace the signature."""
    return lambda issuer: issuer.token(header={"alg": alg}, sign_with=lambda _: signature)


def json_alg(alg: Any) -> TokenOf:
    """Set `alg` to a value of any type, and sign with the issuer's key."""
    return raw_header(lambda usual: json.dumps({**usual, "alg": alg}).encode())


def _confusion() -> list[Case]:
    """Return rows with an algorithm for which the key was not published."""

    def as_other(algorithm: str) -> TokenOf:
        def mint(issuer: Issuer) -> str:
            mine = issuer.signing_key
            other = type(mine)(mine.kid, algorithm, make_key(algorithm, issuer.issuer).private_key)
            return issuer.token(sign_with=other)

        return mint

    pairs = [
        ("RS256", "RS384", "RFC 7517 §4.4 (alg)"),
        ("RS256", "RS512", "RFC 7517 §4.4 (alg)"),
        ("RS256", "PS256", "RFC 7517 §4.4 (alg); RFC 8725 §3.1"),
        ("PS256", "RS256", "RFC 7517 §4.4 (alg); RFC 8725 §3.1"),
        ("PS384", "PS512", "RFC 7517 §4.4 (alg)"),
        ("ES256", "ES384", "RFC 7518 §3.4 (curve)"),
        ("ES384", "ES256", "RFC 7518 §3.4 (curve)"),
        ("ES256", "ES512", "RFC 7518 §3.4 (curve)"),
        ("ES256", "RS256", "RFC 8725 §2.1 (key type)"),
        ("RS256", "ES256", "RFC 8725 §2.1 (key type)"),
        ("EdDSA", "ES256", "RFC 8725 §2.1 (key type)"),
        ("ES256", "EdDSA", "RFC 8725 §2.1 (key type)"),
        ("RS256", "Ed25519", "RFC 8725 §2.1 (key type)"),
    ]
    return [
        Case(
            f"a key for {published}, a token by {used}",
            clause,
            as_other(used),
            _UNKNOWN_KEY,
            algorithm=published,
        )
        for published, used, clause in pairs
    ]


CASES: Final[list[Case]] = [
    *_algorithms(),
    *_unsupported(),
    *_confusion(),
]
