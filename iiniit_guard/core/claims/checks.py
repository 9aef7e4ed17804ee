"""Checks of a token's claims, the same for a JWT and for an introspection response.

Spec: RFC 7519 §4.1, RFC 9068 §2.2 and §4, RFC 7662 §2.2, RFC 8725 §3.8 to §3.12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from iiniit_guard.core.claims.scope import ScopeReading
from iiniit_guard.core.claims.shapes import ClaimShape, is_common, make_claim_shape
from iiniit_guard.core.claims.token_kind import explicit_problem, id_token_problem, names_dpop
from iiniit_guard.core.model.access_token import AccessToken, make_access_token
from iiniit_guard.core.model.claims import LATEST, freeze, is_time, without_nulls
from iiniit_guard.core.model.diagnosis import listed
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason, malformed_claim

# Accepted values of `token_type` (RFC 7662 §2.2, RFC 6749 §7.1).
_TOKEN_TYPES: Final = frozenset(
    {"bearer", "access_token", "urn:ietf:params:oauth:token-type:access_token"}
)
# Null means absent for these. For `aud`, `iss`, `cnf` and any other claim, null is malformed.
_NULL_IS_ABSENT: Final = frozenset(
    ("sub", "client_id", "azp", "cid", "appid", "jti", "uti", "iat", "nbf", "scope", "scp")
)
_HABITS_KEPT: Final = 256  # of about 7 KB each at most
Found: TypeAlias = tuple[tuple[str, ...], frozenset[str]]
"""The audience and the scopes of a valid token."""


@dataclass(frozen=True, slots=True)
class ClaimChecks:
    """The expected claims of one issuer's tokens.

    Attributes:
        issuer: The exact value of `iss`.
        audiences: `aud` must name one of them.
        audience_claim: The claim that holds the audience, `aud` or `client_id`.
        strict: RFC 9068: a JWT must have every claim of §2.2.
        scopes: Reads the scopes.
        required: Claim → accepted values. The claim must equal one of them, or be a list that
            contains one.
        expiry_leeway_seconds: A token is refused from `exp` plus this on.
        clock_leeway_seconds: `nbf` and `iat` may be this far in the future.
        missing_audience: Accept an introspection response without an audience.
        id_tokens: Accept a JWT that has the claims of an ID token and no mark of an access token.
        client_id_claims: The claims that may hold the client identifier, the first one that is
            present first.
        token_id_claims: The claims that may hold the token identifier, likewise.
    """

    issuer: str
    audiences: frozenset[str]
    audience_claim: str
    strict: bool
    scopes: ScopeReading
    required: Mapping[str, tuple[Any, ...]]
    expiry_leeway_seconds: float
    clock_leeway_seconds: float
    missing_audience: bool
    id_tokens: bool
    client_id_claims: tuple[str, ...]
    token_id_claims: tuple[str, ...]
    _alone: dict[str, tuple[str]] = field(init=False, repr=False, compare=False)
    _nullable: frozenset[str] = field(init=False, repr=False, compare=False)
    _nullable_introspected: frozenset[str] = field(init=False, repr=False, compare=False)
    _claim_shapes: dict[tuple[str | type, ...], ClaimShape] = field(
        default_factory=dict, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "_alone", {audience: (audience,) for audience in self.audiences})
        nullable = _NULL_IS_ABSENT - {self.audience_claim}
        object.__setattr__(self, "_nullable", nullable)
        # A JWT must expire. An introspection response may omit `exp` (RFC 7662 §2.2).
        object.__setattr__(self, "_nullable_introspected", nullable | {"exp"})

    def check(
        self, claims: dict[str, Any], now: float, *, introspected: bool, typ: str | None = None
    ) -> AccessToken | Problem:
        """Return the access token of authentic claims, or the problem that refuses it.

        Args:
            claims: From a JWT with a verified signature, or from the authorization server's own
                response.
            now: Seconds since the epoch.
            introspected: Whether the claims are an introspection response. Then `iss`, `aud` and
                `exp` may be missing if the settings allow it (RFC 7662 §2.2 makes them optional),
                and RFC 9068, which is about JWTs, does not apply.
            typ: Of the JOSE header, see `JoseHeader.typ`; an introspection response has none.
        """
        kinds: tuple[str | type, ...] = (*claims, *map(type, claims.values()))
        claim_shape = known = self._claim_shapes.get(kinds)
        found = self._accept(claims, now) if known is not None and known.usual else None
        if claim_shape is None or found is None:
            present = without_nulls(
                claims, self._nullable_introspected if introspected else self._nullable
            )
            if len(present) < len(claims):
                return self.check(present, now, introspected=introspected, typ=typ)
            claim_shape = known or make_claim_shape(
                claims,
                audience_claim=self.audience_claim,
                strict=self.strict,
                client_id_claims=self.client_id_claims,
                token_id_claims=self.token_id_claims,
            )
            decided = self._decide(claims, claim_shape, now, introspected, typ)
            if isinstance(decided, Problem):
                return decided
            found = decided
            # Only for a valid token: tokens for other APIs must not fill this cache.
            if known is None and is_common(claims):
                if len(self._claim_shapes) >= _HABITS_KEPT:
                    self._claim_shapes.clear()
                self._claim_shapes[kinds] = claim_shape
        details: tuple[Any, ...] = ()
        if claim_shape.detailed:
            details = freeze(claims["authorization_details"])
            claims = {**claims, "authorization_details": details}
        values = tuple(claims.values())
        subject, client_id, expires, issued, token_id = claim_shape.fields(values)
        return make_access_token(
            self.issuer,
            subject,
            client_id,
            found[0],
            found[1],
            expires,
            issued,
            token_id,
            details,
            claim_shape.shape,
            values,
        )

    def _accept(self, claims: dict[str, Any], now: float) -> Found | None:
        """Accept claims on the fast path: only their values could refuse them.

        Return None if the fast path does not apply (`ClaimShape.usual`). `_decide` then finds the
        problem, if there is one.
        """
        audience, scopes = (
            self._alone.get(claims[self.audience_claim]),
            self.scopes.seen.get(claims["scope"]),
        )
        if audience is None or scopes is None or claims["iss"] != self.issuer:
            return None
        expires, latest = claims["exp"], now + self.clock_leeway_seconds
        if not (0 <= expires < LATEST and now < expires + self.expiry_leeway_seconds):
            return None
        if not (0 <= claims.get("iat", 0) <= latest and 0 <= claims.get("nbf", 0) <= latest):
            return None
        if self.strict and _empty_of(claims) is not None:
            return None
        return None if self.required and not self._has_required(claims) else (audience, scopes)

    def _decide(
        self,
        claims: dict[str, Any],
        claim_shape: ClaimShape,
        now: float,
        introspected: bool,
        typ: str | None,
    ) -> Found | Problem:
        issuer = claims.get("iss")
        if issuer != self.issuer and not (introspected and "iss" not in claims):
            return (
                PROBLEMS[Reason.UNKNOWN_ISSUER].about(
                    received=listed((issuer,)), expected=self.issuer
                )
                if isinstance(issuer, str)
                else malformed_claim("iss")
            )
        other_kind = (
            self._kind(claims, introspected, typ) if claim_shape.may_be_other_kind else None
        )
        problem = other_kind or self._times(claims, now, introspected)
        if problem is not None:
            return problem
        audience = self._audience(claims, introspected)
        if isinstance(audience, Problem):
            return audience
        if claim_shape.non_string_claim is not None:
            return malformed_claim(claim_shape.non_string_claim)
        if (
            self.strict
            and not introspected
            and (name := claim_shape.missing or _empty_of(claims)) is not None
        ):
            return malformed_claim(name)
        if self.required and not self._has_required(claims):
            return PROBLEMS[Reason.REFUSED_BY_VALIDATOR]
        # RFC 7800 §3.1: a recipient that cannot check the proof must not accept the token as a
        # bearer token
        if claim_shape.bound:
            return PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]
        scopes = self.scopes.scopes_of(claims, introspected=introspected)
        if scopes is None:
            return malformed_claim("scope")
        if claim_shape.detailed and not _are_details(claims["authorization_details"]):
            return malformed_claim("authorization_details")
        return audience, scopes

    def _kind(self, claims: dict[str, Any], introspected: bool, typ: str | None) -> Problem | None:
        problem = explicit_problem(claims)
        if problem is not None:
            return problem
        if not introspected:
            return None if self.id_tokens else id_token_problem(claims, typ, self.scopes.written_in)
        if names_dpop(claims):
            return PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]
        if "token_type" in claims:
            kind = claims["token_type"]
            if not (isinstance(kind, str) and kind.lower() in _TOKEN_TYPES):
                return PROBLEMS[Reason.WRONG_TYPE]
        return None

    def _times(self, claims: dict[str, Any], now: float, introspected: bool) -> Problem | None:
        expires = claims.get("exp")
        if not is_time(expires):
            if not (introspected and "exp" not in claims):
                return malformed_claim("exp")
        elif now >= expires + self.expiry_leeway_seconds:  # RFC 7519 §4.1.4: "on or after"
            return PROBLEMS[Reason.EXPIRED]
        latest = now + self.clock_leeway_seconds
        if "nbf" in claims:
            if not is_time(claims["nbf"]):
                return malformed_claim("nbf")
            if claims["nbf"] > latest:
                return PROBLEMS[Reason.NOT_YET_VALID]
        if "iat" in claims:
            if not is_time(claims["iat"]):
                return malformed_claim("iat")
            if claims["iat"] > latest:
                return PROBLEMS[Reason.ISSUED_IN_FUTURE]
        return None

    def _audience(self, claims: dict[str, Any], introspected: bool) -> tuple[str, ...] | Problem:
        value = claims.get(self.audience_claim)
        if isinstance(value, str):
            return self._alone.get(value) or self._wrong_audience((value,))
        if isinstance(value, list) and value:
            if not all(isinstance(item, str) for item in value):
                return malformed_claim(self.audience_claim)
            return (
                tuple(value)
                if not self.audiences.isdisjoint(value)
                else self._wrong_audience(value)
            )
        # An empty list means no audience (Ory Hydra).
        if self.audience_claim in claims and value != []:
            return malformed_claim(self.audience_claim)
        return () if introspected and self.missing_audience else self._wrong_audience(())

    def _wrong_audience(self, received: Sequence[str]) -> Problem:
        return PROBLEMS[Reason.WRONG_AUDIENCE].about(
            received=listed(received), expected=listed(sorted(self.audiences))
        )

    def _has_required(self, claims: dict[str, Any]) -> bool:
        return all(
            name in claims and any(_holds(claims[name], value) for value in wanted)
            for name, wanted in self.required.items()
        )


def _empty_of(claims: Mapping[str, Any]) -> str | None:
    """Return the first claim that RFC 9068 §2.2 requires and whose value is empty, or None."""
    if claims["sub"] and claims["client_id"] and claims["jti"]:
        return None
    return next(name for name in ("sub", "client_id", "jti") if not claims[name])


def _are_details(value: object) -> bool:
    """Return whether a claim is an array of objects with a `type` (RFC 9396 §2)."""
    return isinstance(value, list) and all(
        isinstance(item, dict) and isinstance(item.get("type"), str) for item in value
    )


def _holds(claim: object, value: object) -> bool:
    """Return whether a claim is `value`, or a list that contains it. True does not equal 1."""
    return any(
        type(item) is type(value) and item == value
        for item in (claim if isinstance(claim, list) else [claim])
    )
