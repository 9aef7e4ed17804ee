"""The accepted proofs of all processes, in the shared store.

The store learns neither the key nor the identifier of a proof. The owner of the store can make the
guard accept a proof a second time in another process, or refuse a proof, and can do nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from iiniit_guard.core.issuer.client_authentication import Secret, reveal
from iiniit_guard.core.issuer.shared_store import AHEAD_SECONDS, SHORTEST_SECRET, derive_key
from iiniit_guard.core.model.flow import Flow, StoreAdd, Unreachable

_PREFIX: Final = "iiniit_guard:proof:"


class SharedProofs:
    """Record proofs in the shared store.

    Args:
        secret: The setting `store_secret`. A file is read once, at the first use.
    """

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._key: bytes | None = None

    def add(self, digest: bytes, seconds: float) -> Flow[bool | Unreachable]:
        """Record a proof; return False if a process recorded it before.

        Unlike a cached response, a proof must not be lost: a failure of the store is an outage.

        Args:
            digest: Of the proof.
            seconds: How long it is accepted.
        """
        if self._key is None:
            secret = yield from reveal(self._secret)
            if isinstance(secret, str) and len(secret) < SHORTEST_SECRET:
                secret = Unreachable("credentials", "store_secret: too short")
            if isinstance(secret, Unreachable):
                return secret.about(topic="store_secret")
            self._key = derive_key(secret, b"dpop proofs")
        name = _PREFIX + hmac.new(self._key, digest, hashlib.sha256).hexdigest()
        # The clock of another process may be behind.
        added: bool | None = yield StoreAdd(name, max(seconds, 0.0) + AHEAD_SECONDS)
        if added is None:
            return Unreachable("proof_store", "the shared store did not record a proof")
        return added
