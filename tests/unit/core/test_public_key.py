"""Public key parsing: thumbprints, curves, and points that are rejected."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from iiniit_guard.core.jose.public_key import CURVES, EcPoint, thumbprint
from tests.contract.cases.jose_checks import set_of
from tests.contract.cases.jose_keys import P521, b64, ec_jwk, ed_jwk


def small_coordinate_key(coordinate):
    """Find a key whose x or y begins with a zero octet, which RFC 7638 §3.2 preserves."""
    for secret in range(1, 5_000):
        key = ec.derive_private_key(secret, ec.SECP256R1())
        if getattr(key.public_key().public_numbers(), coordinate) < 1 << 248:
            return key
    raise AssertionError


@pytest.mark.parametrize(
    "key",
    [small_coordinate_key("x"), small_coordinate_key("y"), P521],
    ids=["x with a leading zero", "y with a leading zero", "P-521"],
)
def test_the_thumbprint_of_a_point_has_whole_coordinates(key):
    jwk = ec_jwk(key)
    members = json.dumps(
        {name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":")
    )
    assert thumbprint(set_of(jwk).keys[0].numbers) == b64(sha256(members.encode()).digest())


@pytest.mark.parametrize("curve", CURVES.values(), ids=lambda curve: curve.name)
def test_the_curves_are_those_of_the_library(curve):
    made = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}[curve.name]
    assert curve.size == (made.key_size + 7) // 8
    for secret in (1, 2, 3, curve.order - 1):
        jwk = ec_jwk(ec.derive_private_key(secret, made))
        assert set_of(jwk).find(None, curve.alg)
    with pytest.raises(ValueError, match=r"(?i)key"):
        ec.derive_private_key(curve.order, made)
    assert pow(2, curve.prime - 1, curve.prime) == 1


@given(st.binary(min_size=32, max_size=32))
def test_no_usable_ed25519_key_is_refused_and_no_unusable_one_taken(seed):
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    assert len(set_of(ed_jwk(key))) == 1
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(seed)}
    taken = len(set_of(jwk)) == 1
    assert taken is _decompresses(seed)


def _decompresses(encoded):
    """Recover x according to RFC 8032 §5.1.3, with formulas independent of the package."""
    p = 2**255 - 19
    y = int.from_bytes(encoded, "little") % (1 << 255)
    d = -121665 * pow(121666, p - 2, p) % p
    square = (y * y - 1) * pow(d * y * y + 1, p - 2, p) % p
    x = pow(square, (p + 3) // 8, p)
    if (x * x - square) % p:
        x = x * pow(2, (p - 1) // 4, p) % p
    return y < p and (x * x - square) % p == 0 and square != 0 and y != 0


def _add(left, right):
    """Add two points of edwards25519, by the affine formulas of RFC 8032 §5.1.4's curve."""
    p = 2**255 - 19
    d = -121665 * pow(121666, p - 2, p) % p
    (x1, y1), (x2, y2) = left, right
    product = d * x1 * x2 * y1 * y2
    return (x1 * y2 + x2 * y1) * pow(1 + product, -1, p) % p, (y1 * y2 + x1 * x2) * pow(
        1 - product, -1, p
    ) % p


def _torsion_point():
    """Make a point of order 8: a point of the curve, times the order of the base point."""
    order = 2**252 + 27742317777372353535851937790883648493
    y = next(
        y
        for y in range(2, 1000)
        if _decompresses(y.to_bytes(32, "little")) and _order_of(_times(order, _lift(y))) == 8
    )
    return _times(order, _lift(y))


def _lift(y):
    p = 2**255 - 19
    d = -121665 * pow(121666, p - 2, p) % p
    square = (y * y - 1) * pow(d * y * y + 1, p - 2, p) % p
    x = pow(square, (p + 3) // 8, p)
    return (x if (x * x - square) % p == 0 else x * pow(2, (p - 1) // 4, p) % p), y


def _times(factor, point):
    total = (0, 1)
    while factor:
        if factor & 1:
            total = _add(total, point)
        point, factor = _add(point, point), factor >> 1
    return total


def _order_of(point):
    return next(factor for factor in range(1, 9) if _times(factor, point) == (0, 1))


def test_all_eight_points_of_small_order_are_refused():
    """One signature under such a key verifies for many messages."""
    torsion = _torsion_point()
    points = {_times(factor, torsion) for factor in range(8)}
    assert len(points) == 8
    for x, y in points:
        encoded = (y | (x & 1) << 255).to_bytes(32, "little")
        (skipped,) = set_of({"kty": "OKP", "crv": "Ed25519", "x": b64(encoded)}).skipped
        assert skipped.reason == "point of small order"


def test_a_key_out_of_pem_is_the_key_out_of_its_jwk():
    """The JWK and the library agree on which key it is."""
    pem = P521.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    loaded = serialization.load_pem_public_key(pem)
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    numbers = loaded.public_numbers()
    (key,) = set_of(ec_jwk(P521)).keys
    assert key.numbers == EcPoint(CURVES["P-521"], numbers.x, numbers.y)
