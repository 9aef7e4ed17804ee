"""Elliptic curve keys (RFC 7518 §6.2): the checks of a JWK, the signatures, and the thumbprint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from iiniit_guard.core.jose.encodings import decode_member, encode_number
from iiniit_guard.core.model.json_types import JsonObject

if TYPE_CHECKING:
    from iiniit_guard.core.jose.public_key import Verifies


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A prime curve y² = x³ - 3x + b of SEC 2 §2, with its JOSE parameters.

    Attributes:
        name: `crv` (RFC 7518 §6.2.1.1).
        alg: The only algorithm for this curve (RFC 7518 §3.4).
        size: Octets of a coordinate and of each half of a signature.
        prime: The prime of the field.
        b: The coefficient b.
        order: The order n of the base point.
    """

    name: str
    alg: str
    size: int
    prime: int = field(repr=False)
    b: int = field(repr=False)
    order: int = field(repr=False)


CURVES: Final[dict[str, Curve]] = {
    curve.name: curve
    for curve in (
        Curve(
            "P-256",
            "ES256",
            32,
            2**256 - 2**224 + 2**192 + 2**96 - 1,
            0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
            0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        ),
        Curve(
            "P-384",
            "ES384",
            48,
            2**384 - 2**128 - 2**96 + 2**32 - 1,
            0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
            2**384 - 0x389CB27E0BC8D220A7E5F24DB74F58851313E695333AD68D,
        ),
        Curve(
            "P-521",
            "ES512",
            66,
            2**521 - 1,
            0x51953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
            2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
        ),
    )
}


class EcPoint(NamedTuple):
    """The numbers of an elliptic curve key: a point that lies on its curve (RFC 7518 §6.2.1)."""

    curve: Curve
    x: int
    y: int

    def bind(self, _alg: str, /) -> Verifies:
        """Return a function that verifies signatures with `curve.alg`; see `PublicNumbers.bind`."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
        from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

        parameters: dict[str, tuple[type[ec.EllipticCurve], type[SHA256 | SHA384 | SHA512]]] = {
            "P-256": (ec.SECP256R1, SHA256),
            "P-384": (ec.SECP384R1, SHA384),
            "P-521": (ec.SECP521R1, SHA512),
        }
        group, hash_type = parameters[self.curve.name]
        algorithm, size, order = hash_type(), self.curve.size, self.curve.order
        verify = ec.EllipticCurvePublicNumbers(self.x, self.y, group()).public_key().verify
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

    def thumbprint_members(self) -> str:
        """Return the JSON object that the thumbprint is computed from (RFC 7638 §3.2)."""
        size = self.curve.size
        x, y = encode_number(self.x, size), encode_number(self.y, size)
        return f'{{"crv":"{self.curve.name}","kty":"EC","x":"{x}","y":"{y}"}}'


def parse_ec(jwk: JsonObject, curve: Curve) -> EcPoint | str:
    """Return the public key of a JWK with `kty` `EC` and this curve, or why it cannot be used."""
    octets_x, octets_y = decode_member(jwk, "x"), decode_member(jwk, "y")
    # RFC 7518 §6.2.1.2: always the full size
    if len(octets_x) != curve.size or len(octets_y) != curve.size:
        return "coordinate malformed or of wrong length"
    x, y = int.from_bytes(octets_x, "big"), int.from_bytes(octets_y, "big")
    if x >= curve.prime or y >= curve.prime or (y * y - x * x * x + 3 * x - curve.b) % curve.prime:
        return "point not on the curve"
    return EcPoint(curve, x, y)
