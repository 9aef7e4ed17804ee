"""The usual request, decided without a flow: its token is remembered, or a JWT whose header, issuer and key are known.

Whatever is not exactly that is left to `authenticate`, which decides every request, these too, by the same checks.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TypeAlias

from iiniit_guard.core.cache.tokens import CacheEntry
from iiniit_guard.core.decision import Finding, Tried
from iiniit_guard.core.http.bearer import WHITE_SPACE, has_query_token, is_b64token
from iiniit_guard.core.issuer.jwt import check_header, is_final, problem_of, rest_on
from iiniit_guard.core.jose.jwk import JwkSet
from iiniit_guard.core.jose.jws import Jws, Parsed, parse_usual_jws
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.resource import ProtectedResource
from iiniit_guard.errors import UsageError

Decided: TypeAlias = tuple[AccessToken | Finding | None, str, bytes]
"""The token that passes, or what was found out instead, or None, where the request has not the usual form; how it was found; its digest."""

_NOTHING: Decided = (None, "none", b"")


class Usual:
    """What can be said about a credential at once."""

    def __init__(self, resource: ProtectedResource) -> None:
        self._resource = resource
        self._recalls = resource.recalls
        self._remembered = resource.find
        self._longest = resource.settings.max_token_bytes
        self._keep = resource.cache.keep
        self._algorithms = resource.algorithms
        self._named = resource.named
        self._wall = resource.clock.wall
        self._monotonic = resource.clock.monotonic

    def find(self, authorization: bytes, query: bytes) -> CacheEntry | None:
        """Give what is remembered of a request in the usual form and may still be used."""
        token = self._token(authorization, query)
        return None if token is None else self._remembered(sha256(token).digest())

    def decide(self, authorization: bytes, query: bytes, wanted: Policy) -> Decided:
        """Decide about a request at the cost of one hash and one look, or of one signature.

        Args:
            authorization: The value of its only Authorization field.
            query: Undecoded.
            wanted: The policy to satisfy.
        """
        token = self._token(authorization, query)
        if token is None:
            return _NOTHING
        digest = sha256(token).digest()
        entry = self._remembered(digest)
        if entry is not None:
            said, cache = entry.token, "hit"
            if wanted is ANY_TOKEN:
                return said, cache, digest
        else:
            fresh, cache = self._verify(token, digest) if len(token) <= self._longest else None, "miss"
            if not isinstance(fresh, AccessToken):
                found = Finding(fresh, None, cache) if isinstance(fresh, Problem) else Finding(None, tried=fresh)
                return found, cache, digest
            said = fresh
        problem = None if wanted is ANY_TOKEN else wanted.check(said, self._wall())
        return (said if problem is None else Finding(problem, said, cache)), cache, digest

    def verify(self, token: str, *, outdated: float | None = None) -> AccessToken | Problem | Tried | None:
        """Tell what a token by itself is worth; None or `Tried` as from `_verify`, and its characters are those of a token.

        Args:
            token: Without scheme.
            outdated: An entry that ends at this moment or earlier, by the monotonic clock, is no answer.

        Raises:
            UsageError: It is no text, or the request has a say (`issuer_resolver`, `validators`).
        """
        if not self._resource.token_alone_decides:
            raise UsageError("with issuer_resolver or validators the request has a say: use authenticate(request)")
        if not isinstance(token, str):
            raise UsageError("a token is text, without its scheme")
        encoded = token.encode("ascii") if token.isascii() else b""  # nothing is remembered under this, and it is no token
        if len(encoded) > self._longest:
            return PROBLEMS[Reason.TOKEN_TOO_LONG]
        digest = sha256(encoded).digest()
        entry = self._remembered(digest)
        if entry is not None and entry.outlasts(outdated):
            return entry.token
        said = self._verify(encoded, digest)
        return said if isinstance(said, (AccessToken, Problem)) or is_b64token(encoded) else PROBLEMS[Reason.MALFORMED_TOKEN]

    def _verify(self, token: bytes, digest: bytes) -> AccessToken | Problem | Tried | None:
        """Do what `authenticate.verify` does for a JWT whose header, issuer and key are known.

        Args:
            token: As it came. Its length has been checked; its characters are checked here.
            digest: Its key in the caches.

        Returns:
            None says nothing about the token: `authenticate.verify` must be asked. `Tried` says what it need not do again.
        """
        jws = parse_usual_jws(token, self._algorithms)
        if jws is None:
            return None
        if isinstance(jws, Problem):
            return Tried(jws)
        header, claims, signing_input, signature = jws
        issuer = claims.get("iss")
        server = self._named(issuer) if isinstance(issuer, str) else None
        if server is None or not server.signature_suffices:
            return self._left(jws)
        wall, monotonic = self._wall(), self._monotonic()
        keys = server.keys.current_at(wall, monotonic)
        if keys is None:
            return self._left(jws)
        signers = keys.signers.get(header.encoded)
        if signers is None:
            if check_header(header, server) is not None:
                return self._left(jws)
            signers = server.signers(header, keys)
        for key, validity in signers:
            if key.verifies(signing_input, signature):
                verified = rest_on(validity, header, claims, server, wall, monotonic)
                if isinstance(verified, Problem):
                    return verified
                self._keep(digest, verified, len(token))
                return verified.token
        problem = problem_of(signers)
        return problem if is_final(problem, header, keys, server) else self._left(jws, keys)

    def _left(self, jws: Parsed, keys: JwkSet | None = None) -> Tried | None:
        """Return what the flow need not find out again; None where it must refuse the algorithm first."""
        return Tried(Jws(*jws), keys) if jws[0].alg in self._algorithms else None

    def _token(self, authorization: bytes, query: bytes) -> bytes | None:
        """Give the token of a request that has the usual form: one spelling of the scheme, none in the query, and it alone decides."""
        if authorization[:7] != b"Bearer " or not self._recalls or (query and has_query_token(query)):
            return None
        return authorization[7:].rstrip(WHITE_SPACE)
