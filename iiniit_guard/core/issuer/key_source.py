"""The keys of an issuer: where they come from, how long they are used, when they are refetched.

Spec: OpenID Connect Core 1.0 §10.1.1 (rotation), RFC 7517 §5, RFC 9111 §5.2.2.1 (max-age).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiniit_guard.core.cache.entry import IssuerValidity, KeyValidity
from iiniit_guard.core.issuer.key_warnings import KeyWarnings
from iiniit_guard.core.issuer.metadata import retry_after
from iiniit_guard.core.issuer.origin_headers import OriginHeaders
from iiniit_guard.core.issuer.revalidating import RevalidatedDocument
from iiniit_guard.core.jose.jwk import JwkSet, read_jwk_set
from iiniit_guard.core.jose.public_key import PublicNumbers, VerificationKey
from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.flow import Connection, Fetch, Flow, HttpRequest, ReadFile, Unreachable

if TYPE_CHECKING:
    from iiniit_guard.core.jose.jws import JoseHeader

_SHORTEST_SECONDS: Final = 300.0
_USUAL_SECONDS: Final = 600.0
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,10})")
_YOUNG_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that signed a token.

    Attributes:
        header: The JOSE header of the token. The key was found for it, and the issuer allows it.
        keys: The set of the key.
        key: The key.
        validity: The validity of the key.
    """

    header: JoseHeader
    keys: JwkSet
    key: VerificationKey
    validity: KeyValidity


