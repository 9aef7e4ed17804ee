"""The accepted proofs of all processes, in the shared store.

The store learns neither the key nor the identifier of a proof. The owner of the store can make the
guard accept a proof a second time in another process, or refuse a proof, and can do nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
from concurrent.futures import Future
from typing import Final, TypeAlias, cast

from iiniit_guard.core.issuer.client_authentication import Secret, reveal
from iiniit_guard.core.issuer.shared_store import AHEAD_SECONDS, SHORTEST_SECRET, derive_key
from iiniit_guard.core.model.flow import TIMED_OUT, Flow, StoreAdd, Unreachable, Wait

RequestProof: TypeAlias = tuple[int, bytes]
"""The identity of the scope or environ of a request, and its proof as received."""

_PREFIX: Final = "iiniit_guard:proof:"
_LONGEST_WAIT_SECONDS: Final = 1.0
_UNRECORDED: Final = Unreachable("proof_store", "the shared store did not record a proof")


class SharedProofs:
    """Record proofs in the shared store.

    Args:
        secret: The setting `store_secret`. A file is read once, at the first use.
    """

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._key: bytes | None = None
        self._adding: dict[RequestProof, Future[object]] = {}

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
        return _UNRECORDED if added is None else added

    def lead(self, key: RequestProof, digest: bytes, seconds: float) -> Flow[bool | Unreachable]:
        """Record a proof as `add` does, and pass the result to the handlers that `follow`.

        Args:
            key: The request and its proof.
            digest: As for `add`.
            seconds: As for `add`.
        """
        adding: Future[object] = Future()
        adding.set_running_or_notify_cancel()  # otherwise one waiter could cancel it for all
        self._adding[key] = adding
        added: bool | Unreachable = False
        try:
            added = yield from self.add(digest, seconds)
        finally:
            del self._adding[key]
            adding.set_result(added)
        return added

    def adding(self, key: RequestProof) -> Future[object] | None:
        """Return the call by which a handler of the same request records the same proof now."""
        return self._adding.get(key)

    def follow(self, adding: Future[object]) -> Flow[bool | Unreachable]:
        """Return the result of the call of another handler."""
        added = yield Wait(adding, _LONGEST_WAIT_SECONDS)
        return _UNRECORDED if added is TIMED_OUT else cast("bool | Unreachable", added)
