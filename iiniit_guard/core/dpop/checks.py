"""The checks of DPoP proofs for one protected resource.

`begin` makes the checks that cost little, before the token is verified. `check_signer` follows once
the token is valid, and `record` comes last, after every other check, so that only a request that
passes uses up its proof.

Spec: RFC 9449 §4.3, §7, §9, §11.1.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from iiniit_guard.core.dpop.nonces import Nonces
from iiniit_guard.core.dpop.presented_proof import ACCEPTED, PresentedProof, accepted_proofs
from iiniit_guard.core.dpop.proof import (
    MAX_ID_BYTES,
    ProofKey,
    ProofKeys,
    only_proof,
    parse_proof,
    signer_of,
)
from iiniit_guard.core.dpop.replays import ProofCache
from iiniit_guard.core.dpop.shared import SharedProofs
from iiniit_guard.core.dpop.target import RequestUri
from iiniit_guard.core.dpop.uri import normalize
from iiniit_guard.core.http.trusted_peers import TrustedPeers
from iiniit_guard.core.jose.encodings import encode_base64url
from iiniit_guard.core.model.access_token import is_time
from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.flow import Flow, Unreachable
from iiniit_guard.core.model.json_types import JsonObject
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.settings.guard_settings import GuardSettings

_REPLAYED: Final = PROBLEMS[Reason.REPLAYED_PROOF]
_DIGEST_BYTES: Final = 16
_KEPT_URIS: Final = 1024
_LONGEST_KEPT_URI: Final = 512


class ProofChecks:
    """The checks of one protected resource and its state.

    Args:
        settings: The settings of the guard.
        clock: Both clocks.
    """

    def __init__(self, settings: GuardSettings, clock: Clock) -> None:
        self._wall = clock.wall
        self._algorithms = frozenset(settings.dpop_algorithms)
        self._age = settings.dpop_proof_age_seconds
        self._ahead = settings.dpop_proof_ahead_seconds
        self._uri = RequestUri(settings.public_url, TrustedPeers(settings.trusted_proxies))
        self._keys = ProofKeys()
        self._normal: dict[str, str] = {}  # of the URIs of requests
        self.replays: Final = ProofCache(settings.max_dpop_proofs)
        secret = settings.store_secret
        self.shared: Final = None if secret is None else SharedProofs(secret)
        # Guards with one shared store record a proof there once.
        self._ledger: object = self.replays if secret is None else (settings.store_url, secret)
        sealing = settings.dpop_nonce_secret or secret
        self.nonces: Final = (
            Nonces(sealing, settings.dpop_nonce_seconds)
            if settings.dpop_nonce == "required" and sealing is not None
            else None
        )

    def begin(self, token: str, request: Request) -> PresentedProof | Problem:
        """Check the proof of a request before its token is verified.

        Args:
            token: The access token, unverified.
            request: The request.
        """
        encoded = only_proof(request)
        if isinstance(encoded, Problem):
            return encoded
        presented = PresentedProof(self, self._ledger, encoded, token)
        for known in accepted_proofs(request):
            # Another guard may demand more of a proof, so its result does not count here.
            if (known.checks, known.encoded, known.token) == (self, encoded, token):
                presented.signer = known.signer
                return presented
        parsed = parse_proof(encoded, self._algorithms, self._keys)
        if isinstance(parsed, Problem):
            return parsed
        presented.proof = parsed
        return self._claims_problem(parsed.claims, presented, request) or presented

    def begin_with_nonce(
        self, nonces: Nonces, token: str, request: Request
    ) -> Flow[PresentedProof | Problem | Unreachable]:
        """Make the same checks if nonces are required, after their secret was read."""
        failure = yield from nonces.unlock()
        return self.begin(token, request) if failure is None else failure

    def _claims_problem(
        self, claims: JsonObject, presented: PresentedProof, request: Request
    ) -> Problem | None:
        """Return the first fault in the claims of a proof (§4.3 items 3 and 8 to 12), or None."""
        identifier, uri, issued = claims.get("jti"), claims.get("htu"), claims.get("iat")
        if not isinstance(identifier, str) or not isinstance(uri, str) or not is_time(issued):
            return PROBLEMS[Reason.MALFORMED_PROOF]
        if not 0 < len(identifier.encode()) <= MAX_ID_BYTES:
            return PROBLEMS[Reason.MALFORMED_PROOF]
        if claims.get("htm") != request.method:
            return PROBLEMS[Reason.WRONG_PROOF_TARGET].about(detail="htm is another method")
        problem = self._uri_problem(uri, presented, request)
        if problem is not None:
            return problem
        digest = presented.digest = sha256(presented.token.encode()).digest()
        if claims.get("ath") != encode_base64url(digest).decode():
            return PROBLEMS[Reason.WRONG_PROOF_TOKEN]
        return self._time_problem(claims, issued, presented)

    def _uri_problem(self, uri: str, presented: PresentedProof, request: Request) -> Problem | None:
        actual = self._uri.of(request)
        if actual is None:
            detail = "the URI of the request is ambiguous; set public_url"
            return PROBLEMS[Reason.WRONG_PROOF_TARGET].about(detail=detail)
        expected = self._normal.get(actual) or self._normalize(actual)
        if expected is None or (uri != actual and normalize(uri) != expected):
            detail = "htu is another URI than that of the request; see public_url"
            return PROBLEMS[Reason.WRONG_PROOF_TARGET].about(detail=detail)
        presented.uri = expected
        return None

    def _normalize(self, actual: str) -> str | None:
        """Return the normal form of the URI of a request, and keep it; None if there is none."""
        normal = normalize(actual)
        if normal is not None and len(actual) <= _LONGEST_KEPT_URI:
            if len(self._normal) >= _KEPT_URIS:
                self._normal.clear()
            self._normal[actual] = normal
        return normal

    def _time_problem(
        self, claims: JsonObject, issued: float, presented: PresentedProof
    ) -> Problem | None:
        now = self._wall()
        if "exp" in claims or "nbf" in claims:
            # RFC 7519 §4.1.4, §4.1.5: where a client writes these, they limit the proof too.
            ends, begins = claims.get("exp", now + 1), claims.get("nbf", now)
            if not (is_time(ends) and is_time(begins)):
                return PROBLEMS[Reason.MALFORMED_PROOF]
            if ends <= now or begins > now + self._ahead:
                return PROBLEMS[Reason.STALE_PROOF]
        if self.nonces is not None:
            # §11.1: the nonce contains the time of the server, so `iat` of the client need not be
            # compared with it. §11.3: a proof without nonce is not accepted.
            until = self.nonces.accepted_until(claims.get("nonce"), now)
            if until is None:
                return PROBLEMS[Reason.PROOF_NONCE_REQUIRED]
            presented.until = until
            return None
        if not -self._age <= issued - now <= self._ahead:
            return PROBLEMS[Reason.STALE_PROOF]
        presented.until = issued + self._age
        return None

    def fresh_nonce(
        self, nonces: Nonces, begun: PresentedProof | Problem | Unreachable
    ) -> str | None:
        """Return the nonce to send with the response, whatever else is decided; None for none.

        Args:
            nonces: The nonces of these checks.
            begun: What `begin_with_nonce` returned.
        """
        now = self._wall()
        if isinstance(begun, PresentedProof) and begun.proof is not None:
            nonce = begun.proof.claims["nonce"]
            return nonces.current(now) if nonces.is_near_its_end(nonce, now) else None
        required = isinstance(begun, Problem) and begun.reason is Reason.PROOF_NONCE_REQUIRED
        return nonces.current(now) if required else None

    def check_signer(self, expected: str, presented: PresentedProof) -> Problem | None:
        """Check that the key to which the token is bound signed the proof.

        Args:
            expected: The thumbprint of that key.
            presented: The proof, after `begin`.
        """
        if presented.proof is not None:
            signer = signer_of(presented.proof, expected)
            if not isinstance(signer, ProofKey):
                return signer
            presented.signer = signer
            return None
        known = presented.signer
        return (
            None
            if known is not None and known.thumbprint == expected
            else PROBLEMS[Reason.WRONG_PROOF_KEY]
        )

    def record(self, presented: PresentedProof, request: Request) -> Problem | Unreachable | None:
        """Record the proof of a request that passes; return why it cannot be accepted, or None.

        Several guards and handlers may check one request. A proof that was recorded for it in the
        same place is not recorded again. If there is a shared store, the caller must also call
        `record_shared`.
        """
        accepted = accepted_proofs(request)
        refused = self._record_here(presented, accepted)
        if self.shared is None:
            if refused is None:
                self._accept(presented, request, accepted)
        elif refused is _REPLAYED and isinstance(request.native, dict):
            presented.awaited = self.shared.adding((id(request.native), presented.encoded))
            refused = None if presented.awaited is not None else refused
        return refused

    def record_shared(
        self, presented: PresentedProof, request: Request
    ) -> Flow[Problem | Unreachable | None]:
        """Record the proof in the shared store, after `record`; return as `record` does."""
        digest, awaited, shared = presented.recorded, presented.awaited, self.shared
        if shared is not None and digest is not None:
            if awaited is None:
                key = id(request.native), presented.encoded
                added = yield from shared.lead(key, digest, presented.until - self._wall())
            else:
                added = yield from shared.follow(awaited)
            if isinstance(added, Unreachable):
                if awaited is None:  # the client may send the same proof again
                    self.replays.remove(digest, presented.until)
                return added
            if not added:
                return _REPLAYED
        self._accept(presented, request, accepted_proofs(request))
        return None

    def _record_here(
        self, presented: PresentedProof, accepted: tuple[PresentedProof, ...]
    ) -> Problem | Unreachable | None:
        """Record a proof in this process; return why it cannot be accepted, or None."""
        proof, signer = presented.proof, presented.signer
        if proof is None or signer is None:
            return None
        for known in accepted:
            if known.encoded == presented.encoded and known.ledger == self._ledger:
                return None
        now, thumbprint = self._wall(), signer.thumbprint
        # A thumbprint has 43 characters, and `jti` its length before it: no other triple has this
        # text (RFC 9449 §11.1).
        identifier = proof.claims["jti"]
        text = f"{thumbprint}{len(identifier)}:{identifier}{presented.uri}"
        digest = presented.recorded = sha256(text.encode()).digest()[:_DIGEST_BYTES]
        added = self.replays.add(digest, thumbprint, presented.until, now)
        if added == "added":
            return None
        if added == "known":
            return _REPLAYED
        if added == "share_full":
            seconds = self.replays.retry_after(thumbprint, now)
            return PROBLEMS[Reason.TOO_MANY_PROOFS].retrying_after(seconds)
        return Unreachable("proof_store", "max_dpop_proofs: no room for another proof")

    def _accept(
        self, presented: PresentedProof, request: Request, accepted: tuple[PresentedProof, ...]
    ) -> None:
        """Keep the key of a recorded proof, and store the proof in the request."""
        proof, signer = presented.proof, presented.signer
        if proof is None or signer is None:
            return
        if proof.key is None:
            self._keys.keep(proof.encoded_header, signer)
        presented.proof = None  # from here on, it identifies the accepted proof only
        native = request.native
        if isinstance(native, dict):
            native[ACCEPTED] = (*accepted, presented)
