"""Writing JWS, also such as no good server would write."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from iiniit_guard.testing.keys import SigningKey, without_none

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iiniit_guard.testing.keys import Signer


def write_jws(payload: Mapping[str, Any] | bytes, header: Mapping[str, Any] | bytes, signer: SigningKey | Signer) -> str:
    """Write the compact form (RFC 7515 §7.1).

    Args:
        payload: A mapping becomes JSON as it stands; bytes are taken as they are.
        header: The same. A `SigningKey` fills in `alg`, `typ` and `kid` where a mapping lacks them; None there leaves them out.
        signer: Signs, under whatever the header says.
    """
    if not isinstance(header, bytes):
        usual = {"alg": signer.algorithm, "typ": "at+jwt", "kid": signer.kid} if isinstance(signer, SigningKey) else {}
        header = json.dumps(without_none({**usual, **header}), separators=(",", ":")).encode()
    if not isinstance(payload, bytes):
        payload = json.dumps(payload, separators=(",", ":")).encode()
    signing_input = encode(header) + "." + encode(payload)
    return signing_input + "." + encode(signer(signing_input.encode("ascii")))


def encode(data: bytes) -> str:
    """Write base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
