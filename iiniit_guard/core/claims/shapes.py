"""Cached facts about the names and types of a token's claims.

An issuer's tokens have only a few sets of names and types.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, TypeAlias

from iiniit_guard.core.claims.token_kind import KIND_CLAIMS

Pick: TypeAlias = Callable[[Any], tuple[Any, ...]]

_TELLING: Final = frozenset({*KIND_CLAIMS, "token_type"})
# The same in most tokens of an issuer, or in those of one second.
_REPEATED: Final = (
    "iss",
    "aud",
    "client_id",
    "azp",
    "scope",
    "token_type",
    "acr",
    "typ",
    "iat",
    "exp",
)
CLIENT_ID_CLAIMS: Final = ("client_id", "azp", "cid", "appid")
"""The client identifier: RFC 9068 and most servers, OpenID Connect, Okta, Entra ID v1."""
TOKEN_ID_CLAIMS: Final = ("jti", "uti")
"""The token identifier: RFC 7519, Entra ID."""
_TEXTS: Final = ("sub", "client_id", "azp", "jti")
_OF_RFC_9068: Final = ("sub", "client_id", "iat", "jti")
_NUMBERS: Final = (int, float)
_NAMES_KEPT: Final = 64
_CHARACTERS_KEPT: Final = 1024


@dataclass(frozen=True, slots=True)
class ClaimShape:
    """The facts about one set of names and types.

    Attributes:
        usual: Whether only values can refuse such a token: every required claim is present and has
            the right type.
        telling: Whether a claim may mark another kind of token.
        no_text: The first claim that must be a string and is not, or None.
        missing: The first claim that RFC 9068 §2.2 requires and that is missing, or None.
        bound: Whether the token is bound to a key.
        detailed: Whether it has RFC 9396 details.
        shape: Position of each claim's value, in the token's order.
        fields: Picks `sub`, the client identifier, `exp`, `iat` and the token identifier from the
            values, None for each missing one.
    """

    usual: bool
    may_be_other_kind: bool
    non_string_claim: str | None
    missing: str | None
    bound: bool
    detailed: bool
    shape: dict[str, int]
    fields: Pick


def make_claim_shape(
    claims: Mapping[str, Any],
    *,
    audience_claim: str,
    strict: bool,
    client_id_claims: Sequence[str] = CLIENT_ID_CLAIMS,
    token_id_claims: Sequence[str] = TOKEN_ID_CLAIMS,
) -> ClaimShape:
    """Return the facts about the names and types of claims.

    Args:
        claims: Their values are ignored.
        audience_claim: The claim that holds the audience.
        strict: Whether the claims that RFC 9068 requires must be present.
        client_id_claims: The claims that may hold the client identifier; the first one is used.
        token_id_claims: The claims that may hold the token identifier; the first one is used.
    """
    kinds = {name: type(value) for name, value in claims.items()}
    may_be_other_kind = not _TELLING.isdisjoint(kinds)
    client = next((name for name in client_id_claims if name in kinds), "")
    token_id = next((name for name in token_id_claims if name in kinds), "")
    non_string_claim = next(
        (name for name in (*_TEXTS, client, token_id) if kinds.get(name, str) is not str), None
    )
    missing = next((name for name in _OF_RFC_9068 if name not in kinds), None)
    bound, detailed = "cnf" in kinds, "authorization_details" in kinds
    positions = {name: position for position, name in enumerate(kinds)}
    return ClaimShape(
        usual=not (may_be_other_kind or bound or detailed)
        and non_string_claim is None
        and not (strict and missing is not None)
        and all(kinds.get(name) is str for name in ("iss", audience_claim, "scope"))
        and all(kinds.get(name, int) in _NUMBERS for name in ("iat", "nbf"))
        and kinds.get("exp") in _NUMBERS,
        may_be_other_kind=may_be_other_kind,
        non_string_claim=non_string_claim,
        missing=missing,
        bound=bound,
        detailed=detailed,
        shape=positions,
        fields=_pick_fields(
            [positions.get(name) for name in ("sub", client, "exp", "iat", token_id)]
        ),
    )


def is_common(names: Collection[str]) -> bool:
    """Return whether claim names should be cached: few and short, like names that tokens share."""
    return len(names) <= _NAMES_KEPT and sum(map(len, names)) <= _CHARACTERS_KEPT


def _pick_fields(positions: list[int | None]) -> Pick:
    if None not in positions:
        return itemgetter(*positions)
    return lambda values: tuple(
        None if position is None else values[position] for position in positions
    )
