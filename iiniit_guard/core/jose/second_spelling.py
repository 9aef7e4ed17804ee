"""The second spelling of a token with an ECDSA signature. Any holder of the token can compute it.

If (r, s) is a signature, (r, n - s) is a signature of the same octets by the same key. Issuers send
both forms, so the guard cannot refuse either. RSA, RSA-PSS and EdDSA signatures have one form:
their verifiers reject a number that is not below the modulus or the order.

Spec: RFC 7518 §3.4; SEC 1 §4.1.4.
"""

from __future__ import annotations

from typing import Final

from iiniit_guard.core.jose.encodings import decode_base64url, encode_base64url, parse_object
from iiniit_guard.core.jose.public_key import CURVES

# The guard does not verify ES256K, but jwt="introspect" sends such tokens to the server too (RFC
# 8812 §3.2, SEC 2 §2.4.1).
_ES256K_ORDER: Final = 2**256 - 0x14551231950B75FC4402DA1732FC9BEBF
_ORDERS: Final = {
    **{curve.alg: (curve.order, curve.size) for curve in CURVES.values()},
    "ES256K": (_ES256K_ORDER, 32),
}


def second_spelling(token: str) -> str | None:
    """Return the token with the other form of its signature.

    Args:
        token: Printable ASCII.

    Returns:
        None if the token is not a JWT, or its signature has only one form.
    """
    signing_input, _, encoded = token.encode("ascii").rpartition(b".")
    octets, signature = (
        decode_base64url(signing_input.partition(b".")[0]),
        decode_base64url(encoded),
    )
    header = None if octets is None else parse_object(octets)
    alg = None if header is None else header.get("alg")
    if signature is None or not isinstance(alg, str) or alg not in _ORDERS:
        return None
    order, size = _ORDERS[alg]
    s = int.from_bytes(signature[size:], "big")
    if len(signature) != 2 * size or not 0 < s < order:
        return None
    return (
        signing_input
        + b"."
        + encode_base64url(signature[:size] + (order - s).to_bytes(size, "big"))
    ).decode("ascii")
