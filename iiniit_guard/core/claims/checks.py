"""Checks of a token's claims, the same for a JWT and for an introspection response.

Spec: RFC 7519 §4.1, RFC 9068 §2.2 and §4, RFC 7662 §2.2, RFC 8725 §3.8 to §3.12.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from iiniit_guard.core.claims.authorization_details import are_details
from iiniit_guard.core.claims.confirmation import KEY_THUMBPRINT, is_confirmable
from iiniit_guard.core.claims.further import FurtherChecks
from iiniit_guard.core.claims.scope import ScopeReading
from iiniit_guard.core.claims.shapes import (
    SPECIAL_CLAIMS,
    ClaimShape,
    ClaimShapes,
    Kinds,
    first_of,
    malformed_name,
)
from iiniit_guard.core.claims.token_kind import (
    explicit_problem,
    id_token_problem,
    names_dpop,
)
from iiniit_guard.core.model.access_token import LATEST, AccessToken, frozen_object, is_time
from iiniit_guard.core.model.actor import parse_actors
from iiniit_guard.core.model.diagnosis import listed
from iiniit_guard.core.model.json_types import JsonMapping, JsonObject, without_nulls
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason, malformed_claim

# Accepted values of `token_type` (RFC 7662 §2.2, RFC 6749 §7.1, RFC 9449 §6.2).
_TOKEN_TYPES: Final = frozenset(
    {"bearer", "dpop", "access_token", "urn:ietf:params:oauth:token-type:access_token"}
)
# Null means absent for these. For `aud`, `iss`, `cnf` and any other claim, null is malformed.
_NULL_IS_ABSENT: Final = frozenset(
    ("sub", "client_id", "azp", "cid", "appid", "jti", "uti", "iat", "nbf", "scope", "scp")
)
_NOT_BEFORE: Final[tuple[tuple[Literal["nbf", "iat"], Reason], ...]] = (
    ("nbf", Reason.NOT_YET_VALID),
    ("iat", Reason.ISSUED_IN_FUTURE),
)
_ALWAYS: Final = float("-inf")
_OTHER_TYPE: Final = PROBLEMS[Reason.WRONG_TYPE].about(check="kind")


@dataclass(frozen=True, slots=True)
class ClaimChecks:
    """The expected claims of one issuer's tokens.

    Attributes:
        issuer: The exact value of `iss`.
        audiences: `aud` must name one of them.
        audience_claim: The claim that holds the audience, `aud` or `client_id`.
        exclusive: No audience outside `audiences` is accepted.
        strict: RFC 9068: a JWT must have every claim of §2.2.
        scopes: Reads the scopes.
        further: Checks that most issuers do not require.
        expiry_leeway_seconds: A token is refused from `exp` plus this on.
        clock_leeway_seconds: `nbf` and `iat` may be this far in the future.
        missing_audience: Accept an introspection response without an audience.
        missing_audience_in_jwt: Accept a JWT without an audience, because `further` requires a
            claim that distinguishes the tokens for this API.
        id_tokens: Accept a JWT that has the claims of an ID token and no mark of an access token.
        client_id_claims: The claims that may hold the client identifier, the first one that is
            present first.
        token_id_claims: The claims that may hold the token identifier, likewise.
        unnamed: Whether a JWT may have no `iss`.
    """

    issuer: str
    audiences: frozenset[str]
    audience_claim: str
    exclusive: bool
    strict: bool
    scopes: ScopeReading
    further: FurtherChecks
    expiry_leeway_seconds: float
    clock_leeway_seconds: float
    missing_audience: bool
    missing_audience_in_jwt: bool
    id_tokens: bool
    client_id_claims: tuple[str, ...]
    token_id_claims: tuple[str, ...]
    unnamed: bool = False
    _alone: dict[str, tuple[str]] = field(init=False, repr=False, compare=False)
    _has_further: bool = field(init=False, repr=False, compare=False)
    _shapes: ClaimShapes = field(init=False, repr=False, compare=False)
    _nullable: frozenset[str] = field(init=False, repr=False, compare=False)
    _nullable_introspected: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        nullable = _NULL_IS_ABSENT - {self.audience_claim}
        object.__setattr__(self, "_nullable", nullable)
        object.__setattr__(self, "_nullable_introspected", nullable | {"exp"})
        object.__setattr__(self, "_alone", {audience: (audience,) for audience in self.audiences})
        names = self.client_id_claims, self.token_id_claims
        shapes = ClaimShapes(self.audience_claim, *names, strict=self.strict)
        object.__setattr__(self, "_shapes", shapes)
        object.__setattr__(self, "_has_further", not self.further.are_empty)

    def check(
        self, claims: JsonObject, now: float, introspected: bool, typ: str | None = None
    ) -> AccessToken | Problem:
        """Return the access token of authentic claims, or the problem that refuses it.

        Args:
            claims: From a verified JWT, or from the response of the server.
            now: Seconds since the epoch.
            introspected: Whether they are a response (RFC 7662 §2.2: most claims are optional).
            typ: Of the JOSE header, see `JoseHeader.typ`; an introspection response has none.
        """
        if introspected or self._has_further:
            return self._check(claims, now, introspected=introspected, typ=typ)
        kinds: Kinds = (*claims, *map(type, claims.values()))
        shape = self._shapes.get(kinds)
        if shape is not None:
            accepted = self._accept(claims, shape, now)
            if accepted is not None:
                return accepted
        outcome = self._check(claims, now, introspected=False, typ=typ)
        if isinstance(outcome, AccessToken) and kinds not in self._shapes:
            self._shapes.learn(kinds, claims)
        return outcome

    def valid_from(self, claims: JsonMapping) -> float:
        """Return the time before which a token with these checked claims is refused.

        The cache needs this time, because the clock may be set back.
        """
        # `or` also replaces null, which means absent, and 0, which is before any time of a clock.
        latest: float = claims.get("iat") or _ALWAYS
        if "nbf" in claims:
            latest = max(latest, claims["nbf"] or _ALWAYS)
        return latest - self.clock_leeway_seconds

    def _accept(self, claims: JsonObject, shape: ClaimShape, now: float) -> AccessToken | None:
        """Return the token of claims that only their values could refuse, if none of them does.

        Otherwise return None, and `_check` decides.
        """
        audience = self._alone.get(claims[self.audience_claim])
        scopes, expires = self.scopes.seen.get(claims["scope"]), claims["exp"]
        latest = now + self.clock_leeway_seconds
        if (
            audience is None
            or scopes is None
            or claims["iss"] != self.issuer
            or not 0 <= expires < LATEST
            or now >= expires + self.expiry_leeway_seconds
            or not 0 <= claims.get("iat", 0) <= latest
            or (shape.has_not_before and not 0 <= claims["nbf"] <= latest)
            or (self.strict and not (claims["sub"] and claims["client_id"] and claims["jti"]))
        ):
            return None
        return AccessToken(
            self.issuer,
            claims.get("sub"),
            claims.get(shape.client),
            audience,
            scopes,
            expires,
            claims.get("iat"),
            claims.get(shape.token_id),
            None,
            (),
            frozen_object(claims),
        )

    def _check(
        self, claims: JsonObject, now: float, *, introspected: bool, typ: str | None
    ) -> AccessToken | Problem:
        """Run all checks in their order."""
        # A JWT must expire. An introspection response may omit `exp` (RFC 7662 §2.2).
        if None in claims.values():
            nullable = self._nullable_introspected if introspected else self._nullable
            claims = without_nulls(claims, nullable)
        issuer = claims.get("iss")
        if issuer != self.issuer and ("iss" in claims or not (introspected or self.unnamed)):
            return self._wrong_issuer(issuer)
        special = not SPECIAL_CLAIMS.isdisjoint(claims)
        problem = self._kind(claims, introspected, typ) if special else None
        problem = problem or self._times(claims, now, introspected)
        if problem is not None:
            return problem
        audience = self._audience(claims, introspected)
        if isinstance(audience, Problem):
            return audience
        client = first_of(self.client_id_claims, claims)
        token_id = first_of(self.token_id_claims, claims)
        malformed = malformed_name(
            claims, client, token_id, rfc9068=self.strict and not introspected
        )
        if malformed is not None:
            return malformed_claim(malformed)
        if special or self._has_further:
            problem = self.further.problem_of(claims)
            if problem is not None:
                return problem
        scopes = self.scopes.scopes_of(claims, introspected=introspected)
        if scopes is None:
            return malformed_claim("scope", "scope claim")
        if (
            special
            and "authorization_details" in claims
            and not are_details(claims["authorization_details"])
        ):
            return malformed_claim("authorization_details", "authorization_details")
        if special and "act" in claims and parse_actors(claims["act"]) is None:
            return malformed_claim("act", "act")
        return self._token_of(claims, audience, scopes, client, token_id)

    def _token_of(
        self,
        claims: JsonObject,
        audience: tuple[str, ...],
        scopes: frozenset[str],
        client: str | None,
        token_id: str | None,
    ) -> AccessToken:
        frozen = frozen_object(claims)
        details = frozen["authorization_details"] if "authorization_details" in claims else ()
        return AccessToken(
            self.issuer,
            claims.get("sub"),
            None if client is None else claims[client],
            audience,
            scopes,
            claims.get("exp"),
            claims.get("iat"),
            None if token_id is None else claims[token_id],
            frozen["cnf"] if "cnf" in claims else None,
            details,
            frozen,
        )

    def _kind(self, claims: JsonObject, introspected: bool, typ: str | None) -> Problem | None:
        problem = explicit_problem(claims)
        if problem is not None:
            return problem
        if not introspected:
            return None if self.id_tokens else id_token_problem(claims, typ, self.scopes.written_in)
        if names_dpop(claims) and not is_confirmable(claims.get("cnf"), KEY_THUMBPRINT):
            return PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]
        if "token_type" in claims:
            kind = claims["token_type"]
            if not (isinstance(kind, str) and kind.lower() in _TOKEN_TYPES):
                return _OTHER_TYPE
        return None

    def _times(self, claims: JsonObject, now: float, introspected: bool) -> Problem | None:
        expires, latest = claims.get("exp"), now + self.clock_leeway_seconds
        if not is_time(expires):
            if not (introspected and "exp" not in claims):
                return malformed_claim("exp", "exp")
        elif now >= expires + self.expiry_leeway_seconds:  # RFC 7519 §4.1.4: "on or after"
            return PROBLEMS[Reason.EXPIRED]
        for name, reason in _NOT_BEFORE:
            if name in claims:
                if not is_time(claims[name]):
                    return malformed_claim(name, name)
                if claims[name] > latest:
                    return PROBLEMS[reason]
        return None

    def _audience(self, claims: JsonObject, introspected: bool) -> tuple[str, ...] | Problem:
        value = claims.get(self.audience_claim)
        if isinstance(value, str):
            return self._alone.get(value) or self._wrong_audience((value,))
        if isinstance(value, list) and value:
            if not all(isinstance(item, str) for item in value):
                return malformed_claim(self.audience_claim, "audience")
            fits = (
                self.audiences.issuperset(value)
                if self.exclusive
                else not self.audiences.isdisjoint(value)
            )
            return tuple(value) if fits else self._wrong_audience(value)
        # An empty list means no audience (Ory Hydra).
        if self.audience_claim in claims and value != []:
            return malformed_claim(self.audience_claim, "audience")
        missing = self.missing_audience if introspected else self.missing_audience_in_jwt
        return () if missing else self._wrong_audience(())

    def _wrong_issuer(self, received: object) -> Problem:
        if not isinstance(received, str):
            return malformed_claim("iss", "iss")
        problem = PROBLEMS[Reason.UNKNOWN_ISSUER]
        return problem.about(received=listed((received,)), expected=self.issuer, check="iss")

    def _wrong_audience(self, received: Sequence[str]) -> Problem:
        return PROBLEMS[Reason.WRONG_AUDIENCE].about(
            received=listed(received), expected=listed(sorted(self.audiences))
        )
