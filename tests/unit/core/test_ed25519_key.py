"""Ed25519 keys: points that are rejected."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.cases.jose_checks import set_of
from tests.contract.cases.jose_keys import b64, ed_jwk


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