class KeySource(RevalidatedDocument[JwkSet]):
    """The JWK Set of one issuer, with a validity for each key.

    When a key is withdrawn, its validity ends, and so does everything that was verified with the
    key.

    Args:
        locate: Creates the flow that returns the URL of the set, or `file:` and a path.
        connection: The connection settings.
        issuer: The issuer, for the log.
        headers: As for `load_metadata`.
        max_age_seconds: How long a set is used at most, even if its `Cache-Control` allows longer.
        cooldown_seconds: Unknown keys cause at most one fetch in this time, failed fetches
            included. Callers must not control the rate of the guard's calls.
        stale_seconds: How long the last valid set is used after it expires while the issuer fails.
        issuer_validity: The validity of the issuer.
        key_issuers: See `TrustedIssuer.key_issuers`.
        key_use: As for `read_jwk_set`.
        clock: The wall clock and the monotonic clock.
        random: Returns a number in [0, 1).
        hold: As for `RevalidatedDocument`.
        admit_warning: As `admit` for `KeyWarnings`.
        report: As for `RevalidatedDocument`.
    """

    def __init__(
        self,
        locate: Callable[[], Flow[str | Unreachable]],
        connection: Connection,
        *,
        issuer: str,
        headers: OriginHeaders | None = None,
        max_age_seconds: float,
        cooldown_seconds: float,
        stale_seconds: float,
        issuer_validity: IssuerValidity,
        key_issuers: frozenset[str] = frozenset(),
        key_use: str = "sig",
        clock: Clock,
        random: Callable[[], float],
        hold: Callable[[], Unreachable | None] | None = None,
        admit_warning: Callable[[], bool] = lambda: True,
        report: Callable[[Unreachable], object] = lambda failure: None,
    ) -> None:
        super().__init__(
            "jwks",
            self._load_keys,
            purpose="keys",
            stale_seconds=stale_seconds,
            longest_wait_seconds=cooldown_seconds,
            timeout_seconds=3 * connection.timeout_seconds,  # two metadata URLs, then the set
            clock=clock,
            random=random,
            hold=hold,
            accept=self._accept,
            report=report,
        )
        self._locate = locate
        self._headers = headers
        self._issuer_validity = issuer_validity
        self._key_issuers = key_issuers
        self._key_use = key_use
        self._connection = connection
        self._max_age = max_age_seconds
        self._cooldown = cooldown_seconds
        self._forced_at = float("-inf")
        self._warnings = KeyWarnings(issuer, admit_warning)
        self.last_signer: Signer | None = None
        """The signer of the last token whose signature was valid; None before the first one."""
        self._validities: dict[tuple[str | None, str, PublicNumbers], KeyValidity] = {}

    def validity_of(self, key: VerificationKey) -> KeyValidity:
        """Return the validity of a key: of this name, algorithm and public key."""
        validity = self._validities.get((key.kid, key.alg, key.numbers))
        if validity is None:  # the set changed after the caller took the key
            validity = KeyValidity(self._issuer_validity)
            validity.valid = False
        return validity

    @property
    def is_young(self) -> bool:
        """Whether the set is so recent that a bad signature does not suggest a replaced key."""
        return self.age <= _YOUNG_SECONDS

    def refresh_for(self, used: JwkSet) -> Flow[JwkSet | Unreachable | None]:
        """Fetch the set again for a token that no key of the set `used` matches or verifies.

        Returns:
            The newer set. None if no newer set is available now and the last fetch succeeded: the
            token must be refused.
            `Unreachable` if the last fetch failed: the token may be valid, and the guard cannot
                check it.
        """
        if self.value is not None and self.value is not used:
            return self.value
        if self._cooldown_left > 0 and not self.loading:
            return self._unchanged()
        outcome = yield from self._flights.share(
            self._name, lambda: self._forced(used), self._timeout
        )
        if isinstance(outcome, Unreachable):
            return outcome.not_before(self._cooldown_left)
        return None if outcome is used else outcome

    def count_as_forced(self) -> None:
        """Record that an unknown key caused the last load: a fetch now returns the same set."""
        self._forced_at = self._clock.monotonic()

    def _forced(self, used: JwkSet) -> Flow[JwkSet | Unreachable]:
        if self.value is not None and self.value is not used:
            return self.value
        if self._cooldown_left > 0:
            return self._backoff_failure() if self.failure is not None else used
        before, self._forced_at = self._forced_at, self._clock.monotonic()
        outcome = None
        try:
            outcome = yield from self._load_unless_changed(used)
            return outcome
        finally:
            # The load was cancelled with its event loop, so it does not use up the cool-down.
            if outcome is None:
                self._forced_at = before

    def _unchanged(self) -> Unreachable | None:
        if self.failure is None:
            return None
        detail = f"jwks: the last attempt failed ({self.failure.detail})"
        return self.failure.awaited(detail, max(1.0, self._cooldown_left))

    @property
    def _cooldown_left(self) -> float:
        return self._forced_at + self._cooldown - self._clock.monotonic()

    def _load_keys(self) -> Flow[tuple[JwkSet, float] | Unreachable]:
        place = yield from self._locate()
        if isinstance(place, Unreachable):
            return place
        lifetime = _USUAL_SECONDS
        if place.startswith("file:"):
            content = yield ReadFile(place[len("file:") :])
            if isinstance(content, Unreachable):
                return content
        else:
            headers = self._headers
            further = () if headers is None else (yield from headers.of_document(place))
            if isinstance(further, Unreachable):
                return further.about(url=place)
            accept = ("Accept", "application/jwk-set+json, application/json")
            fields = (accept, *further)
            reply = yield Fetch(HttpRequest("GET", place, fields, b"", self._connection, "keys"))
            if isinstance(reply, Unreachable):
                return reply
            if reply.status != 200:
                refused = Unreachable("answer", f"jwks: status {reply.status}", retry_after(reply))
                refused = refused.about(url=place, status=reply.status)
                return refused if headers is None else headers.explained(refused, place)
            content = reply.body
            # RFC 9111 §5.2: directives are case-insensitive
            control = (reply.header("cache-control") or "").lower()
            found = _MAX_AGE.search(control)
            if "no-store" in control or "no-cache" in control:
                lifetime = _SHORTEST_SECONDS
            elif found is not None:
                lifetime = max(_SHORTEST_SECONDS, float(found[1]))
        keys = yield from read_jwk_set(content, self._key_issuers, self._key_use)
        if keys is None:
            return Unreachable("answer", "jwks: not a JWK Set").about(url=place, topic="no_json")
        return keys, min(lifetime, self._max_age)

    def _accept(self, value: JwkSet) -> Unreachable | None:
        if value.skipped or self._warnings.last is not None:
            self._warnings.report(value)
        present = {(key.kid, alg, key.numbers) for key in value.keys for alg in key.algorithms}
        for gone in self._validities.keys() - present:
            self._validities[gone].valid = False
        self._validities = {
            key: self._validities.get(key) or KeyValidity(self._issuer_validity) for key in present
        }
        return None if value.keys else Unreachable("answer", "jwks: no usable key")
