"""What the claims of a token must say, the same for a JWT and for an introspection response.

Spec: RFC 7519 §4.1, RFC 9068 §2.2 and §4, RFC 7662 §2.2, RFC 8725 §3.8 to §3.12.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from iiniit_guard.core.access_token import AccessToken, make_access_token
from iiniit_guard.core.claims import freeze, is_time, make_claims
from iiniit_guard.core.problem import PROBLEMS, Problem, Reason, malformed_claim
from iiniit_guard.core.scope import ScopeReading

# What shows itself as another kind of token (RFC 8725 §3.12; OpenID Connect Core §3.1.3.6; RFC 8417 §2.2; RFC 9701 §5).
_OTHER_KINDS: Final = ("at_hash", "c_hash", "s_hash", "events", "token_introspection")
_TELLING: Final = frozenset({*_OTHER_KINDS, "token_use", "typ", "token_type"})
_OTHER_TYPES: Final = frozenset({"id", "refresh", "logout", "offline"})
# RFC 7662 §2.2 `token_type` (RFC 6749 §7.1) of what may be presented here.
_TOKEN_TYPES: Final = frozenset({"bearer", "access_token", "urn:ietf:params:oauth:token-type:access_token"})
# The same in most tokens of an issuer, or in those of one second.
_REPEATED: Final = frozenset({"aud", "client_id", "azp", "scope", "token_type", "acr", "typ", "iat", "exp"})
_TEXTS: Final = ("sub", "client_id", "azp", "jti")
_OF_RFC_9068: Final = ("sub", "client_id", "iat", "jti")
_KEPT: Final = 4096
_HABITS_KEPT: Final = 1024
_NAMES_KEPT: Final = 64
_CHARACTERS_KEPT: Final = 1024
_AUDIENCES_SHARED: Final = 8


@dataclass(frozen=True, slots=True)
class Habit:
    """What follows from the names and the types of a token's claims alone: an issuer's tokens have a few sets of them.

    Attributes:
        shape: Position of each claim.
        flat: Whether no value is an object or an array.
        telling: Whether a claim may say that this is another kind of token.
        no_text: The first claim that must be text and is not, or None.
        missing: The first claim that RFC 9068 §2.2 requires and is not there, or None.
        bound: Whether the token is bound to a key.
        detailed: Whether it carries RFC 9396 details.
        repeated: Claims whose values other tokens are likely to have too.
    """

    shape: dict[str, int]
    flat: bool
    telling: bool
    no_text: str | None
    missing: str | None
    bound: bool
    detailed: bool
    repeated: tuple[str, ...]


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
    _same: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    _habits: dict[tuple[tuple[str, ...], tuple[type, ...]], Habit] = field(default_factory=dict, repr=False, compare=False)

    def check(self, claims: dict[str, Any], now: float, *, introspected: bool) -> AccessToken | Problem:
        """Turn claims that are authentic into an access token, or say which of them refuses it.

        Args:
            claims: Out of a verified signature or the authorization server's own answer. Strings in it may be replaced by equal ones.
            now: Seconds since the epoch.
            introspected: `iss`, `aud`, `exp` may then be missing (RFC 7662 §2.2 makes them optional), where settings allow.
        """
        names, types = tuple(claims), tuple(map(type, claims.values()))
        known = self._habits.get((names, types))
        habit = known or _habit_of(names, types)
        issuer = claims.get("iss")
        if issuer != self.issuer and not (introspected and "iss" not in claims):
            return PROBLEMS[Reason.UNKNOWN_ISSUER] if isinstance(issuer, str) else malformed_claim("iss")
        problem = (self._kind(claims, introspected) if habit.telling else None) or self._times(claims, now, introspected)
        if problem is not None:
            return problem
        audience = self._audience(claims, introspected)
        if isinstance(audience, Problem):
            return audience
        if habit.no_text is not None:
            return malformed_claim(habit.no_text)
        if self.strict and habit.missing is not None:
            return malformed_claim(habit.missing)
        if self.required and not self._has_required(claims):
            return PROBLEMS[Reason.REFUSED_BY_VALIDATOR]
        if habit.bound:  # RFC 7800 §3.1: whoever cannot check the proof must not take the token for a bearer token
            return PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]
        scopes = self.scopes.scopes_of(claims)
        if scopes is None:
            return malformed_claim("scope")
        if habit.detailed and not _are_details(claims["authorization_details"]):
            return malformed_claim("authorization_details")
        if known is None and _is_usual(names):  # of a good token: what is meant for others must not fill this
            if len(self._habits) >= _HABITS_KEPT:
                self._habits.clear()
            self._habits[names, types] = habit
        return self._build(claims, habit, audience, scopes)

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
            return (value,) if value in self.audiences else PROBLEMS[Reason.WRONG_AUDIENCE]
        if isinstance(value, list):
            if not all(isinstance(item, str) for item in value):
                return malformed_claim(self.audience_claim)
            return tuple(value) if not self.audiences.isdisjoint(value) else PROBLEMS[Reason.WRONG_AUDIENCE]
        if self.audience_claim in claims:
            return malformed_claim(self.audience_claim)
        return () if introspected and self.missing_audience else PROBLEMS[Reason.WRONG_AUDIENCE]

    def _has_required(self, claims: dict[str, Any]) -> bool:
        return all(any(_holds(claims.get(name), value) for value in wanted) for name, wanted in self.required.items())

    def _build(self, claims: dict[str, Any], habit: Habit, audience: tuple[str, ...], scopes: frozenset[str]) -> AccessToken:
        if len(self._same) >= _KEPT:
            self._same.clear()
        share, get = self._same.setdefault, claims.get
        if "iss" in claims:
            claims["iss"] = self.issuer  # equal, and held anyway
        for name in habit.repeated:
            value = claims[name]
            claims[name] = share(value, value)
        return make_access_token(
            self.issuer,
            get("sub"),
            claims["client_id"] if "client_id" in claims else get("azp"),
            share(audience, audience) if len(audience) <= _AUDIENCES_SHARED else audience,
            scopes,
            get("exp"),
            get("iat"),
            get("jti"),
            freeze(claims["authorization_details"]) if habit.detailed else (),
            make_claims(habit.shape, tuple(claims.values()) if habit.flat else tuple(map(freeze, claims.values()))),
        )


def _habit_of(names: tuple[str, ...], types: tuple[type, ...]) -> Habit:
    kinds = dict(zip(names, types, strict=True))
    return Habit(
        shape={name: position for position, name in enumerate(names)},
        flat=dict not in types and list not in types,
        telling=not _TELLING.isdisjoint(names),
        no_text=next((name for name in _TEXTS if kinds.get(name, str) is not str), None),
        missing=next((name for name in _OF_RFC_9068 if name not in kinds), None),
        bound="cnf" in kinds,
        detailed="authorization_details" in kinds,
        repeated=tuple(name for name in names if name in _REPEATED and kinds[name] in (str, int)),
    )


def _is_usual(names: tuple[str, ...]) -> bool:
    """Tell whether claim names are worth remembering: few and short, as those are that many tokens share."""
    return len(names) <= _NAMES_KEPT and sum(map(len, names)) <= _CHARACTERS_KEPT


def _are_details(value: object) -> bool:
    """Tell whether a claim is an array of objects that name their type (RFC 9396 §2)."""
    return isinstance(value, list) and all(isinstance(item, dict) and isinstance(item.get("type"), str) for item in value)


def _holds(claim: object, value: object) -> bool:
    """Tell whether a claim is `value`, or a list that holds it; True is not 1."""
    return any(type(item) is type(value) and item == value for item in (claim if isinstance(claim, list) else [claim]))
