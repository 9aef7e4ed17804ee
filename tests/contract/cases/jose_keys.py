"""Keys for the JOSE tables: generated in each run, and written as JWKs independently."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

RSA: Final = rsa.generate_private_key(65537, 2048)
P256: Final = ec.generate_private_key(ec.SECP256R1())
P384: Final = ec.generate_private_key(ec.SECP384R1())
P521: Final = ec.generate_private_key(ec.SECP521R1())
ED25519: Final = ed25519.Ed25519PrivateKey.generate()

_HASHES: Final[Mapping[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}


def b64(octets: bytes) -> str:
    """Encode base64url without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def number(value: int, size: int | None = None) -> str:
    """Encode a Base64urlUInt, of `size` octets if given."""
    return b64(value.to_bytes((value.bit_length() + 7) // 8 if size is None else size, "big"))


def rsa_jwk(key: rsa.RSAPrivateKey = RSA, **members: Any) -> dict[str, Any]:
    """Return the public JWK of an RSA key."""
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), **members}


def ec_jwk(key: ec.EllipticCurvePrivateKey = P256, **members: Any) -> dict[str, Any]:
    """Return the public JWK of an elliptic curve key."""
    numbers, size = key.public_key().public_numbers(), (key.key_size + 7) // 8
    return {
        "kty": "EC",
        "crv": f"P-{key.key_size}",
        "x": number(numbers.x, size),
        "y": number(numbers.y, size),
        **members,
    }


def ed_jwk(key: ed25519.Ed25519PrivateKey = ED25519, **members: Any) -> dict[str, Any]:
    """Return the public JWK of an Ed25519 key."""
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": b64(key.public_key().public_bytes_raw()),
        **members,
    }


PUBLIC: Final[Mapping[str, dict[str, Any]]] = {
    **{
        f"{family}{bits}": rsa_jwk(kid="rsa") for family in ("RS", "PS") for bits in (256, 384, 512)
    },
    "ES256": ec_jwk(P256, kid="p256"),
    "ES384": ec_jwk(P384, kid="p384"),
    "ES512": ec_jwk(P521, kid="p521"),
    "EdDSA": ed_jwk(kid="ed"),
    "Ed25519": ed_jwk(kid="ed"),
}
"""The JWK that verifies each algorithm."""


def make_signature(alg: str, signing_input: bytes, *, salt_length: int | None = None) -> bytes:
    """Sign according to RFC 7518 §3 and RFC 8037 §3.1."""
    if alg.startswith("Ed"):
        return ED25519.sign(signing_input)
    chosen = _HASHES[alg[2:]]
    if alg[:2] == "RS":
        return RSA.sign(signing_input, padding.PKCS1v15(), chosen)
    if alg[:2] == "PS":
        salt = chosen.digest_size if salt_length is None else salt_length
        return RSA.sign(signing_input, padding.PSS(padding.MGF1(chosen), salt), chosen)
    key = {"ES256": P256, "ES384": P384, "ES512": P521}[alg]
    r, s = decode_dss_signature(key.sign(signing_input, ec.ECDSA(chosen)))
    size = (key.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def unsigned(header: Any, payload: Any = None, signature: bytes = b"signature") -> str:
    """Assemble a token; `header` and `payload` are octets, or values to encode as JSON."""
    parts = [
        part if isinstance(part, bytes) else json.dumps(part).encode()
        for part in (header, {"sub": "x"} if payload is None else payload)
    ]
    return ".".join([*map(b64, parts), b64(signature)])


def signed(
    alg: str,
    payload: Any = None,
    *,
    change: Callable[[bytes], bytes] = bytes,
    key_of: str | None = None,
    **header: Any,
) -> str:
    """Make a token with `alg`, signed by the key of `key_of` (default: `alg`).

    `change` modifies the signature.
    """
    head = unsigned({"alg": alg, **header}, payload).rpartition(".")[0]
    return f"{head}.{b64(change(make_signature(key_of or alg, head.encode())))}"
