"""The verified access token that a handler receives, and its claims, frozen at every depth.

Requests with the same token share one object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Self, TypeGuard

from iiniit_guard.core.model.actor import Actor, parse_actors
from iiniit_guard.core.model.copying import CopiedAsItself
from iiniit_guard.core.model.json_types import ATOMS, Json, JsonMapping, JsonObject

LATEST: Final = 253_402_300_800
"""10000-01-01. Times from then on are refused: values such as 2**63 or 1e400 attack arithmetic."""


def is_time(value: object) -> TypeGuard[float]:
    """Return whether `value` is a NumericDate that can be compared.

    It must be a finite number between the years 1970 and 9999, and not a boolean.
    """
    kind = type(value)
    return (kind is int or kind is float) and 0 <= value < LATEST  # type: ignore[operator]  # NaN compares false, infinity is too large


class Claims(CopiedAsItself, JsonMapping):
    """A frozen mapping of claim names to values. Nested objects are mappings, arrays are tuples.

    A nested value is frozen when a handler reads it. Most handlers read none, so they do not pay
    for freezing the thousands of values that a claim may contain.

    Args:
        claims: Copied at every depth.
    """

    __slots__ = ("_members",)
    _members: JsonObject

    def __init__(self, claims: JsonMapping) -> None:
        _set_members(self, {name: thaw(value) for name, value in claims.items()})

    def __getitem__(self, name: str) -> Json:
        value = self._members[name]
        return value if type(value) in ATOMS else freeze(value)

    def get(self, name: str, default: Json = None) -> Json:
        """Return the value of `name`, or `default` itself.

        The inherited method would raise and catch an exception for each missing claim.
        """
        value = self._members.get(name, default)
        return value if type(value) in ATOMS or value is default else freeze(value)

    def __contains__(self, name: object) -> bool:
        # The inherited method reads the value too, and catches an exception for a missing claim.
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("claims are read-only")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("claims are read-only")

    def __hash__(self) -> int:
        return hash(frozenset(self._members))

    def __repr__(self) -> str:
        return f"Claims({', '.join(self._members)})"

    def __reduce__(self) -> tuple[type[Self], tuple[JsonObject]]:
        return type(self), (thaw(self),)  # a copy: `_members` must not leave this object


# `object.__setattr__` looks up the slot by name, which takes twice the time.
_set_members: Final = Claims.__dict__["_members"].__set__


def frozen_object(members: JsonObject) -> Claims:
    """Return an object parsed from JSON as read-only claims.

    Args:
        members: The object. It is not copied, so the caller must not change it later.
    """
    frozen = Claims.__new__(Claims)
    _set_members(frozen, members)
    return frozen


def freeze(value: Json) -> Json:
    """Return `value` with read-only mappings and tuples, at every depth.

    Args:
        value: A value parsed from JSON. Its objects are not copied, so the caller must not change
            them later.
    """
    if isinstance(value, dict):
        return frozen_object(value)
    if isinstance(value, (list, tuple)):
        return tuple(map(freeze, value))
    return value


def thaw(value: Json) -> Json:
    """Return a copy of `value` with `dict` and `list` objects, for writing JSON."""
    if type(value) in ATOMS:
        return value
    if isinstance(value, (list, tuple)):
        return [thaw(inner) for inner in value]
    if isinstance(value, Mapping):
        members = value._members if type(value) is Claims else value
        return {name: thaw(inner) for name, inner in members.items()}
    return value


EMPTY_CLAIMS: Final = Claims({})


class AuthorizationDetail(Claims):
    """One authorization detail of a verified token: a read-only mapping of its members.

    The properties are the common members of RFC 9396 §2.2. The guard refuses a token in which one
    of them has another type than the RFC defines.
    """

    __slots__ = ()

    @property
    def type(self) -> str:
        """The type of the detail, which defines the meaning of the other members."""
        return str(self["type"])

    @property
    def locations(self) -> tuple[str, ...]:
        """The resources where the client may use the detail; empty if the detail names none."""
        return tuple(self.get("locations", ()))

    @property
    def actions(self) -> tuple[str, ...]:
        """The allowed actions; empty if the detail names none."""
        return tuple(self.get("actions", ()))

    @property
    def datatypes(self) -> tuple[str, ...]:
        """The requested kinds of data; empty if the detail names none."""
        return tuple(self.get("datatypes", ()))

    @property
    def privileges(self) -> tuple[str, ...]:
        """The levels of privilege; empty if the detail names none."""
        return tuple(self.get("privileges", ()))

    @property
    def identifier(self) -> str | None:
        """The resource that the detail concerns, or None."""
        value: str | None = self.get("identifier")
        return value


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
