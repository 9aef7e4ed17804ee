"""The verified access token that a handler receives. Requests with the same token share it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, TypeGuard

from iiniit_guard.core.model.actor import Actor, parse_actors
from iiniit_guard.core.model.claims import EMPTY_CLAIMS, AuthorizationDetail
from iiniit_guard.core.model.copying import CopiedAsItself
from iiniit_guard.core.model.json_types import Json, JsonMapping, JsonObject

LATEST: Final = 253_402_300_800
"""10000-01-01. Times from then on are refused: values such as 2**63 or 1e400 attack arithmetic."""


def without_nulls(members: JsonObject, names: Collection[str]) -> JsonObject:
    """Return `members` without those of `names` whose value is null.

    Some servers write null for a member that they do not set. Null counts as absent only for named
    members whose absence has a harmless meaning.
    """
    return {name: item for name, item in members.items() if item is not None or name not in names}


def is_time(value: object) -> TypeGuard[float]:
    """Return whether `value` is a NumericDate that can be compared.

    It must be a finite number between the years 1970 and 9999, and not a boolean.
    """
    kind = type(value)
    return (kind is int or kind is float) and 0 <= value < LATEST  # type: ignore[operator]  # NaN compares false, infinity is too large


@dataclass(frozen=True, slots=True, init=False)
class AccessToken(CopiedAsItself):
    """The content of a verified token, frozen at every depth.

    Its `repr` omits the token and the subject.

    Attributes:
        issuer: The authorization server, as configured (RFC 8414 issuer identifier).
        subject: `sub`; None if the server sends none.
        client_id: The first of the claims `client_id_claims`: `client_id`, `azp`, `cid`, `appid`;
            None if the server sends none of them.
        audience: `aud` as a tuple, also if the server sends a single string.
        scopes: The scopes of the token, after aliases and hierarchy.
        expires_at: `exp` in seconds since the epoch; None only for an introspected token without
            one.
        issued_at: `iat` in seconds since the epoch, or None.
        token_id: The first of the claims `token_id_claims`: `jti`, `uti`; None if the server sends
            none of them.
        confirmation: `cnf` (RFC 7800), read-only; None for a bearer token.
        authorization_details: RFC 9396 details as read-only mappings; empty if there are none.
        claims: All claims of the token or members of the introspection response, read-only.

    Spec: RFC 9068 §2.2, RFC 7662 §2.2.
    """

    issuer: str
    subject: str | None = field(default=None, repr=False)
    client_id: str | None = None
    audience: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()
    expires_at: float | None = None
    issued_at: float | None = field(default=None, repr=False)
    token_id: str | None = field(default=None, repr=False)
    confirmation: JsonMapping | None = field(default=None, repr=False)
    authorization_details: tuple[JsonMapping, ...] = field(default=(), repr=False)
    claims: JsonMapping = field(default=EMPTY_CLAIMS, repr=False)

    def __init__(
        self,
        issuer: str,
        subject: str | None = None,
        client_id: str | None = None,
        audience: tuple[str, ...] = (),
        scopes: frozenset[str] = frozenset(),
        expires_at: float | None = None,
        issued_at: float | None = None,
        token_id: str | None = None,
        confirmation: JsonMapping | None = None,
        authorization_details: tuple[JsonMapping, ...] = (),
        claims: JsonMapping = EMPTY_CLAIMS,
    ) -> None:
        # The constructor that `dataclass` generates takes twice the time: it looks up each slot.
        _set_issuer(self, issuer)
        _set_subject(self, subject)
        _set_client_id(self, client_id)
        _set_audience(self, audience)
        _set_scopes(self, scopes)
        _set_expires_at(self, expires_at)
        _set_issued_at(self, issued_at)
        _set_token_id(self, token_id)
        _set_confirmation(self, confirmation)
        _set_authorization_details(self, authorization_details)
        _set_claims(self, claims)

    def details_of(self, kind: str) -> tuple[AuthorizationDetail, ...]:
        """Return the authorization details of one type, in their order (RFC 9396 §2).

        Args:
            kind: The `type`. It is compared to the letter.
        """
        return tuple(
            AuthorizationDetail(each)
            for each in self.authorization_details
            if each.get("type") == kind
        )

    @property
    def actors(self) -> tuple[Actor, ...]:
        """The parties of the claim `act`, the current actor first; empty without delegation.

        The guard bases a decision only on the current actor. The others are informational.

        Raises:
            ValueError: The claim is malformed. The guard accepts no such token.

        Spec: RFC 8693 §4.1.
        """
        if "act" not in self.claims:
            return ()
        actors = parse_actors(self.claims["act"])
        if actors is None:
            raise ValueError("the claim act is malformed")
        return actors


(
    _set_issuer,
    _set_subject,
    _set_client_id,
    _set_audience,
    _set_scopes,
    _set_expires_at,
    _set_issued_at,
    _set_token_id,
    _set_confirmation,
    _set_authorization_details,
    _set_claims,
) = (AccessToken.__dict__[name].__set__ for name in AccessToken.__match_args__)


@dataclass(frozen=True, slots=True)
class Principal(CopiedAsItself):
    """A caller that the application authenticated by another credential, for example an API key.

    Attributes:
        scheme: The authentication scheme of the credential, as configured.
        subject: The user or client that the credential represents.
        scopes: The granted scopes, named like the scopes of an access token.
        details: Any further data that the application passes to its handlers.
    """

    scheme: str
    subject: str | None = field(default=None, repr=False)
    scopes: frozenset[str] = frozenset()
    details: Json = field(default=None, repr=False)
