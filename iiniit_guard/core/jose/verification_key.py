"""A public key bound to one algorithm in advance. The token's header cannot choose its use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from iiniit_guard.core.jose.public_key import Curve, EcPoint, PublicNumbers, RsaNumbers

Verifies: TypeAlias = Callable[[bytes, bytes], bool]
"""Called with signing input and signature. Returns False unless the signature is valid."""

ED25519_ALGORITHMS: Final = ("EdDSA", "Ed25519")


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """One key for one algorithm.

    Attributes:
        kid: The key ID in its JWK Set, or None.
        alg: The one algorithm that it verifies; `EdDSA` and `Ed25519` count as two.
        numbers: The public key. Equal keys have equal numbers, independent of their kid.
        verifies: Checks a signature by `alg`. It does not raise.
    """

    kid: str | None
    alg: str
    numbers: PublicNumbers = field(repr=False)
    verifies: Verifies = field(repr=False, compare=False)


def bind(numbers: PublicNumbers, alg: str) -> Verifies | None:
    """Return a function that verifies signatures with one key and one algorithm.

    The caller has checked that the key and the algorithm fit.

    Returns:
        None if the cryptographic library refuses the key or the algorithm (a FIPS build has no
        Ed25519).
    """
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        if isinstance(numbers, RsaNumbers):
            return _bind_rsa(numbers, alg)
        if isinstance(numbers, EcPoint):
            return _bind_ec(numbers.curve, numbers.x, numbers.y)
        return _bind_ed25519(numbers.encoded)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _bind_rsa(numbers: RsaNumbers, alg: str) -> Verifies:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

    hashes: dict[str, type[SHA256 | SHA384 | SHA512]] = {
        "256": SHA256,
        "384": SHA384,
        "512": SHA512,
    }
    algorithm = hashes[alg[2:]]()
    # RFC 7518 §3.5: the salt has the length of the hash.
    padding = PKCS1v15() if alg[:2] == "RS" else PSS(MGF1(algorithm), algorithm.digest_size)
    hashed, digest_of = Prehashed(algorithm), getattr(hashlib, algorithm.name)
    verify = RSAPublicNumbers(numbers.e, numbers.n).public_key().verify
    size = (numbers.n.bit_length() + 7) // 8

    def verifies(signing_input: bytes, signature: bytes) -> bool:
        # RFC 8017 §8.1.2, §8.2.2: as long as the modulus. OpenSSL also accepts a PSS signature
        # without its leading zero octet.
        if len(signature) != size:
            return False
        try:
            verify(signature, digest_of(signing_input).digest(), padding, hashed)
        except InvalidSignature:
            return False
        return True

    return verifies


def _bind_ec(curve: Curve, x: int, y: int) -> Verifies:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

    parameters: dict[str, tuple[type[ec.EllipticCurve], type[SHA256 | SHA384 | SHA512]]] = {
        "P-256": (ec.SECP256R1, SHA256),
        "P-384": (ec.SECP384R1, SHA384),
        "P-521": (ec.SECP521R1, SHA512),
    }
    group, hash_type = parameters[curve.name]
    algorithm, size, order = hash_type(), curve.size, curve.order
    verify = ec.EllipticCurvePublicNumbers(x, y, group()).public_key().verify
    scheme, digest_of = ec.ECDSA(Prehashed(algorithm)), getattr(hashlib, algorithm.name)

    def verifies(signing_input: bytes, signature: bytes) -> bool:
        if len(signature) != 2 * size:  # RFC 7518 §3.4: r and s at full length; DER is rejected
            return False
        r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
        # CVE-2022-21449: r = s = 0 was valid for every message
        if not (0 < r < order and 0 < s < order):
            return False
        try:
            verify(encode_dss_signature(r, s), digest_of(signing_input).digest(), scheme)
        except InvalidSignature:
            return False
        return True

    return verifies


def _bind_ed25519(encoded: bytes) -> Verifies:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    verify = Ed25519PublicKey.from_public_bytes(encoded).verify

    def verifies(signing_input: bytes, signature: bytes) -> bool:
        try:
            verify(signature, signing_input)
        except InvalidSignature:  # also for a signature of any other length
            return False
        return True

    return verifies
