"""Encoder for JWS, including invalid ones."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from iiniit_guard.adapting.types import Members
from iiniit_guard.testing.keys import SigningKey, without_none

if TYPE_CHECKING:
    from iiniit_guard.testing.keys import Signer


def write_jws(
    payload: Members | bytes,
    header: Members | bytes,
    signer: SigningKey | Signer,
) -> str:
    """Return a JWS in compact form (RFC 7515 §7.1).

    Args:
        payload: A mapping is written as JSON without changes; bytes are used as they are.
        header: As for `payload`. A `SigningKey` adds `alg`, `typ` and `kid` if a mapping lacks
            them; a value of None omits one.
        signer: Creates the signature, independently of the header.
    """
    if not isinstance(header, bytes):
        usual = (
            {"alg": signer.algorithm, "typ": "at+jwt", "kid": signer.kid}
            if isinstance(signer, SigningKey)
            else {}
        )
        header = json.dumps(without_none({**usual, **header}), separators=(",", ":")).encode()
    if not isinstance(payload, bytes):
        payload = json.dumps(payload, separators=(",", ":")).encode()
    signing_input = encode(header) + "." + encode(payload)
    return signing_input + "." + encode(signer(signing_input.encode("ascii")))


def encode(data: bytes) -> str:
    """Return base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
