"""Shared cache of introspection responses for all processes, encrypted, under opaque keys.

An attacker who controls the store can withhold a response, and restore one before its deadline;
nothing else. The attacker cannot read a token or a claim, create a response, or move a response to
another token, issuer, audience or settings.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from iiniit_guard.core.issuer.client_authentication import Secret, reveal
from iiniit_guard.core.model.clock import Moment
from iiniit_guard.core.model.flow import Flow, StoreGet, StoreSet, Unreachable
from iiniit_guard.core.model.json_types import JsonMapping, JsonObject
from iiniit_guard.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer

SHORTEST_SECRET: Final = 32
_FORMAT: Final = "1"  # change it when an older process must not read what a newer one wrote
AHEAD_SECONDS: Final = 2.0
"""The largest accepted difference between the wall clocks of two processes."""
_NONCE_BYTES: Final = 12
_PREFIX: Final = "iiniit_guard:"

Kind = Literal["active", "ended"]


@dataclass(frozen=True, slots=True)
class SharedAnswer:
    """An active introspection response that a process stored.

    Attributes:
        claims: The members of the introspection response, without `active`.
        sent: When the request was sent, on the clocks of this process. The deadline counts from
            there in every process.
    """

    claims: JsonMapping = field(repr=False)
    sent: Moment


class SharedStore:
    """Store and load the introspection responses of one issuer.

    Args:
        secret: At least 32 characters, known to all processes and to no other party. A file is read
            once, at the first use.
        settings: The settings of the issuer. Only processes with the same request and the same
            checks share responses.
        random_bytes: Returns unpredictable bytes, for nonces.
        longest_seconds: How long a response is used at most.
        report: Called with the failure to read the secret.
    """

    def __init__(
        self,
        secret: Secret,
        settings: TrustedIssuer,
        random_bytes: Callable[[int], bytes],
        longest_seconds: float,
        report: Callable[[Unreachable], object] = lambda failure: None,
    ) -> None:
        self._secret = secret
        self._keys: tuple[bytes, AESGCM] | None = None
        self._context = _context(settings)
        self._random_bytes = random_bytes
        self._longest = longest_seconds
        self._report = report
        self._issuer = settings.issuer
        self.failure: Unreachable | None = None
        """Why the secret could not be read at the last attempt."""

    def get(self, digest: bytes, now: Moment) -> Flow[SharedAnswer | None]:
        """Return the stored active response for a token, unless the token ended since then.

        None is a miss, for any reason.
        """
        if not (yield from self._begin()):
            return None
        active_name, ended_name = self._name("active", digest), self._name("ended", digest)
        active, ended = yield StoreGet((active_name, ended_name))
        answer = self._open("active", active_name, active, now)
        if answer is None:
            return None
        end = self._open("ended", ended_name, ended, now)
        # The two times may come from different clocks. A response that may have been sent before
        # the end counts as sent before it.
        if end is not None and answer["sent"] <= end["sent"] + AHEAD_SECONDS:
            return None
        age = max(0.0, now.wall - answer["sent"])
        # A clock that is ahead must not extend a response beyond one that this process would
        # request now.
        return SharedAnswer(
            answer["claims"], Moment(min(answer["sent"], now.wall), now.monotonic - age)
        )

    def keep(self, digest: bytes, claims: JsonMapping, sent: Moment) -> Flow[None]:
        """Store an active response until its deadline."""
        yield from self._file(
            "active", digest, {"sent": sent.wall, "claims": dict(claims)}, self._longest
        )

    def end(self, digest: bytes, now: Moment, longest_call_seconds: float) -> Flow[None]:
        """Store that a token ended, so that responses to earlier requests are no longer used."""
        yield from self._file(
            "ended", digest, {"sent": now.wall}, self._longest + longest_call_seconds
        )

    def _file(self, kind: Kind, digest: bytes, value: JsonObject, seconds: float) -> Flow[None]:
        if seconds <= 0 or not (yield from self._begin()):
            return
        name = self._name(kind, digest)
        nonce = self._random_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(
            nonce, json.dumps(value).encode(), self._bound(kind, name)
        )
        yield StoreSet(name, sealed, seconds)

    def _open(self, kind: Kind, name: str, sealed: bytes | None, now: Moment) -> JsonObject | None:
        from cryptography.exceptions import InvalidTag

        if sealed is None:
            return None
        try:
            value: JsonObject = json.loads(
                self._cipher.decrypt(
                    sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._bound(kind, name)
                )
            )
        except (InvalidTag, ValueError):  # ValueError: shorter than a nonce and a tag
            return None
        # A process whose clock is ahead would otherwise extend a response beyond the revocation
        # delay.
        return value if value["sent"] <= now.wall + AHEAD_SECONDS else None

    def _name(self, kind: Kind, digest: bytes) -> str:
        return (
            _PREFIX
            + hmac.new(
                self._unlocked[0],
                b"\0".join((kind.encode(), self._context, digest)),
                hashlib.sha256,
            ).hexdigest()
        )

    def _bound(self, kind: Kind, name: str) -> bytes:
        return b"\0".join((kind.encode(), name.encode(), self._context))

    def _begin(self) -> Flow[bool]:
        """Derive the keys at the first use.

        Returns:
            False while the secret cannot be read. Every lookup is then a miss.
        """
        if self._keys is None:
            secret = yield from reveal(self._secret)
            if isinstance(secret, str) and len(secret) < SHORTEST_SECRET:
                secret = Unreachable("credentials", "store_secret: too short")
            if isinstance(secret, Unreachable):
                self.failure = secret.about(issuer=self._issuer, topic="store_secret")
                self._report(self.failure)
                return False
            self.failure = None
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._keys = (derive_key(secret, b"names"), AESGCM(derive_key(secret, b"values")))
        return True

    @property
    def _unlocked(self) -> tuple[bytes, AESGCM]:
        if self._keys is None:
            raise UsageError("the shared store was used before its secret was read")
        return self._keys

    @property
    def _cipher(self) -> AESGCM:
        return self._unlocked[1]


def derive_key(secret: str, purpose: bytes) -> bytes:
    """Derive a key for one purpose.

    This is RFC 5869 with one block of output. The secret has no structure that requires more.
    """
    extracted = hmac.new(b"iiniit_guard shared store", secret.encode(), hashlib.sha256).digest()
    return hmac.new(extracted, purpose + b"\x01", hashlib.sha256).digest()


def _context(settings: TrustedIssuer) -> bytes:
    """Return a digest of the settings that determine the meaning of a response.

    They are those of the request and those of the checks on its response.
    """
    client = getattr(settings.introspection, "client_id", "")
    facts = [
        _FORMAT,
        settings.issuer,
        settings.introspection_endpoint or "",
        settings.metadata_url or "",
        client,
        sorted(settings.audiences),
        # A process that requires a signature must not read what another one stored without.
        *(["signed"] if settings.introspection_signed else []),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).digest()
