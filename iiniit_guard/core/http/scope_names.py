"""The names under which a client requests scopes, where tokens name the scopes otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

# OpenID Connect Core §5.4 and §11: they belong to the issuer and not to an API.
_OF_THE_ISSUER: Final = frozenset(
    {"openid", "profile", "email", "address", "phone", "offline_access"}
)


def requested_names(scopes: Iterable[str], prefix: str | None) -> tuple[str, ...]:
    """Return scopes as a client must request them.

    Args:
        scopes: As a policy names them. A scope that has the prefix already stays as it is.
        prefix: The setting `scope_prefix` of the issuer.
    """
    return tuple(
        scope
        if prefix is None or scope.startswith(prefix) or scope in _OF_THE_ISSUER
        else prefix + scope
        for scope in scopes
    )
