"""Keys for tests. Never use them outside tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import get_default_algorithms

from iiniit_guard.adapting.types import JsonObject

if TYPE_CHECKING:
    from jwt.algorithms import Algorithm

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
Signer: TypeAlias = Callable[[bytes], bytes]
"""A function that returns the signature of a signing input."""

# RFC 9864 adds a separate name for EdDSA over this curve, which PyJWT does not support yet.
_ALGORITHMS: Final[dict[str, Algorithm]] = {
    **get_default_algorithms(),
    "Ed25519": get_default_algorithms()["EdDSA"],
}
_moduli: Final[dict[tuple[str, int, int], rsa.RSAPrivateKey]] = {}
_CURVES: Final[dict[str, type[ec.EllipticCurve]]] = {
    "ES256": ec.SECP256R1,
    "ES384": ec.SECP384R1,
    "ES512": ec.SECP521R1,
}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key bound to one algorithm.

    Attributes:
        kid: The key ID of the public half; None omits it in the key set and in the tokens.
        algorithm: `RS256` to `RS512`, `PS256` to `PS512`, `ES256` to `ES512`, `EdDSA` or `Ed25519`.
        private_key: The key as an object of `cryptography`.
    """

    kid: str | None
    algorithm: str
    private_key: PrivateKey = field(repr=False)

    def __call__(self, message: bytes) -> bytes:
        """Return the signature of `message` for the algorithm (RFC 7518 §3)."""
        return _ALGORITHMS[self.algorithm].sign(message, self.private_key)

    def jwk(self, **members: object) -> JsonObject:
        """Return the public half as a JSON Web Key.

        Args:
            members: Members to replace or add; None removes one (`alg=None` returns a key without
                `alg`, as many servers publish it).
        """
        public: JsonObject = _ALGORITHMS[self.algorithm].to_jwk(
            self.private_key.public_key(), as_dict=True
        )
        public.pop("key_ops", None)
        return without_none(
            {**public, "use": "sig", "alg": self.algorithm, "kid": self.kid, **members}
        )

    def private_pem(self) -> str:
        """Return the private half as unencrypted PKCS #8 PEM, for settings that need a key."""
        return self.private_key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode("ascii")


@cache
def make_key(algorithm: str, owner: str = "", number: int = 1, bits: int = 2048) -> SigningKey:
    """Return a signing key, the same one for the same arguments.

    Keys are cached because generating an RSA key takes a tenth of a second.

    >>> make_key("ES256") is make_key("ES256")
    True
    >>> make_key("ES256").kid
    'es256-1'

    Args:
        algorithm: As in `SigningKey`.
        owner: The owner of the key. Two owners never share a key, even if the key IDs are equal.
        number: The number of the key among those of the owner.
        bits: Size of an RSA modulus.
    """
    if algorithm[:2] in ("RS", "PS") and algorithm in _ALGORITHMS:
        wanted = (owner, number, bits)
        # One modulus serves all six algorithms; the `alg` of the JWK distinguishes the keys.
        if wanted not in _moduli:
            _moduli[wanted] = rsa.generate_private_key(65537, bits)
        return SigningKey(f"{algorithm.lower()}-{number}", algorithm, _moduli[wanted])
    return new_key(algorithm, number)


def new_key(algorithm: str, number: int = 1) -> SigningKey:
    """Generate a signing key that no other call returns. See `make_key` for the arguments."""
    return SigningKey(f"{algorithm.lower()}-{number}", algorithm, _private_key(algorithm))


def without_none(members: JsonObject) -> JsonObject:
    """Return `members` without those that are None."""
    return {name: value for name, value in members.items() if value is not None}


def _private_key(algorithm: str) -> PrivateKey:
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm]())
    if algorithm in ("EdDSA", "Ed25519"):
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm[:2] in ("RS", "PS") and algorithm in _ALGORITHMS:
        return rsa.generate_private_key(65537, 2048)
    raise ValueError(f"{algorithm!r} is not a signature algorithm for access tokens")
