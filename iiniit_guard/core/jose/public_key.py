"""The interface of public keys of every type, and a public key bound to one algorithm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol, TypeAlias

from iiniit_guard.core.jose.encodings import encode_base64url

Verifies: TypeAlias = Callable[[bytes, bytes], bool]
"""Called with the signing input and the signature. Returns whether the signature is valid."""


class PublicNumbers(Protocol):
    """The numbers of a checked public key. Equal keys have equal numbers with the same hash."""

    def bind(self, alg: str, /) -> Verifies:
        """Return a function that verifies signatures with this key and one algorithm.

        `JwkSet.find` has checked that the key and the algorithm fit.

        Raises:
            ValueError: The cryptographic library refuses the key.
            UnsupportedAlgorithm: The library refuses the algorithm.
        """
        ...

    def thumbprint_members(self) -> str:
        """Return the JSON object that the thumbprint is computed from (RFC 7638 §3)."""
        ...


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key that is bound to one algorithm before a token arrives.

    So the header of a token cannot choose how the key is used.

    Attributes:
        kid: The key ID in its JWK Set, or None.
        alg: The one algorithm of the key; `EdDSA` and `Ed25519` count as two.
        numbers: The public key. Equal keys have equal numbers, independent of their `kid`.
        verifies: Checks a signature with `alg`. It raises no exception.
    """

    kid: str | None
    alg: str
    numbers: PublicNumbers = field(repr=False)
    verifies: Verifies = field(repr=False, compare=False)


def thumbprint(numbers: PublicNumbers) -> str:
    """Return the thumbprint of a key (RFC 7638 §3, RFC 8037 §2), in base64url.

    The thumbprint depends on the public numbers alone.
    """
    return encode_base64url(sha256(numbers.thumbprint_members().encode()).digest()).decode()
