"""The floor: hand-written code that makes the minimum of correct checks for one issuer, without any
feature.
"""

from __future__ import annotations

import json
import time
from binascii import a2b_base64
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

from tests.load.benchmarks.tokens import AUDIENCE, ISSUER

_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_PADDING: Final = (b"", b"", b"==", b"=")


class Held:
    """A token, as a handler gets it."""

    __slots__ = ("expires_at", "scopes")

    def __init__(self, expires_at: float, scopes: frozenset[str]) -> None:
        self.expires_at = expires_at
        self.scopes = scopes


def remembering(token: str, scopes: str) -> Callable[[bytes], Held | None]:
    """Return the baseline of goal 1: SHA-256, one lookup in a dict, `exp`."""
    held = {sha256(token.encode()).digest(): Held(time.time() + 3600, frozenset(scopes.split()))}

    def recall(authorization: bytes) -> Held | None:
        found = held.get(sha256(authorization[7:]).digest())
        return found if found is not None and found.expires_at > time.time() else None

    return recall


def verifying(
    verify: Callable[[bytes, bytes], object], kid: str, alg: str
) -> Callable[[str], object]:
    """Return the floor of goal 4: split, decode, one signature, issuer, audience and expiry."""

    def decode(segment: bytes) -> bytes:
        return a2b_base64(segment.translate(_TO_STANDARD) + _PADDING[len(segment) & 3])

    def check(token: str) -> dict[str, Any] | None:
        signing_input, _, signature = token.encode().rpartition(b".")
        header, _, payload = signing_input.partition(b".")
        named = json.loads(decode(header))
        if named["alg"] != alg or named["kid"] != kid:
            return None
        verify(decode(signature), signing_input)
        claims: dict[str, Any] = json.loads(decode(payload))
        if claims["iss"] != ISSUER or claims["aud"] != AUDIENCE or claims["exp"] <= time.time():
            return None
        return claims

    return check
