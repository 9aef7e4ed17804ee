"""The grants: authorization code with PKCE (S256 only), and refresh tokens that are used once."""

from __future__ import annotations

import secrets
import time
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Request, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import g

from examples.authorization_server.records import Code, Token, User
from examples.authorization_server.store import Store

CODE_SECONDS = 60


class RequiredS256(CodeChallenge):
    """PKCE for every client: Authlib's own rule excuses confidential clients and lets `plain` pass (RFC 9700 §2.1.1)."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Refuse an authorization request without `code_challenge` or with another method than S256, named."""
        values = grant.request.payload.data
        if not values.get("code_challenge"):
            raise InvalidRequestError("Missing 'code_challenge'")
        if values.get("code_challenge_method") != "S256":
            # RFC 7636 §4.3: an absent method means plain, which shows the verifier to whoever sees the request.
            raise InvalidRequestError("'code_challenge_method' must be S256")
        super().validate_code_challenge(grant, redirect_uri)


def authorization_code_grant(store: Store) -> type[grants.AuthorizationCodeGrant]:
    """Build the grant on a store."""

    class AuthorizationCodeGrant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]

        def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
            store.add_code(
                code,
                Code(
                    grant_id=secrets.token_urlsafe(16),
                    client_id=request.client.client_id,
                    user_id=request.user.user_id,
                    redirect_uri=request.payload.redirect_uri,
                    # What the person left ticked: Authlib puts request.scope back to what was asked for, so it is narrowed here.
                    scope=" ".join(name for name in request.scope.split(" ") if name in g.granted_scopes),
                    code_challenge=request.payload.data["code_challenge"],
                    expires_at=time.time() + CODE_SECONDS,
                ),
            )

        def query_authorization_code(self, code: str, client: Any) -> Code | None:
            return store.take_code(code, client.client_id)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            """Do nothing: taking it has used it up, and its record tells a second use from a guess."""

        def authenticate_user(self, authorization_code: Code) -> User | None:
            return store.user(authorization_code.user_id)

    return AuthorizationCodeGrant


def refresh_token_grant(store: Store) -> type[grants.RefreshTokenGrant]:
    """Build the grant on a store."""

    class RefreshTokenGrant(grants.RefreshTokenGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
            token = store.token(refresh_token, "refresh")
            if token is None or token.is_expired():
                return None
            if token.is_revoked():
                # Used twice: somebody has a copy. Neither the thief nor the owner goes on (RFC 9700 §4.14.2).
                store.revoke_grant(token.grant_id)
                return None
            return token

        def authenticate_user(self, refresh_token: Token) -> User | None:
            return store.user(refresh_token.user_id)

        def revoke_old_credential(self, refresh_token: Token) -> None:
            store.revoke(refresh_token)

        def issue_token(self, user: User, refresh_token: Token) -> Any:
            # A narrower scope asked for here counts for the access token; the refresh token keeps what was granted (RFC 6749 §6).
            token = super().issue_token(user, refresh_token)
            g.refresh_scope = refresh_token.scope
            return token

    return RefreshTokenGrant
