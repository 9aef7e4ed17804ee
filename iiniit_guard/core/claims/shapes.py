"""Names and types of claims, without their values.

The tokens of an issuer have few sets of names and types. The checks that depend on these alone run
once for each set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from iiniit_guard.core.claims.token_kind import KIND_CLAIMS
from iiniit_guard.core.model.json_types import JsonObject

# Claims of special tokens. Without any of them, a token has no mark of its kind, is bound to no
# key, and has neither authorization details nor actors.
SPECIAL_CLAIMS: Final = frozenset(
    {*KIND_CLAIMS, "token_type", "cnf", "authorization_details", "act"}
)
CLIENT_ID_CLAIMS: Final = ("client_id", "azp", "cid", "appid")
"""The client identifier: RFC 9068 and most servers, OpenID Connect, Okta, Entra ID v1."""
TOKEN_ID_CLAIMS: Final = ("jti", "uti")
"""The token identifier: RFC 7519, Entra ID."""
_TEXTS: Final = ("sub", "client_id", "azp", "jti")
_TEXTS_OR_NONE: Final = frozenset((*_TEXTS, None))
_TEXT_TYPES: Final = frozenset({str, type(None)})  # None: absent
_REQUIRED: Final = ("sub", "client_id", "iat", "jti")  # RFC 9068 §2.2
_REQUIRED_SET: Final = frozenset(_REQUIRED)
_TEXT: Final = frozenset({str})
_TEXT_OR_ABSENT: Final = frozenset({str, None})
_NUMBER_OR_ABSENT: Final = frozenset({int, None})
_MAX_SHAPES: Final = 64
_MAX_NAMES: Final = 64
_MAX_CHARACTERS: Final = 1024

Kinds: TypeAlias = tuple[str | type, ...]
"""The names of all claims of a token in their order, then the types of their values."""


@dataclass(frozen=True, slots=True)
class ClaimShape:
    """A set of names and types that cannot refuse a token. Only values can.

    Attributes:
        client: The claim that holds the client identifier. It may be missing.
        token_id: The claim that holds the token identifier. It may be missing.
        has_not_before: Whether there is an `nbf`.
    """

    client: str
    token_id: str
    has_not_before: bool


class ClaimShapes(dict[Kinds, ClaimShape | None]):
    """The claim shapes of one issuer's valid tokens, at most 64.

    None stands for names and types that could refuse a token.

    Args:
        audience_claim: The claim that holds the audience.
        client_id_claims: See `ClaimChecks`.
        token_id_claims: See `ClaimChecks`.
        strict: Whether RFC 9068 §2.2 requires claims.
    """

    __slots__ = ("_audience_claim", "_client_id_claims", "_strict", "_token_id_claims")

    def __init__(
        self,
        audience_claim: str,
        client_id_claims: tuple[str, ...],
        token_id_claims: tuple[str, ...],
        *,
        strict: bool,
    ) -> None:
        self._audience_claim = audience_claim
        self._client_id_claims = client_id_claims
        self._token_id_claims = token_id_claims
        self._strict = strict

    def learn(self, kinds: Kinds, claims: JsonObject) -> None:
        """Store the shape of a valid token, or that its names or types alone could refuse a token.

        A token with many or long names is rare, and nothing is stored for it.
        """
        if len(claims) > _MAX_NAMES or sum(map(len, claims)) > _MAX_CHARACTERS:
            return
        types = dict(zip(claims, map(type, claims.values()), strict=True))
        client = first_of(self._client_id_claims, claims) or self._client_id_claims[0]
        token_id = first_of(self._token_id_claims, claims) or self._token_id_claims[0]
        is_plain = (
            SPECIAL_CLAIMS.isdisjoint(types)
            and type(None) not in types.values()
            and _TEXT.issuperset(map(types.get, ("iss", self._audience_claim, "scope")))
            and _TEXT_OR_ABSENT.issuperset(map(types.get, (*_TEXTS, client, token_id)))
            and types.get("exp") is int
            and _NUMBER_OR_ABSENT.issuperset(map(types.get, ("iat", "nbf")))
            and (not self._strict or types.keys() >= _REQUIRED_SET)
        )
        if len(self) >= _MAX_SHAPES:
            self.clear()
        self[kinds] = ClaimShape(client, token_id, "nbf" in types) if is_plain else None


def first_of(names: tuple[str, ...], claims: JsonObject) -> str | None:
    """Return the first of `names` that is a claim, or None."""
    for name in names:
        if name in claims:
            return name
    return None


def malformed_name(
    claims: JsonObject, client: str | None, token_id: str | None, *, rfc9068: bool
) -> str | None:
    """Return the first claim that is not a string, or is missing though RFC 9068 requires it."""
    if not _TEXT_TYPES.issuperset(map(type, map(claims.get, _TEXTS))):
        return next(name for name in _TEXTS if type(claims.get(name)) not in _TEXT_TYPES)
    if not _TEXTS_OR_NONE.issuperset((client, token_id)):
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
