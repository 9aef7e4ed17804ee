"""Documented: which members may be null, and which claims name the client and the token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_CLAIMS: Final = frozenset(
    ("sub", "client_id", "azp", "cid", "appid", "jti", "uti", "iat", "nbf", "scope", "scp")
)


def without(members: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Return the members without those of `names` that are null."""
    return {name: item for name, item in members.items() if item is not None or name not in names}


def claims_of(claims: Mapping[str, Any], *, introspected: bool) -> dict[str, Any]:
    """Return the claims that are present."""
    return without(claims, _CLAIMS | {"exp"} if introspected else _CLAIMS)


def key_of(jwk: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a JWK that are present."""
    return without(jwk, frozenset(("kid", "alg", "use", "key_ops")))


def identifiers(claims: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the client and the token that the first claim of each kind names, or None."""
    client, token = (
        next((claims[name] for name in names if name in claims), None)
        for names in (("client_id", "azp", "cid", "appid"), ("jti", "uti"))
    )
    return client, token
