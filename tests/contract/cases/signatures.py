"""Signatures and algorithms: RFC 7515, 7518, 8725, and vulnerabilities of other libraries."""

from __future__ import annotations

import json
from typing import Any, Final

from iiniit_guard.core.jose.jws import ALGORITHMS
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer, make_key
from tests.contract.cases.case import ALLOWED, Case, TokenOf, bad, token
from tests.contract.cases.tampering import (
    P256_ORDER,
    P256_PRIME,
    by_stranger,
    claims_of,
    der,
    ecdsa,
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


CASES: Final[list[Case]] = [*_algorithms(), *_unsupported(), *_confusion(), *_ecdsa()]
