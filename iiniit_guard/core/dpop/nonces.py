"""Nonces of the resource server. They are derived from the time and a secret, and not stored.

The nonce of a period is an HMAC over its number. All processes with the same secret create the same
nonces and accept those of each other.

Spec: RFC 9449 §8, §8.2, §9, §11.1, §11.3.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from iiniit_guard.core.issuer.client_authentication import Secret, reveal
from iiniit_guard.core.issuer.shared_store import SHORTEST_SECRET, derive_key
from iiniit_guard.core.jose.encodings import encode_base64url
from iiniit_guard.core.model.flow import Flow, Unreachable
from iiniit_guard.errors import UsageError

_NONCE_BYTES: Final = 18
_KEPT: Final = 8


class Nonces:
    """The nonces that clients must use.

    A nonce is accepted in its own period and in the next one. The nonce of the period that follows
    is accepted too, because the clock of another process may be ahead.

    Args:
        secret: At least 32 characters, known to all processes and to no other party. A file is read
            once, at the first use.
        seconds: The length of a period.
    """

    def __init__(self, secret: Secret, seconds: float) -> None:
        self._secret = secret
        self._seconds = seconds
        self._key: bytes | None = None
        self._made: dict[int, str] = {}

    def unlock(self) -> Flow[Unreachable | None]:
        """Derive the key at the first use; return why the secret cannot be read, or None."""
        if self._key is None:
            secret = yield from reveal(self._secret)
            if isinstance(secret, str) and len(secret) < SHORTEST_SECRET:
                secret = Unreachable("credentials", "dpop_nonce_secret: too short")
            if isinstance(secret, Unreachable):
                return secret.about(topic="dpop_nonce_secret")
            self._key = derive_key(secret, b"dpop nonces")
        return None

    def current(self, now: float) -> str:
        """Return the nonce that a client should use from now on."""
        return self._nonce(int(now // self._seconds))

    def accepted_until(self, nonce: object, now: float) -> float | None:
        """Return when a nonce ends, or None if it is not accepted now."""
        if not isinstance(nonce, str) or not nonce.isascii():
            return None
        period = int(now // self._seconds)
        for number in (period, period - 1, period + 1):
            if hmac.compare_digest(nonce, self._nonce(number)):
                return (number + 2) * self._seconds
        return None

    def is_near_its_end(self, nonce: str, now: float) -> bool:
        """Return whether a client should get another nonce, although `nonce` is accepted."""
        return hmac.compare_digest(nonce, self._nonce(int(now // self._seconds) - 1))

    def _nonce(self, number: int) -> str:
        made = self._made.get(number)
        if made is None:
            if self._key is None:
                raise UsageError("a nonce was created before its secret was read")
            digest = hmac.new(self._key, str(number).encode(), hashlib.sha256).digest()
            if len(self._made) >= _KEPT:
                self._made.clear()
            made = encode_base64url(digest[:_NONCE_BYTES]).decode()
            self._made[number] = made
        return made
