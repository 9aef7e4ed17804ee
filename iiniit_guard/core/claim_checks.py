"""What the claims of a token must say, the same for a JWT and for an introspection response.

Spec: RFC 7519 §4.1, RFC 9068 §2.2 and §4, RFC 7662 §2.2, RFC 8725 §3.8 to §3.12.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from iiniit_guard.core.access_token import AccessToken
from iiniit_guard.core.claims import Claims, freeze, is_time
from iiniit_guard.core.problem import PROBLEMS, Problem, Reason, malformed_claim
from iiniit_guard.core.scope import ScopeReading

# What shows itself as another kind of token (RFC 8725 §3.12; OpenID Connect Core §3.1.3.6; RFC 8417 §2.2; RFC 9701 §5).
_OTHER_KINDS: Final = ("at_hash", "c_hash", "s_hash", "events", "token_introspection")
_OTHER_TYPES: Final = frozenset({"id", "refresh", "logout", "offline"})
# RFC 7662 §2.2 `token_type` (RFC 6749 §7.1) of what may be presented here.
_TOKEN_TYPES: Final = frozenset({"bearer", "access_token", "urn:ietf:params:oauth:token-type:access_token"})
# The same in most tokens of an issuer, or in those of one second.
_REPEATED: Final = ("iss", "aud", "client_id", "azp", "scope", "token_type", "acr", "typ", "iat", "exp")
_KEPT: Final = 4096


@dataclass(frozen=True, slots=True)
class ClaimChecks:
    """What one issuer's claims are held against.

    Attributes:
        issuer: `iss`, to the letter.
        audiences: Of which `aud` must name one.
        audience_claim: Where the audience stands, `aud` or `client_id`.
        strict: RFC 9068: every claim of §2.2 is required.
        scopes: How scopes are read.
        required: Claim → values of which it must have one (or hold one, where it is a list).
        expiry_leeway_seconds: A token is refused from `exp` plus this on.
        clock_leeway_seconds: `nbf` and `iat` may be this far ahead.
        missing_audience: Accept an introspection response without an audience.
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
    _same: dict[Any, Any] = field(default_factory=dict)

    def check(self, claims: dict[str, Any], now: float, *, introspected: bool) -> AccessToken | Problem:
        """Turn claims that are authentic into an access token, or say which of them refuses it.

        Args:
            claims: Out of a verified signature or the authorization server's own answer. Strings in it may be replaced by equal ones.
            now: Seconds since the epoch.
            introspected: `iss`, `aud`, `exp` may then be missing (RFC 7662 §2.2 makes them optional), where settings allow.
        """
        issuer = claims.get("iss")
        if issuer != self.issuer and not (introspected and "iss" not in claims):
            return PROBLEMS[Reason.UNKNOWN_ISSUER] if isinstance(issuer, str) else malformed_claim("iss")
        problem = self._kind(claims, introspected) or self._times(claims, now, introspected)
        if problem is not None:
            return problem
        audience = self._audience(claims, introspected)
        if isinstance(audience, Problem):
            return audience
        for name in ("sub", "client_id", "azp", "jti"):
            if name in claims and not isinstance(claims[name], str):
                return malformed_claim(name)
        if self.strict:
            for name in ("sub", "client_id", "iat", "jti"):
                if name not in claims:
                    return malformed_claim(name)
        for name, wanted in self.required.items():
            if not any(_holds(claims.get(name), value) for value in wanted):
                return PROBLEMS[Reason.REFUSED_BY_VALIDATOR]
        if "cnf" in claims:  # RFC 7800 §3.1: whoever cannot check the proof must not take the token for a bearer token
            return PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]
        scopes = self.scopes.scopes_of(claims)
        if scopes is None:
            return malformed_claim("scope")
        return self._build(claims, audience, scopes)

    def _kind(self, claims: dict[str, Any], introspected: bool) -> Problem | None:
        for name in _OTHER_KINDS:
            if name in claims:
                return PROBLEMS[Reason.WRONG_TYPE]
        if "token_use" in claims and claims["token_use"] != "access":
            return PROBLEMS[Reason.WRONG_TYPE]
        kind = claims.get("typ")
        if isinstance(kind, str) and kind.lower() in _OTHER_TYPES:
            return PROBLEMS[Reason.WRONG_TYPE]
        if introspected and "token_type" in claims:
            kind = claims["token_type"]
            if isinstance(kind, str) and kind.lower() == "dpop":  # RFC 9449 §5: bound, also where the server leaves `cnf` out
                return PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]
            if not (isinstance(kind, str) and kind.lower() in _TOKEN_TYPES):
                return PROBLEMS[Reason.WRONG_TYPE]
        return None

    def _times(self, claims: dict[str, Any], now: float, introspected: bool) -> Problem | None:
        expires = claims.get("exp")
        if expires is None or not is_time(expires):
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
            return self._same_as((value,)) if value in self.audiences else PROBLEMS[Reason.WRONG_AUDIENCE]
        if isinstance(value, list):
            if not all(isinstance(item, str) for item in value):
                return malformed_claim(self.audience_claim)
            return self._same_as(tuple(value)) if not self.audiences.isdisjoint(value) else PROBLEMS[Reason.WRONG_AUDIENCE]
        if self.audience_claim in claims:
            return malformed_claim(self.audience_claim)
        return () if introspected and self.missing_audience else PROBLEMS[Reason.WRONG_AUDIENCE]

    def _build(self, claims: dict[str, Any], audience: tuple[str, ...], scopes: frozenset[str]) -> AccessToken | Problem:
        details = claims.get("authorization_details", ())
        if details != () and not _are_details(details):
            return malformed_claim("authorization_details")
        if len(self._same) >= _KEPT:
            self._same.clear()
        share = self._same.setdefault
        for name in _REPEATED:
            value = claims.get(name)
            if type(value) is str or type(value) is int:
                claims[name] = share(value, value)
        return AccessToken(
            issuer=self.issuer,
            subject=claims.get("sub"),
            client_id=claims.get("client_id", claims.get("azp")),
            audience=audience,
            scopes=scopes,
            expires_at=claims.get("exp"),
            issued_at=claims.get("iat"),
            token_id=claims.get("jti"),
            authorization_details=freeze(details) if details else (),
            claims=Claims(claims),
        )

    def _same_as(self, value: Any) -> Any:
        """Give the equal value kept from an earlier token, so that ten thousand tokens share one copy."""
        return self._same.setdefault(value, value)


def _are_details(value: object) -> bool:
    """Tell whether a claim is an array of objects that name their type (RFC 9396 §2)."""
    return isinstance(value, list) and all(isinstance(item, dict) and isinstance(item.get("type"), str) for item in value)


def _holds(claim: object, value: object) -> bool:
    """Tell whether a claim is `value`, or a list that holds it; True is not 1."""
    return any(type(item) is type(value) and item == value for item in (claim if isinstance(claim, list) else [claim]))
