"""RSA keys (RFC 7518 §6.3): the checks of a JWK, the signatures, and the thumbprint."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from iiniit_guard.core.jose.encodings import decode_member, encode_number
from iiniit_guard.core.model.json_types import JsonObject

if TYPE_CHECKING:
    from iiniit_guard.core.jose.public_key import Verifies

RSA_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")

MIN_MODULUS_BITS: Final = 2048  # RFC 7518 §3.3, §3.5
MAX_MODULUS_BITS: Final = 16384  # OpenSSL's own limit; verification takes 1 ms
# RFC 8017 §3.1 requires an odd e >= 3. With e = 1, every message is its own signature. 3 is weak
# only with a lax padding check; the padding check here is strict, so 3 is accepted. Exponents above
# 2^33 are not used in practice, and each bit costs time.
MIN_EXPONENT: Final = 3
MAX_EXPONENT: Final = 1 << 33


class RsaNumbers(NamedTuple):
    """The numbers of an RSA key: modulus and exponent (RFC 7518 §6.3.1)."""

    n: int
    e: int

    def bind(self, alg: str, /) -> Verifies:
        """Return a function that verifies signatures with `alg`; see `PublicNumbers.bind`."""
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
        verify = RSAPublicNumbers(self.e, self.n).public_key().verify
        size = (self.n.bit_length() + 7) // 8

        def verifies(signing_input: bytes, signature: bytes) -> bool:
            # RFC 8017 §8.1.2, §8.2.2: a signature is as long as the modulus. OpenSSL also accepts a
            # PSS signature without its leading zero octet.
            if len(signature) != size:
                return False
            try:
                verify(signature, digest_of(signing_input).digest(), padding, hashed)
            except InvalidSignature:
                return False
            return True

        return verifies

    def thumbprint_members(self) -> str:
        """Return the JSON object that the thumbprint is computed from (RFC 7638 §3.2)."""
        return f'{{"e":"{encode_number(self.e)}","kty":"RSA","n":"{encode_number(self.n)}"}}'


def _powers_of_65537(prime: int) -> frozenset[int]:
    powers, power = {1}, 65537 % prime
    while power not in powers:
        powers.add(power)
        power = power * 65537 % prime
    return frozenset(powers)


_ROCA_PRIMES: Final = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)
_ROCA: Final = tuple((prime, _powers_of_65537(prime)) for prime in _ROCA_PRIMES)


def parse_rsa(jwk: JsonObject) -> RsaNumbers | str:
    """Return the public key of a JWK with `kty` `RSA`, or why it cannot be used."""
    # RFC 7518 §2 allows no leading zero octet, but §6.3.1.1 notes that libraries write one. The
    # number is the same, and so is the thumbprint.
    n = int.from_bytes(decode_member(jwk, "n"), "big")
    e = int.from_bytes(decode_member(jwk, "e"), "big")
    if not n or not e:
        return "malformed number"
    if not MIN_MODULUS_BITS <= n.bit_length() <= MAX_MODULUS_BITS:
        return "modulus too short or too long"
    if not n & 1:
        return "even modulus"
    if not MIN_EXPONENT <= e <= MAX_EXPONENT or not e & 1:
        return "exponent even, too small or too large"
    if all(n % prime in powers for prime, powers in _ROCA):
        return "modulus can be factored (CVE-2017-15361)"
    return RsaNumbers(n, e)
