"""The caller, as the official SDK describes it to the tools of a server."""

from __future__ import annotations

import math
from hashlib import sha256
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken as SdkAccessToken
from starlette.authentication import AuthCredentials

from iiniit_guard.adapting.types import Scope
from iiniit_guard.core.http.bearer import ASSERTION_FIELD
from iiniit_guard.core.model.access_token import AccessToken, Principal, thaw
from iiniit_guard.engine import Engine


def sdk_fields(token: AccessToken, presented: bytes, resource: str | None) -> dict[str, Any]:
    """Return the members of the SDK's access token.

    Its member `token` is a digest that identifies the credential, not the token itself: a server
    must not pass the token of its client on, and the SDK's class shows the member in its `repr`.
    The digest is also the client of a token that names neither its client nor its subject.
    Otherwise all such tokens would share their sessions.

    Args:
        token: Verified.
        presented: The credential of the request.
        resource: The setting `resource`. It is the resource of the token if its audience has it.
    """
    audience, digest = token.audience, credential_digest(presented)
    return {
        "token": digest,
        "client_id": token.client_id or ("" if token.subject else digest),
        "scopes": sorted(token.scopes),
        "expires_at": None if token.expires_at is None else math.floor(token.expires_at),
        "resource": resource if resource in audience else next(iter(audience), None),
        "subject": token.subject,
        "claims": {**thaw(token.claims), "iss": token.issuer},
    }


def credential_digest(presented: bytes) -> str:
    """Return a name for a credential, from which the credential cannot be found."""
    return f"sha256:{sha256(presented).hexdigest()}"


def with_user(scope: Scope, engine: Engine, who: AccessToken | Principal) -> Scope:
    """Return a copy of `scope` that names the caller to the SDK.

    The SDK then lets no other caller use a session that this one opened.
    """
    field = ASSERTION_FIELD if engine.resource.takes_assertions else engine.resource.token_field
    presented = next((value for name, value in scope["headers"] if name == field), b"")
    if isinstance(who, AccessToken):
        token = SdkAccessToken(**sdk_fields(who, presented, engine.resource.settings.resource))
    else:
        digest = credential_digest(presented)
        token = SdkAccessToken(
            token=digest,
            client_id=who.scheme if who.subject else digest,
            scopes=sorted(who.scopes),
            subject=who.subject,
        )
    user = AuthenticatedUser(token)
    return {**scope, "user": user, "auth": AuthCredentials(token.scopes)}
