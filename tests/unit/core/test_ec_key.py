"""Elliptic curve keys: thumbprints and curves."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from iiniit_guard.core.jose.ec_key import CURVES, EcPoint
from iiniit_guard.core.jose.public_key import thumbprint
from tests.contract.cases.jose_checks import set_of
from tests.contract.cases.jose_keys import P521, b64, ec_jwk


def small_coordinate_key(coordinate):
    """Return a key whose x or y begins with a zero octet, which RFC 7638 §3.2 preserves."""
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


def test_a_key_out_of_pem_is_the_key_out_of_its_jwk():
    """The library reads the same key from PEM as the guard reads from the JWK."""
    pem = P521.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    loaded = serialization.load_pem_public_key(pem)
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    numbers = loaded.public_numbers()
    (key,) = set_of(ec_jwk(P521)).keys
    assert key.numbers == EcPoint(CURVES["P-521"], numbers.x, numbers.y)
