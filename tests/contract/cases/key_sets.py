"""Rows about keys that are too short, and about key sets with odd members."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer, make_key
from tests.contract.cases.case import ALLOWED, UNAVAILABLE, Case, bad, token
from tests.contract.cases.keys import changed

_UNKNOWN_KEY: Final = bad(Reason.UNKNOWN_KEY)
_SIGNATURE: Final = bad(Reason.BAD_SIGNATURE)


def published(*jwks: Any) -> Callable[[Issuer], object]:
    """Publish exactly these keys."""

    def set_keys(issuer: Issuer) -> None:
        issuer.keys, issuer.odd_keys = [], list(jwks)

    return set_keys


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
            "no kid, ours the seventeenth that fits",
            "RFC 7515 appendix D (at most 16 fitting keys are tried)",
            token(header={"kid": None}),
            _SIGNATURE,
            given=lambda issuer: published(*many[:16], issuer.signing_key.jwk())(issuer),
        ),
        Case(
            "no kid, ours the sixteenth that fits",
            "RFC 7515 appendix D (at most 16 fitting keys are tried)",
            token(header={"kid": None}),
            ALLOWED,
            given=lambda issuer: published(*many[:15], issuer.signing_key.jwk())(issuer),
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


CASES: Final[list[Case]] = [*_weak(), *_sets()]
