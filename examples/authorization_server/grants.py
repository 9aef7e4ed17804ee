"""The grants: authorization code with PKCE (S256 only), and refresh tokens for a single use."""

from __future__ import annotations

import secrets
import time
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error, OAuth2Request, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import g

from examples.authorization_server.records import Code, Token, User
from examples.authorization_server.store import Store

CODE_SECONDS = 60


class RequiredS256(CodeChallenge):
    """PKCE with S256 for every client (RFC 9700 §2.1.1).

    Authlib by default exempts confidential clients and accepts `plain`.
    """

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Refuse an authorization request without `code_challenge` or without the method S256."""
        values = grant.request.payload.data
        if not values.get("code_challenge"):
            raise InvalidRequestError("Missing 'code_challenge'")
        if values.get("code_challenge_method") != "S256":
            # RFC 7636 §4.3: an absent method means plain, which discloses the verifier to an
            # attacker who can read the request.
            raise InvalidRequestError("'code_challenge_method' must be S256")
        super().validate_code_challenge(grant, redirect_uri)


class InvalidTargetError(OAuth2Error):
    """The client requests a token for another API than its own (RFC 8707 §2)."""

    error = "invalid_target"


class OwnResource:
    """Resource indicators (RFC 8707), which MCP clients send: a client has one API."""

    def __init__(self, audience: str) -> None:
        self._audience = audience

    def __call__(self, grant: Any) -> None:
        """Check the parameter `resource` at both endpoints."""
        grant.register_hook("after_validate_authorization_request_payload", self.check)
        grant.register_hook("after_validate_token_request", self.check)

    def check(self, grant: Any, *args: Any) -> None:
        """Refuse a request that names another API."""
        wanted = grant.request.payload.data.get("resource")
        if wanted and wanted != (grant.request.client.audience or self._audience):
            raise InvalidTargetError("'resource' is not the API of this client")


def authorization_code_grant(store: Store) -> type[grants.AuthorizationCodeGrant]:
    """Create the grant class for a store."""

    class AuthorizationCodeGrant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "none"]

        def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
            store.add_code(
                code,
                Code(
                    grant_id=secrets.token_urlsafe(16),
                    client_id=request.client.client_id,
                    user_id=request.user.user_id,
                    redirect_uri=request.payload.redirect_uri,
                    # The scopes that the user approved. Authlib resets request.scope to the
                    # requested scopes, so narrow it here.
                    scope=" ".join(
                        name for name in request.scope.split(" ") if name in g.granted_scopes
                    ),
                    code_challenge=request.payload.data["code_challenge"],
                    expires_at=time.time() + CODE_SECONDS,
                ),
            )

        def query_authorization_code(self, code: str, client: Any) -> Code | None:
            return store.take_code(code, client.client_id)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            """Keep the code, which `take_code` has marked as used, to detect a second use."""

        def authenticate_user(self, authorization_code: Code) -> User | None:
            return store.user(authorization_code.user_id)

    return AuthorizationCodeGrant


def refresh_token_grant(store: Store) -> type[grants.RefreshTokenGrant]:
    """Create the grant class for a store."""

    class RefreshTokenGrant(grants.RefreshTokenGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
            token = store.token(refresh_token, "refresh")
            if token is None or token.is_expired():
                return None
            if token.is_revoked():
                # A second use means that an attacker has a copy. Revoke the tokens of the attacker
                # and of the client (RFC 9700 §4.14.2).
                store.revoke_grant(token.grant_id)
                return None
            return token

        def authenticate_user(self, refresh_token: Token) -> User | None:
            return store.user(refresh_token.user_id)

        def revoke_old_credential(self, refresh_token: Token) -> None:
            store.revoke(refresh_token)

        def issue_token(self, user: User, refresh_token: Token) -> Any:
            # A narrower requested scope applies to the access token only. The refresh token keeps
            # the granted scope (RFC 6749 §6).
            token = super().issue_token(user, refresh_token)
            g.refresh_scope = refresh_token.scope
            return token

    return RefreshTokenGrant
