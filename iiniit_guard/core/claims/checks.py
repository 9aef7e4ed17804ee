"""Checks of a token's claims, the same for a JWT and for an introspection response.

Spec: RFC 7519 §4.1, RFC 9068 §2.2 and §4, RFC 7662 §2.2, RFC 8725 §3.8 to §3.12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from iiniit_guard.core.claims.authorization_details import are_details
from iiniit_guard.core.claims.confirmation import KEY_THUMBPRINT, is_confirmable
from iiniit_guard.core.claims.scope import ScopeReading
from iiniit_guard.core.claims.token_kind import (
    KIND_CLAIMS,
    explicit_problem,
    id_token_problem,
    names_dpop,
)
from iiniit_guard.core.model.access_token import AccessToken, freeze, is_time, without_nulls
from iiniit_guard.core.model.actor import parse_actors
from iiniit_guard.core.model.diagnosis import listed
from iiniit_guard.core.model.json_types import JsonObject
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason, malformed_claim

# Accepted values of `token_type` (RFC 7662 §2.2, RFC 6749 §7.1, RFC 9449 §6.2).
_TOKEN_TYPES: Final = frozenset(
    {"bearer", "dpop", "access_token", "urn:ietf:params:oauth:token-type:access_token"}
)
# Null means absent for these. For `aud`, `iss`, `cnf` and any other claim, null is malformed.
_NULL_IS_ABSENT: Final = frozenset(
    ("sub", "client_id", "azp", "cid", "appid", "jti", "uti", "iat", "nbf", "scope", "scp")
)
_TELLING: Final = frozenset({*KIND_CLAIMS, "token_type"})
CLIENT_ID_CLAIMS: Final = ("client_id", "azp", "cid", "appid")
"""The client identifier: RFC 9068 and most servers, OpenID Connect, Okta, Entra ID v1."""
TOKEN_ID_CLAIMS: Final = ("jti", "uti")
"""The token identifier: RFC 7519, Entra ID."""
_TEXTS: Final = ("sub", "client_id", "azp", "jti")
_TEXT_TYPES: Final = frozenset({str, type(None)})  # None: absent
_REQUIRED: Final = ("sub", "client_id", "iat", "jti")  # RFC 9068 §2.2
_REQUIRED_SET: Final = frozenset(_REQUIRED)
_OTHER_TYPE: Final = PROBLEMS[Reason.WRONG_TYPE].about(check="kind")
_FOREIGN_SUBJECT: Final = PROBLEMS[Reason.REFUSED_BY_VALIDATOR].about(check="claims")
_LACKS_CLAIM: Final = PROBLEMS[Reason.REFUSED_BY_VALIDATOR].about(check="required claims")


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
        required: Claim → accepted values. The claim must equal one of them, or be a list that
            contains one.
        expiry_leeway_seconds: A token is refused from `exp` plus this on.
        clock_leeway_seconds: `nbf` and `iat` may be this far in the future.
        missing_audience: Accept an introspection response without an audience.
        missing_audience_in_jwt: Accept a JWT without an audience, because `required` names a claim
            that tells the tokens for this API from others.
        id_tokens: Accept a JWT that has the claims of an ID token and no mark of an access token.
        client_id_claims: The claims that may hold the client identifier, the first one that is
            present first.
        token_id_claims: The claims that may hold the token identifier, likewise.
        subject_prefix: `sub` must begin with it; empty means any subject.
        texts: Claims that must be non-empty strings.
        issued_at: Whether a JWT must have `iat`.
        unnamed: Whether a JWT may have no `iss`.
        bindings: The token must be bound by one of these members of `cnf`; empty means that it need
            not be bound.
    """

    issuer: str
    audiences: frozenset[str]
    audience_claim: str
    exclusive: bool
    strict: bool
    scopes: ScopeReading
    required: Mapping[str, tuple[Any, ...]]
    expiry_leeway_seconds: float
    clock_leeway_seconds: float
    missing_audience: bool
    missing_audience_in_jwt: bool
    id_tokens: bool
    client_id_claims: tuple[str, ...]
    token_id_claims: tuple[str, ...]
    subject_prefix: str = ""
    texts: tuple[str, ...] = ()
    issued_at: bool = False
    unnamed: bool = False
    bindings: frozenset[str] = frozenset()
    _alone: dict[str, tuple[str]] = field(init=False, repr=False, compare=False)
    _nullable: frozenset[str] = field(init=False, repr=False, compare=False)
    _nullable_introspected: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        nullable = _NULL_IS_ABSENT - {self.audience_claim}
        object.__setattr__(self, "_nullable", nullable)
        object.__setattr__(self, "_nullable_introspected", nullable | {"exp"})
        object.__setattr__(self, "_alone", {audience: (audience,) for audience in self.audiences})

    def check(
        self, claims: JsonObject, now: float, *, introspected: bool, typ: str | None = None
    ) -> AccessToken | Problem:
        """Return the access token of authentic claims, or the problem that refuses it.

        Args:
            claims: From a verified JWT, or from the response of the server.
            now: Seconds since the epoch.
            introspected: Whether they are a response (RFC 7662 §2.2: most claims are optional).
            typ: Of the JOSE header, see `JoseHeader.typ`; an introspection response has none.
        """
        # A JWT must expire. An introspection response may omit `exp` (RFC 7662 §2.2).
        nullable = self._nullable_introspected if introspected else self._nullable
        if None in claims.values():
            claims = without_nulls(claims, nullable)
        issuer = claims.get("iss")
        if issuer != self.issuer and ("iss" in claims or not (introspected or self.unnamed)):
            return self._wrong_issuer(issuer)
        problem = None if _TELLING.isdisjoint(claims) else self._kind(claims, introspected, typ)
        problem = problem or self._times(claims, now, introspected)
        if problem is not None:
            return problem
        audience = self._audience(claims, introspected)
        if isinstance(audience, Problem):
            return audience
        client = _first_of(self.client_id_claims, claims)
        token_id, required = (
            _first_of(self.token_id_claims, claims),
            self.strict and not introspected,
        )
        malformed = _malformed_name(claims, client, token_id, rfc9068=required)
        if malformed is None and self.texts:
            malformed = self._unfit_text(claims)
        if malformed is not None:
            return malformed_claim(malformed)
        if self.subject_prefix and not str(claims.get("sub", "")).startswith(self.subject_prefix):
            return _FOREIGN_SUBJECT
        if self.required and not self._has_required(claims):
            return _LACKS_CLAIM
        if "cnf" in claims and not is_confirmable(claims["cnf"]):
            return PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]
        if self.bindings and self.bindings.isdisjoint(claims.get("cnf", ())):
            return PROBLEMS[Reason.UNBOUND_TOKEN]
        scopes = self.scopes.scopes_of(claims, introspected=introspected)
        if scopes is None:
            return malformed_claim("scope", "scope claim")
        if "authorization_details" in claims and not are_details(claims["authorization_details"]):
            return malformed_claim("authorization_details", "authorization_details")
        if "act" in claims and parse_actors(claims["act"]) is None:
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
        frozen = freeze(claims)
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
        expires = claims.get("exp")
        if not is_time(expires):
            if not (introspected and "exp" not in claims):
                return malformed_claim("exp", "exp")
        elif now >= expires + self.expiry_leeway_seconds:  # RFC 7519 §4.1.4: "on or after"
            return PROBLEMS[Reason.EXPIRED]
        latest = now + self.clock_leeway_seconds
        if "nbf" in claims:
            if not is_time(claims["nbf"]):
                return malformed_claim("nbf", "nbf")
            if claims["nbf"] > latest:
                return PROBLEMS[Reason.NOT_YET_VALID]
        if "iat" in claims:
            if not is_time(claims["iat"]):
                return malformed_claim("iat", "iat")
            if claims["iat"] > latest:
                return PROBLEMS[Reason.ISSUED_IN_FUTURE]
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

    def _unfit_text(self, claims: JsonObject) -> str | None:
        """Return a claim that the profile requires and that is missing or has another type."""
        for name in self.texts:
            if not isinstance(claims.get(name), str) or not claims[name]:
                return name
        return "iat" if self.issued_at and "iat" not in claims else None

    def _has_required(self, claims: JsonObject) -> bool:
        return all(
            name in claims and any(_holds(claims[name], value) for value in wanted)
            for name, wanted in self.required.items()
        )


def _first_of(names: tuple[str, ...], claims: JsonObject) -> str | None:
    """Return the first of `names` that is a claim, or None."""
    for name in names:
        if name in claims:
            return name
    return None


def _malformed_name(
    claims: JsonObject, client: str | None, token_id: str | None, *, rfc9068: bool
) -> str | None:
    """Return the first claim that is not a string, or is missing though RFC 9068 requires it."""
    if not _TEXT_TYPES.issuperset(map(type, map(claims.get, _TEXTS))):
        return next(name for name in _TEXTS if type(claims.get(name)) not in _TEXT_TYPES)
    for name in (client, token_id):
        if name is not None and type(claims[name]) is not str:
            return name
    if not rfc9068:
        return None
    if not claims.keys() >= _REQUIRED_SET:
        return next(name for name in _REQUIRED if name not in claims)
    if claims["sub"] and claims["client_id"] and claims["jti"]:
        return None
    return next(name for name in ("sub", "client_id", "jti") if not claims[name])


def _holds(claim: object, value: object) -> bool:
    """Return whether a claim is `value`, or a list that contains it. True does not equal 1."""
    return any(
        type(item) is type(value) and item == value
        for item in (claim if isinstance(claim, list) else [claim])
    )
