"""Goal 4: a token that is not cached, with all checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any, Final

from iiniit_guard.guard import Guard
from iiniit_guard.testing import Issuer
from tests.load.benchmarks import peers
from tests.load.benchmarks.floors import verifying
from tests.load.benchmarks.measure import Row, compare, floor_note
from tests.load.benchmarks.tokens import make_guard, make_issuer, token_of

LIMITS: Final = {"RS256": 1.25, "ES256": 1.12, "EdDSA": 1.12}
_SIGNATURE: Final = "the raw signature"
_OVER_SIGNATURE: Final = "÷ the raw signature"
_TOKENS: Final = 256


def measure(rounds: int) -> list[Row]:
    """Compare with the floor, and with the signature check of `cryptography` alone."""
    return [_measure(algorithm, limit, rounds) for algorithm, limit in LIMITS.items()]


def _measure(algorithm: str, limit: float, rounds: int) -> Row:
    issuer = make_issuer(algorithm)
    guard = make_guard(issuer)
    tokens = [token_of(issuer, number=number) for number in range(_TOKENS)]
    verify = raw_signature(issuer)
    parts = cycle([parts_of(token, algorithm) for token in tokens])
    own_form = (
        (lambda signature, message: verify(_der(signature), message))
        if algorithm == "ES256"
        else verify
    )
    floor = verifying(own_form, str(issuer.signing_key.kid), algorithm)
    checks: dict[str, Any] = {
        name: _each(check, tokens) for name, check in peers.jwt_checks(issuer).items()
    }
    able, unable = peers.split(checks)
    contestants = {
        "ours": each_forgotten(guard, tokens),
        _SIGNATURE: lambda: verify(*next(parts)),
        **able,
    }
    # A turn takes every token once, so the eviction, which a server does all the time, costs the
    # same in each turn.
    measured = compare(
        _each(floor, tokens),
        contestants,
        rounds=rounds,
        calls=_TOKENS,
        quotients={_OVER_SIGNATURE: ("ours", _SIGNATURE)},
    )
    return Row(
        goal=4,
        name=f"cold JWT, {len(tokens[0])} bytes, {algorithm}",
        limit=limit,
        ours=measured["ours"],
        peers={**{name: measured[name] for name in able}, **unable},
        beside={name: measured[name] for name in (_SIGNATURE, _OVER_SIGNATURE)},
        note=floor_note(measured),
    )


def _each(check: Any, tokens: list[str]) -> Any:
    if isinstance(check, str):
        return check
    turn = cycle(tokens)
    return lambda: check(next(turn))


def each_forgotten(guard: Guard, tokens: list[str]) -> Callable[[], object]:
    """Verify one token after the other. Before the first one is repeated, all are evicted, so each
    one is new.
    """

    def asks() -> Iterator[object]:
        while True:
            guard._engine.resource.cache.clear()
            for token in tokens:
                yield guard.verify(token)

    return asks().__next__


def raw_signature(issuer: Issuer) -> Callable[[bytes, bytes], object]:
    """Return a function that checks a signature by `cryptography` alone."""
    from cryptography.hazmat.primitives.asymmetric import ec, padding
    from cryptography.hazmat.primitives.hashes import SHA256

    key: Any = issuer.signing_key.private_key.public_key()
    match issuer.signing_key.algorithm:
        case "RS256":
            pkcs1, sha256 = padding.PKCS1v15(), SHA256()
            return lambda signature, message: key.verify(signature, message, pkcs1, sha256)
        case "ES256":
            scheme = ec.ECDSA(SHA256())
            return lambda signature, message: key.verify(signature, message, scheme)
        case _:
            verify: Callable[[bytes, bytes], object] = key.verify
            return verify


def parts_of(token: str, algorithm: str) -> tuple[bytes, bytes]:
    """Return the signature of a JWS in the form of `raw_signature`, and the signed octets."""
    from iiniit_guard.core.jose.encodings import decode_base64url

    signing_input, _, encoded = token.encode().rpartition(b".")
    signature = decode_base64url(encoded) or b""
    return (_der(signature) if algorithm == "ES256" else signature), signing_input


def _der(signature: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    half = len(signature) // 2
    return encode_dss_signature(
        int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
    )
