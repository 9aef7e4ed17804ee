"""Functions that tamper with a token, for the tables of signatures and spellings."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from iiniit_guard.testing import Issuer, make_key
from iiniit_guard.testing.jws import encode
from tests.contract.cases.case import TokenOf

P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256_PRIME: Final = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF


def decode(part: str) -> bytes:
    """Decode base64url without padding."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def altered(change: Callable[[str], str], **arguments: Any) -> TokenOf:
    """Issue a good token, then change its text."""
    return lambda issuer: change(issuer.token(**arguments))


def with_signature(change: Callable[[bytes], bytes], **arguments: Any) -> TokenOf:
    """Issue a good token, then change the octets of its signature."""

    def spoil(issuer: Issuer) -> str:
        head, _, signature = issuer.token(**arguments).rpartition(".")
        return head + "." + encode(change(decode(signature)))

    return spoil


def with_header(**parameters: Any) -> TokenOf:
    """Issue a token whose header is changed before it is signed."""
    return lambda issuer: issuer.token(header=parameters)


def raw_header(make: Callable[[dict[str, Any]], bytes]) -> TokenOf:
    """Sign a token under header octets made from the usual parameters."""
    return lambda issuer: issuer.sign(claims_of(issuer), make(usual_header(issuer)))


def raw_payload(make: Callable[[dict[str, Any]], bytes]) -> TokenOf:
    """Sign payload octets made from the usual claims."""
    return lambda issuer: issuer.sign(make(claims_of(issuer)))


def extended(text: str) -> Callable[[dict[str, Any]], bytes]:
    """Write the members as JSON, and append the raw `text` to the last one."""
    return lambda members: json.dumps(members)[:-1].encode() + b"," + text.encode() + b"}"


def usual_header(issuer: Issuer) -> dict[str, Any]:
    """Return the parameters of a good token's header."""
    return {"alg": issuer.signing_key.algorithm, "typ": "at+jwt", "kid": issuer.signing_key.kid}


def claims_of(issuer: Issuer) -> dict[str, Any]:
    """Return the claims of a good token."""
    claims: dict[str, Any] = json.loads(decode(issuer.token().split(".")[1]))
    return claims


def ecdsa(r: int, s: int, octets: int = 32) -> bytes:
    """Encode r and s according to RFC 7518 §3.4."""
    return r.to_bytes(octets, "big") + s.to_bytes(octets, "big")


def der(signature: bytes) -> bytes:
    """Encode the same ECDSA signature in DER, as X.509 does."""
    half = len(signature) // 2
    return encode_dss_signature(
        int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
    )


def hmac_with_public_key(algorithm: str, form: str) -> TokenOf:
    """Sign with HMAC, with the public key as the secret (CVE-2015-9235)."""
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(
        algorithm, hashlib.sha256
    )

    def forge(issuer: Issuer) -> str:
        public = issuer.signing_key.private_key.public_key()
        secrets = {
            "pem": lambda: public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "der": lambda: public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            "jwk": lambda: json.dumps(issuer.signing_key.jwk()).encode(),
            "empty": lambda: b"",
            "kid": lambda: str(issuer.signing_key.kid).encode(),
        }
        secret = secrets[form]()
        return issuer.token(
            header={"alg": algorithm},
            sign_with=lambda message: hmac.new(secret, message, digest).digest(),
        )

    return forge


def by_stranger(algorithm: str = "ES256", **header: Any) -> TokenOf:
    """Sign with an unknown key, under the issuer's key ID unless `header` has another."""
    return lambda issuer: issuer.token(
        sign_with=make_key(algorithm, "stranger"), header={"kid": issuer.signing_key.kid, **header}
    )


def compressed(issuer: Issuer) -> str:
    """Compress the payload as RFC 7516 §4.1.3 does for JWE."""
    deflate = zlib.compressobj(wbits=-15)
    payload = deflate.compress(json.dumps(claims_of(issuer)).encode()) + deflate.flush()
    return issuer.sign(payload, {"zip": "DEF"})


def unencoded(issuer: Issuer) -> str:
    """Sign the unencoded payload (RFC 7797), so the same octets have another meaning."""
    return issuer.token(header={"b64": False, "crit": ["b64"]})
