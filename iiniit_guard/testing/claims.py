"""The claims of the tokens that the issuer for tests creates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iiniit_guard.testing.keys import without_none

if TYPE_CHECKING:
    from iiniit_guard.adapting.types import JsonObject


def usual_claims(
    issuer: str,
    audience: str | list[str],
    now: float,
    token_id: str,
    scope: str | None,
    expires_in: float | None,
    subject: str | None,
    client_id: str | None,
    claims: JsonObject,
) -> JsonObject:
    """Return the claims of RFC 9068 §2.2, changed by `claims`; None removes one."""
    usual = {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "client_id": client_id,
        "scope": scope,
        "iat": now,
        "exp": None if expires_in is None else now + expires_in,
        "jti": token_id,
    }
    return without_none({**usual, **claims})
