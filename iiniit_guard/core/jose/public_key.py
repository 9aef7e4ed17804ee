"""Public keys as numbers, parsed from a JWK and checked before any library uses them."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, NamedTuple, TypeAlias

from iiniit_guard.core.jose.encodings import decode_base64url, encode_base64url
from iiniit_guard.core.model.json_types import JsonObject

MIN_MODULUS_BITS: Final = 2048  # RFC 7518 §3.3, §3.5
MAX_MODULUS_BITS: Final = 16384  # OpenSSL's own limit; verification takes 1 ms
_LONGEST_NUMBER: Final = 4096  # characters; twice the length of the longest modulus
# RFC 8017 §3.1 requires an odd e >= 3. With e = 1, every message is its own signature. 3 is weak
# only with a lax padding check; the padding check here is strict, so 3 is accepted. Exponents above
# 2^33 are not used in practice, and each bit costs time.
MIN_EXPONENT: Final = 3
MAX_EXPONENT: Final = 1 << 33


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


class RsaNumbers(NamedTuple):
    """RFC 7518 §6.3.1: modulus and exponent."""

    n: int
    e: int


class EcPoint(NamedTuple):
    """RFC 7518 §6.2.1: a point that lies on its curve."""

    curve: Curve
    x: int
    y: int


class Ed25519Point(NamedTuple):
    """RFC 8037 §2: an encoded point that lies on the curve and is not of small order."""

    encoded: bytes


PublicNumbers: TypeAlias = RsaNumbers | EcPoint | Ed25519Point

# RFC 8032 §5.1: edwards25519 over 2^255 - 19. With a public key of small order, one signature is
# valid for every message.
_ED_PRIME: Final = 2**255 - 19
_ED_D: Final = -121665 * pow(121666, -1, _ED_PRIME) % _ED_PRIME
_ED_ORDER_8_Y: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER_Y: Final = frozenset((0, 1, _ED_PRIME - 1, _ED_ORDER_8_Y, _ED_PRIME - _ED_ORDER_8_Y))


def _powers_of_65537(prime: int) -> frozenset[int]:
    powers, power = {1}, 65537 % prime
    while power not in powers:
        powers.add(power)
        power = power * 65537 % prime
    return frozenset(powers)


_ROCA_PRIMES: Final = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)
_ROCA: Final = tuple((prime, _powers_of_65537(prime)) for prime in _ROCA_PRIMES)


def parse_public_numbers(jwk: JsonObject) -> PublicNumbers | str:
    """Parse the public key of a JWK.

    Returns:
        The key, or why it cannot be used, as a text that holds no part of the JWK.

    Spec: RFC 7518 §6.2, §6.3; RFC 8037 §2.
    """
    kty, crv = jwk.get("kty"), jwk.get("crv")
    if kty == "RSA":
        return _parse_rsa(jwk)
    if kty == "EC":
        curve = CURVES.get(crv) if isinstance(crv, str) else None
        return "curve not supported" if curve is None else _parse_point(jwk, curve)
    if kty == "OKP":
        return _parse_ed25519(jwk) if crv == "Ed25519" else "curve not supported"
    return "symmetric key" if kty == "oct" else "key type not supported"


def thumbprint(numbers: PublicNumbers) -> str:
    """Return the thumbprint of a key (RFC 7638 §3, RFC 8037 §2), in base64url.

    It depends on the public numbers alone.
    """
    if isinstance(numbers, RsaNumbers):
        members = f'{{"e":"{_text(numbers.e)}","kty":"RSA","n":"{_text(numbers.n)}"}}'
    elif isinstance(numbers, EcPoint):
        size = numbers.curve.size
        x, y = _text(numbers.x, size), _text(numbers.y, size)
        members = f'{{"crv":"{numbers.curve.name}","kty":"EC","x":"{x}","y":"{y}"}}'
    else:
        members = (
            f'{{"crv":"Ed25519","kty":"OKP","x":"{encode_base64url(numbers.encoded).decode()}"}}'
        )
    return encode_base64url(sha256(members.encode()).digest()).decode()


def _text(number: int, size: int = 0) -> str:
    return encode_base64url(number.to_bytes(size or (number.bit_length() + 7) // 8, "big")).decode()


def _octets(jwk: JsonObject, name: str) -> bytes:
    """Decode the member `name`.

    The result is empty if the member is missing, malformed or longer than any accepted number.
    """
    value = jwk.get(name)
    if not isinstance(value, str) or len(value) > _LONGEST_NUMBER:
        return b""
    return decode_base64url(value.encode("ascii", "replace")) or b""


def _parse_rsa(jwk: JsonObject) -> RsaNumbers | str:
    # RFC 7518 §2 allows no leading zero octet, but §6.3.1.1 notes that libraries write one. The
    # number is the same, and so is the thumbprint.
    n, e = int.from_bytes(_octets(jwk, "n"), "big"), int.from_bytes(_octets(jwk, "e"), "big")
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


def _parse_point(jwk: JsonObject, curve: Curve) -> EcPoint | str:
    octets_x, octets_y = _octets(jwk, "x"), _octets(jwk, "y")
    # RFC 7518 §6.2.1.2: always the full size
    if len(octets_x) != curve.size or len(octets_y) != curve.size:
        return "coordinate malformed or of wrong length"
    x, y = int.from_bytes(octets_x, "big"), int.from_bytes(octets_y, "big")
    if x >= curve.prime or y >= curve.prime or (y * y - x * x * x + 3 * x - curve.b) % curve.prime:
        return "point not on the curve"
    return EcPoint(curve, x, y)


def _parse_ed25519(jwk: JsonObject) -> Ed25519Point | str:
    encoded = _octets(jwk, "x")
    if len(encoded) != 32:
        return "coordinate malformed or of wrong length"
    y = int.from_bytes(encoded, "little") & ((1 << 255) - 1)
    if y >= _ED_PRIME:  # RFC 8032 §5.1.3: a second encoding of a point
        return "point not on the curve"
    if y in _SMALL_ORDER_Y:
        return "point of small order"
    # RFC 8032 §5.1.3: x² = (y² - 1) / (dy² + 1) must have a root. A quotient is a square if and
    # only if the product is one.
    if pow((y * y - 1) * (_ED_D * y * y + 1), (_ED_PRIME - 1) // 2, _ED_PRIME) != 1:
        return "point not on the curve"
    return Ed25519Point(encoded)
