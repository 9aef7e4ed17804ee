"""JSON Web Key Sets: parsing the usable keys and selecting the candidates for a token."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from iiniit_guard.core.jose.ec_key import CURVES, parse_ec
from iiniit_guard.core.jose.ed25519_key import ED25519_ALGORITHMS, parse_ed25519
from iiniit_guard.core.jose.encodings import parse_object
from iiniit_guard.core.jose.public_key import PublicNumbers, VerificationKey
from iiniit_guard.core.jose.rsa_key import RSA_ALGORITHMS, parse_rsa
from iiniit_guard.core.model.flow import Checkpoint, Flow
from iiniit_guard.core.model.json_types import JsonObject, without_nulls

__all__ = [
    "MAX_CANDIDATES",
    "MAX_KEYS",
    "Jwk",
    "JwkSet",
    "SkippedKey",
    "VerificationKey",
    "read_jwk_set",
]

MAX_KEYS: Final = 100
"""Maximum number of keys read from a set; the rest is ignored.

Large providers publish up to a dozen.
"""

ENCRYPTION: Final = "use is enc"
"""The reason of a key for encryption. Many issuers publish one, so it is not a fault."""

_AT_ONE_GO: Final = 8  # parsing an Ed25519 key takes 0.09 ms, other keys 0.01 ms

_MOST_OPERATIONS: Final = 16  # RFC 7517 §4.3 has eight

MAX_CANDIDATES: Final = 16
"""Maximum number of keys tried for a token.

