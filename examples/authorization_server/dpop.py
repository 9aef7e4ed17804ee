"""DPoP at the token endpoint (RFC 9449 §5): bind an access token to the key of a proof."""

from __future__ import annotations

import json
import threading
import time
from typing import Any, Final

from authlib.oauth2.rfc6749 import OAuth2Error
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

ALGORITHMS: Final = ["ES256"]
AGE_SECONDS: Final = 60
AHEAD_SECONDS: Final = 5
MOST_BYTES: Final = 4096
MOST_PROOFS: Final = 10_000


class InvalidProofError(OAuth2Error):
    """The proof of a token request is missing something or was used before."""

    error = "invalid_dpop_proof"


class Proofs:
    """The proofs for one token endpoint.

    The server runs in one process, so this object sees every proof that was used.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._used: dict[tuple[str, str], float] = {}

    def check(self, fields: list[str]) -> str | None:
        """Check the fields `DPoP` of a request to the token endpoint.

        Returns:
            The thumbprint of the key, or None for a request without a proof.

        Raises:
            InvalidProofError: There are several proofs, or the proof is not valid.
        """
        if not fields:
            return None
        if len(fields) > 1 or len(fields[0]) > MOST_BYTES:
            raise InvalidProofError("Exactly one short proof is needed")
        try:
            thumbprint, claims = _verified(fields[0])
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise InvalidProofError("The proof is malformed") from error
        issued_at, identifier = claims.get("iat"), claims.get("jti")
        if (claims.get("htm"), claims.get("htu")) != ("POST", self._url):
            raise InvalidProofError("The proof is for another request")
        if type(issued_at) is not int or not isinstance(identifier, str) or not identifier:
            raise InvalidProofError("The proof needs 'iat' and 'jti'")
        now = time.time()
        if not -AHEAD_SECONDS <= now - issued_at <= AGE_SECONDS:
            raise InvalidProofError("The proof is too old or not valid yet")
        self._use(thumbprint, identifier, now)
        return thumbprint

    def _use(self, thumbprint: str, identifier: str, now: float) -> None:
        with self._lock:
            self._used = {key: end for key, end in self._used.items() if end > now}
            if (thumbprint, identifier) in self._used or len(self._used) >= MOST_PROOFS:
                raise InvalidProofError("The proof was used before")
            self._used[thumbprint, identifier] = now + AGE_SECONDS + AHEAD_SECONDS


def _verified(proof: str) -> tuple[str, dict[str, Any]]:
    """Verify the signature by the key in the header of the proof."""
    parsed = jws.extract_compact(proof.encode("ascii"))
    header = parsed.headers()
    if header["typ"] != "dpop+jwt":
        raise ValueError("another type")
    key = ECKey.import_key(header["jwk"])
    if key.is_private or not jws.validate_compact(parsed, key, algorithms=ALGORITHMS):
        raise ValueError("a private key or a wrong signature")
    claims = json.loads(parsed.payload)
    if not isinstance(claims, dict):
        raise TypeError("claims are an object")
    return key.thumbprint(), claims
