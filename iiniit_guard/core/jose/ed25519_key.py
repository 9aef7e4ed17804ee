"""Ed25519 keys (RFC 8037, RFC 8032): the checks of a JWK, the signatures, and the thumbprint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from iiniit_guard.core.jose.encodings import decode_member, encode_base64url
from iiniit_guard.core.model.json_types import JsonObject

if TYPE_CHECKING:
    from iiniit_guard.core.jose.public_key import Verifies

ED25519_ALGORITHMS: Final = ("EdDSA", "Ed25519")
"""One algorithm with two names (RFC 8037 §3.1, RFC 9864 §2.2)."""

# RFC 8032 §5.1: edwards25519 over 2^255 - 19. With a public key of small order, one signature is
# valid for every message.
_PRIME: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _PRIME) % _PRIME
_ORDER_8_Y: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER_Y: Final = frozenset((0, 1, _PRIME - 1, _ORDER_8_Y, _PRIME - _ORDER_8_Y))


class Ed25519Point(NamedTuple):
    """The number of an Ed25519 key: an encoded point of the curve (RFC 8037 §2).

    The point is not of small order.
    """

    encoded: bytes

    def bind(self, _alg: str, /) -> Verifies:
        """Return a function that verifies Ed25519 signatures; see `PublicNumbers.bind`."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        verify = Ed25519PublicKey.from_public_bytes(self.encoded).verify

        def verifies(signing_input: bytes, signature: bytes) -> bool:
            try:
                verify(signature, signing_input)
            except InvalidSignature:  # also for a signature of any other length
                return False
            return True

        return verifies

    def thumbprint_members(self) -> str:
        """Return the JSON object that the thumbprint is computed from (RFC 8037 §2)."""
        x = encode_base64url(self.encoded).decode()
        return f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'


def parse_ed25519(jwk: JsonObject) -> Ed25519Point | str:
    """Return the public key of a JWK with `kty` `OKP` and this curve, or why it cannot be used."""
    encoded = decode_member(jwk, "x")
    if len(encoded) != 32:
        return "coordinate malformed or of wrong length"
    y = int.from_bytes(encoded, "little") & ((1 << 255) - 1)
    if y >= _PRIME:  # RFC 8032 §5.1.3: a second encoding of a point
        return "point not on the curve"
    if y in _SMALL_ORDER_Y:
        return "point of small order"
    # RFC 8032 §5.1.3: x² = (y² - 1) / (dy² + 1) must have a root. A quotient is a square if and
    # only if the product is one.
    if pow((y * y - 1) * (_D * y * y + 1), (_PRIME - 1) // 2, _PRIME) != 1:
        return "point not on the curve"
    return Ed25519Point(encoded)
