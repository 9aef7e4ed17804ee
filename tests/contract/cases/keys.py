"""Which keys are used: RFC 7517, RFC 7518 §6, RFC 8037 §2, RFC 8725 §3.1 to §3.5."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer, make_key
from iiniit_guard.testing.jws import encode
from tests.contract.cases.case import ALLOWED, UNAVAILABLE, Allowed, Case, Refused, bad, token

_UNKNOWN_KEY: Final = bad(Reason.UNKNOWN_KEY)
_SIGNATURE: Final = bad(Reason.BAD_SIGNATURE)


def published(*jwks: Any) -> Callable[[Issuer], object]:
    """Publish exactly these keys."""

    def set_keys(issuer: Issuer) -> None:
        issuer.keys, issuer.odd_keys = [], list(jwks)

    return set_keys


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


def _weak() -> list[Case]:
    def weak(bits: int) -> Callable[[Issuer], object]:
        def sign_weakly(issuer: Issuer) -> None:
            issuer.keys.append(make_key("ES384", "another of the issuer's"))
            issuer.signing_key = issuer.keys[0] = make_key("RS256", f"weak {bits}", 1, bits)

        return sign_weakly

    clause = "RFC 7518 §3.3 (2048 bits or more); CVE-2026-102274 class"
    return [
        Case(
            "RSA of 1024 bits", clause, token(), _UNKNOWN_KEY, algorithm="RS256", given=weak(1024)
        ),
        Case(
            "RSA of 2040 bits", clause, token(), _UNKNOWN_KEY, algorithm="RS256", given=weak(2040)
        ),
        Case("RSA of 3072 bits", clause, token(), ALLOWED, algorithm="RS256", given=weak(3072)),
    ]


def _sets() -> list[Case]:
    odd: list[tuple[str, Any]] = [
        ("null", None),
        ("a string", "key"),
        ("a list", []),
        ("an empty object", {}),
        ("a symmetric key", {"kty": "oct", "k": "AAAA", "kid": "es256-1"}),
        ("a key of a type to come", {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "x"}),
        ("a bad RSA key", {"kty": "RSA", "n": "AA", "e": "AA", "kid": "x"}),
        ("a key nested deep", {"kty": "EC", "x": [[[[]]]]}),
    ]
    spoiled = [
        Case(
            f"{name} beside a good key",
            "RFC 7517 §5 (ignored); CVE-2026-102274",
            token(),
            ALLOWED,
            given=lambda issuer, member=member: issuer.odd_keys.append(member),
        )
        for name, member in odd
    ]
    twins = make_key("ES256", "twin")

    def twin(*, first: bool) -> Callable[[Issuer], object]:
        def set_keys(issuer: Issuer) -> None:
            two = [twins.jwk(kid=issuer.signing_key.kid), issuer.signing_key.jwk()]
            issuer.keys, issuer.odd_keys = [], two if first else two[::-1]

        return set_keys

    many = [make_key("ES256", "many", number).jwk(kid=f"many-{number}") for number in range(1, 100)]
    several = [
        Case(
            "two keys of one kid, ours last",
            "RFC 7517 §4.5 (should be distinct)",
            token(),
            ALLOWED,
            given=twin(first=True),
        ),
        Case(
            "two keys of one kid, ours first",
            "RFC 7517 §4.5 (should be distinct)",
            token(),
            ALLOWED,
            given=twin(first=False),
        ),
        Case(
            "two keys of one kid, of two types",
            "RFC 7517 §4.5 (different kty may share one)",
            token(),
            ALLOWED,
            given=lambda issuer: issuer.odd_keys.insert(
                0, make_key("EdDSA", "twin").jwk(kid="es256-1")
            ),
        ),
        Case(
            "a hundred keys, ours the last",
            "RFC 7517 §5 (a long key set)",
            token(),
            ALLOWED,
            given=lambda issuer: (
                setattr(issuer, "keys", []) or published(*many, issuer.signing_key.jwk())(issuer)
            ),
        ),
        Case(
            "no kid, ours the second that fits",
            "RFC 7515 appendix D",
            token(header={"kid": None}),
            ALLOWED,
            given=twin(first=True),
        ),
        Case(
            "no kid, ours the fifth that fits",
            "RFC 7515 appendix D (at most 4 fitting keys are tried)",
            token(header={"kid": None}),
            _SIGNATURE,
            given=lambda issuer: published(*many[:4], issuer.signing_key.jwk())(issuer),
        ),
        Case(
            "no kid, ours the fourth that fits",
            "RFC 7515 appendix D (at most 4 fitting keys are tried)",
            token(header={"kid": None}),
            ALLOWED,
            given=lambda issuer: published(*many[:3], issuer.signing_key.jwk())(issuer),
        ),
        Case(
            "no kid, and no key of its algorithm",
            "RFC 7515 appendix D",
            token(header={"kid": None}),
            _UNKNOWN_KEY,
            given=published(make_key("EdDSA", "twin").jwk()),
        ),
        Case(
            "no usable key at all",
            "RFC 7517 §5 (a set without a usable key is an outage)",
            token(),
            UNAVAILABLE,
            given=changed(beside=False, use="enc"),
        ),
        Case(
            "no key at all",
            "RFC 7517 §5 (a set without a usable key is an outage)",
            token(),
            UNAVAILABLE,
            given=published(),
        ),
    ]
    bodies: list[tuple[str, bytes]] = [
        ("not JSON", b"<html>"),
        ("empty", b""),
        ("a list", b"[]"),
        ("null", b"null"),
        ("without keys", b'{"key": []}'),
        ("with keys as an object", b'{"keys": {}}'),
        ("with keys as null", b'{"keys": null}'),
        ("with keys twice", b'{"keys": [], "keys": []}'),
        ("with a byte order mark", b'\xef\xbb\xbf{"keys": []}'),
        ("not UTF-8", b'{"keys": ["\xff"]}'),
        ("nested deep", b'{"keys": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
    ]
    nonsense = [
        Case(
            f"the JWK Set is {name}",
            "RFC 7517 §5",
            token(),
            UNAVAILABLE,
            given=lambda issuer, body=body: issuer.fail(HttpResponse(200, (), body), at="jwks"),
        )
        for name, body in bodies
    ]

    def typed(media_type: str) -> Callable[[Issuer], object]:
        return lambda issuer: issuer.fail(
            HttpResponse(
                200, (("content-type", media_type),), json.dumps(issuer.jwk_set()).encode()
            ),
            at="jwks",
        )

    kinds = [
        "application/json",
        "application/jwk-set+json",
        "application/octet-stream",
        "text/plain; charset=utf-8",
    ]
    types = [
        Case(
            f"the JWK Set comes as {kind}",
            "RFC 7517 §8.5 (servers send other media types)",
            token(),
            ALLOWED,
            given=typed(kind),
        )
        for kind in kinds
    ]
    return [*spoiled, *several, *nonsense, *types]


CASES: Final[list[Case]] = [*_changed_jwk(), *_weak(), *_sets()]
