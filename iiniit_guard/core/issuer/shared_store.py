"""The second level of memory, shared by all processes: sealed answers under keys that say nothing.

Whoever owns the store can withhold an answer, and bring one back before its deadline; nothing else. He cannot read a token or a
claim, make an answer, or move one to another token, issuer, audience or settings.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from iiniit_guard.core.issuer.client_authentication import Secret, reveal
from iiniit_guard.core.model.clock import Moment
from iiniit_guard.core.model.flow import Flow, Keep, Recall, Unreachable
from iiniit_guard.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer

SHORTEST_SECRET: Final = 32
_FORMAT: Final = "1"  # changes whenever an older process must not read what a newer one wrote
AHEAD_SECONDS: Final = 2.0
"""How far the wall clocks of processes may be apart."""
_NONCE_BYTES: Final = 12
_PREFIX: Final = "iiniit_guard:"

Kind = Literal["active", "ended"]


@dataclass(frozen=True, slots=True)
class SharedAnswer:
    """An active answer that some process was given.

    Attributes:
        claims: The members of the introspection response, without `active`.
        sent: When its request was sent, by this process's clocks; its deadline counts from there wherever it is read.
    """

    claims: Mapping[str, Any] = field(repr=False)
    sent: Moment


class SharedStore:
    """What one issuer's answers are filed and sealed under.

    Args:
        secret: At least 32 characters, known to all processes and to nobody else; a file is read once, at the first use.
        settings: Of the issuer: answers are shared only by processes that would ask the same question and judge alike.
        random_bytes: Unpredictable bytes, for nonces.
        longest_seconds: How long an answer counts at most.
    """

    def __init__(self, secret: Secret, settings: TrustedIssuer, random_bytes: Callable[[int], bytes], longest_seconds: float) -> None:
        self._secret = secret
        self._keys: tuple[bytes, AESGCM] | None = None
        self._context = _context(settings)
        self._random_bytes = random_bytes
        self._longest = longest_seconds

    def recall(self, digest: bytes, now: Moment) -> Flow[SharedAnswer | None]:
        """Give the active answer that is filed for a token and was not ended since; None is a miss, whatever its cause."""
        if not (yield from self._begin()):
            return None
        active_name, ended_name = self._name("active", digest), self._name("ended", digest)
        active, ended = yield Recall((active_name, ended_name))
        answer = self._open("active", active_name, active, now)
        if answer is None:
            return None
        end = self._open("ended", ended_name, ended, now)
        # The two may come from different clocks: what could have been sent before the end counts as sent before it.
        if end is not None and answer["sent"] <= end["sent"] + AHEAD_SECONDS:
            return None
        age = max(0.0, now.wall - answer["sent"])
        # A clock that is ahead must not make the answer count longer than one that this process asks for now.
        return SharedAnswer(answer["claims"], Moment(min(answer["sent"], now.wall), now.monotonic - age))

    def keep(self, digest: bytes, claims: Mapping[str, Any], sent: Moment) -> Flow[None]:
        """File an active answer until its deadline."""
        yield from self._file("active", digest, {"sent": sent.wall, "claims": dict(claims)}, self._longest)

    def end(self, digest: bytes, now: Moment, longest_call_seconds: float) -> Flow[None]:
        """File that a token ended, so that no answer that was asked for before now counts any more."""
        yield from self._file("ended", digest, {"sent": now.wall}, self._longest + longest_call_seconds)

    def _file(self, kind: Kind, digest: bytes, value: dict[str, Any], seconds: float) -> Flow[None]:
        if seconds <= 0 or not (yield from self._begin()):
            return
        name = self._name(kind, digest)
        nonce = self._random_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, json.dumps(value).encode(), self._bound(kind, name))
        yield Keep(name, sealed, seconds)

    def _open(self, kind: Kind, name: str, sealed: bytes | None, now: Moment) -> dict[str, Any] | None:
        from cryptography.exceptions import InvalidTag

        if sealed is None:
            return None
        try:
            value: dict[str, Any] = json.loads(self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._bound(kind, name)))
        except (InvalidTag, ValueError):  # ValueError: shorter than a nonce and a tag
            return None
        # A process whose clock is ahead would make an answer last longer here than the promise allows.
        return value if value["sent"] <= now.wall + AHEAD_SECONDS else None

    def _name(self, kind: Kind, digest: bytes) -> str:
        return _PREFIX + hmac.new(self._unlocked[0], b"\0".join((kind.encode(), self._context, digest)), hashlib.sha256).hexdigest()

    def _bound(self, kind: Kind, name: str) -> bytes:
        return b"\0".join((kind.encode(), name.encode(), self._context))

    def _begin(self) -> Flow[bool]:
        """Make the keys at the first use; False while the secret cannot be had, which makes everything a miss."""
        if self._keys is None:
            secret = yield from reveal(self._secret)
            if isinstance(secret, Unreachable) or len(secret) < SHORTEST_SECRET:
                return False
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._keys = (_derive(secret, b"names"), AESGCM(_derive(secret, b"values")))
        return True

    @property
    def _unlocked(self) -> tuple[bytes, AESGCM]:
        if self._keys is None:
            raise UsageError("the shared store was used before its secret was read")
        return self._keys

    @property
    def _cipher(self) -> AESGCM:
        return self._unlocked[1]


def _derive(secret: str, purpose: bytes) -> bytes:
    """Make a key for one purpose (RFC 5869 with one block of output; the secret has no structure that would need more)."""
    extracted = hmac.new(b"iiniit_guard shared store", secret.encode(), hashlib.sha256).digest()
    return hmac.new(extracted, purpose + b"\x01", hashlib.sha256).digest()


def _context(settings: TrustedIssuer) -> bytes:
    """Digest all that decides what an answer means: the question asked, and how its answer is judged."""
    client = getattr(settings.introspection, "client_id", "")
    facts = [
        _FORMAT,
        settings.issuer,
        settings.introspection_endpoint or "",
        settings.metadata_url or "",
        client,
        sorted(settings.audiences),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).digest()
