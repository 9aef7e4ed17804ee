"""The confirmation claim `cnf`: which bindings of a token to a key the guard can check.

Spec: RFC 7800 §3.1; RFC 9449 §6 (`jkt`); RFC 8705 §3.1 (`x5t#S256`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, cast

from iiniit_guard.core.model.json_types import JsonObject

KEY_THUMBPRINT: Final = "jkt"
"""The thumbprint of the key that signs the DPoP proofs (RFC 9449 §6.1)."""
CERTIFICATE_THUMBPRINT: Final = "x5t#S256"
"""The thumbprint of the client certificate (RFC 8705 §3.1)."""
METHODS: Final = (KEY_THUMBPRINT, CERTIFICATE_THUMBPRINT)
"""The members of `cnf` that the guard checks. Each one that is present must be proven."""

BINDINGS: Final[Mapping[str, frozenset[str]]] = {
    "optional": frozenset(),
    "required": frozenset(METHODS),
    "certificate": frozenset({CERTIFICATE_THUMBPRINT}),
}
"""Mapping from a value of `bound_tokens` to the members of `cnf`, of which a token needs one."""

# A SHA-256 digest in base64url. The last character encodes four bits, so its two unused bits are 0.
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")


def is_confirmable(confirmation: object, method: str | None = None) -> bool:
    """Return whether the guard can check the binding of a token.

    RFC 7800 §3.1: a recipient that cannot check the proof must not accept the token as a bearer
    token. An unknown member is ignored if the guard knows another one.

    Args:
        confirmation: The value of `cnf`.
        method: A member that must be present; None means any of `METHODS`.
    """
    if not isinstance(confirmation, dict):
        return False
    if method is not None and method not in confirmation:
        return False
    present = [confirmation[name] for name in METHODS if name in confirmation]
    return bool(present) and all(
        isinstance(value, str) and _THUMBPRINT.fullmatch(value) is not None for value in present
    )


def demand_both(confirmation: object, other: object) -> object:
    """Return the `cnf` that demands the bindings of two sources.

    Args:
        confirmation: The `cnf` of the introspection response.
        other: The value of `cnf` in the JWT, or None.

    Returns:
        `confirmation` with each member of `other` that the guard checks. An object without members,
        which is not confirmable, if both name another value of one member.
    """
    if not is_confirmable(confirmation) or not isinstance(other, dict):
        return confirmation
    joined: JsonObject = dict(cast("JsonObject", confirmation))
    for name in METHODS:
        if name in other and joined.setdefault(name, other[name]) != other[name]:
            return {}
    return joined