Verifying a signature is expensive, and the client decides how many tokens it sends.
"""

_NULL_IS_ABSENT: Final = frozenset(("kid", "alg", "use", "key_ops"))
_PRIVATE: Final = frozenset(
    ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
)  # RFC 7518 §6.2.2, §6.3.2, §6.4.1


@dataclass(frozen=True, slots=True)
class Jwk:
    """One usable key of a set.

    Attributes:
        kid: Its key ID, or None.
        algorithms: The algorithms that it may verify: one if the JWK has `alg`, else all that fit
            its type.
        numbers: The public key.
    """

    kid: str | None
    algorithms: tuple[str, ...]
    numbers: PublicNumbers = field(repr=False)


class SkippedKey(NamedTuple):
    """A key that the guard does not use.

    Attributes:
        position: In the issuer's order, from 0.
        kid: Its key ID as sent; None without one.
        reason: Why it is not used, without any part of the key.
    """

    position: int
    kid: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class JwkSet:
    """The usable keys of an issuer. A set never changes; a refresh creates a new set.

    An empty set is false in a boolean context. Compare with `is None` to test for a missing set.

    Attributes:
        keys: In the issuer's order.
        skipped: The keys that were left out.
    """

    keys: tuple[Jwk, ...] = ()
    skipped: tuple[SkippedKey, ...] = ()
    _found: dict[tuple[str | None, str], tuple[VerificationKey, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, kid: str | None, alg: str) -> tuple[VerificationKey, ...]:
        """Return the keys to try for a token, at most `MAX_CANDIDATES`.

        A key is omitted if the cryptographic library refuses the key or `alg`.

        Args:
            kid: The token's key ID. None means that the token has none, and every key that fits
                `alg` is a candidate.
            alg: The token's algorithm, already checked to be allowed.

        Spec: RFC 7515 §6, appendix D; RFC 7517 §4.5: several keys may share a kid.
        """
        found = self._found.get((kid, alg))
        if found is not None:
            return found
        fitting = [
            key for key in self.keys if alg in key.algorithms and (kid is None or key.kid == kid)
        ]
        if not fitting:
            return ()  # not cached: any client can choose these values
        from cryptography.exceptions import UnsupportedAlgorithm

        bound = []
        for key in fitting[:MAX_CANDIDATES]:
            # The library may refuse a key or an algorithm: a FIPS build has no Ed25519.
            with suppress(ValueError, UnsupportedAlgorithm):
                bound.append(VerificationKey(key.kid, alg, key.numbers, key.numbers.bind(alg)))
        found = self._found[kid, alg] = tuple(bound)
        return found

    def try_first(self, kid: str | None, key: VerificationKey) -> None:
        """Return `key` first from `find` for this key ID. It verified a token that names it."""
        found = self._found.get((kid, key.alg), ())
        others = tuple(other for other in found if other is not key)
        if len(others) < len(found):
            self._found[kid, key.alg] = (key, *others)


def read_jwk_set(
    body: bytes, issuers: frozenset[str] = frozenset(), use: str = "sig"
) -> Flow[JwkSet | None]:
    """Parse a JWK Set, eight keys at a time. Unusable keys are skipped.

    A key that the guard cannot or must not use does not affect the other keys.

    Args:
        body: The document.
        issuers: See `TrustedIssuer.key_issuers`.
        use: The value of `use` that a key may have, besides `sig`.

    Returns:
        None if the body is not a JWK Set: not strict JSON, or without a list `keys`.

    Spec: RFC 7517 §5.
    """
    parsed = parse_object(body)
    listed = None if parsed is None else parsed.get("keys")
    if not isinstance(listed, list):
        return None
    keys, skipped = [], []
    for position, member in enumerate(listed[:MAX_KEYS]):
        if position and position % _AT_ONE_GO == 0:
            yield Checkpoint()
        key = parse_jwk(member, use)
        if issuers and isinstance(key, Jwk) and not _belongs_to(member, issuers):
            key = "issuer is another one, or missing"
        if isinstance(key, str):
            kid = member.get("kid") if isinstance(member, dict) else None
            skipped.append(SkippedKey(position, kid if isinstance(kid, str) else None, key))
        else:
            keys.append(key)
    if len(listed) > MAX_KEYS:
        skipped.append(SkippedKey(MAX_KEYS, None, f"the set has more than {MAX_KEYS} keys"))
    return JwkSet(tuple(keys), tuple(skipped))


def parse_jwk(member: object, use: str = "sig") -> Jwk | str:
    """Return the public key of one JWK, or why it cannot be used, without any part of the key.

    Args:
        member: The JWK.
        use: The value of `use` that it may have, besides `sig`.
    """
    if not isinstance(member, dict):
        return "not an object"
    if None in member.values():
        member = without_nulls(member, _NULL_IS_ABSENT)
    fault = _member_fault(member, use)
    if fault is not None:
        return fault
    kid, crv = member.get("kid"), member.get("crv")
    numbers: PublicNumbers | str
    algorithms: tuple[str, ...]
    match member.get("kty"):
        case "RSA":
            numbers, algorithms = parse_rsa(member), RSA_ALGORITHMS
        case "EC" if isinstance(crv, str) and crv in CURVES:
            numbers, algorithms = parse_ec(member, CURVES[crv]), (CURVES[crv].alg,)
        case "OKP" if crv == "Ed25519":
            numbers, algorithms = parse_ed25519(member), ED25519_ALGORITHMS
        case "EC" | "OKP":
            return "curve not supported"
        case kty:
            return "symmetric key" if kty == "oct" else "key type not supported"
    if isinstance(numbers, str):
        return numbers
    if "alg" in member:  # RFC 7517 §4.4
        if member["alg"] not in algorithms:
            return "alg does not fit the key, or is not supported"
        # RFC 9864 gave one algorithm a second name, so an OKP key with either name supports both.
        if algorithms is not ED25519_ALGORITHMS:
            algorithms = (member["alg"],)
    return Jwk(kid, algorithms, numbers)


def _belongs_to(member: JsonObject, issuers: frozenset[str]) -> bool:
    """Return whether a key of a shared set may sign for one of `issuers`.

    Entra ID limits a key by its member `issuer`. RFC 7517 §4 allows such members.
    """
    issuer = member.get("issuer")
    return isinstance(issuer, str) and issuer in issuers


def _member_fault(member: JsonObject, allowed: str) -> str | None:
    """Return the fault of a JWK in its `kid`, its uses or its secret members, or None.

    Spec: RFC 7517 §4.2, §4.3, §4.5.
    """
    if "kid" in member and not isinstance(member["kid"], str):
        return "kid is not a string"
    # A published secret lets every reader of the set sign tokens.
    if not _PRIVATE.isdisjoint(member):
        return "symmetric key" if member.get("kty") == "oct" else "private key"
    if member.get("use", "sig") not in ("sig", allowed):
        return ENCRYPTION if member["use"] == "enc" else "use is not sig"
    operations = member.get("key_ops", ["verify"])
    if isinstance(operations, list) and len(operations) > _MOST_OPERATIONS:
        return "key_ops has too many operations"
    if not isinstance(operations, list) or not all(
        isinstance(operation, str) for operation in operations
    ):
        return "key_ops is not a list of strings"
    if len(set(operations)) != len(operations):
        return "key_ops repeats an operation"
    return None if "verify" in operations else "key_ops is without verify"
