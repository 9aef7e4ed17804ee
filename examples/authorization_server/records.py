"""The stored records, with the methods that Authlib requires."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass, field

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin

from examples.authorization_server.settings import TokenFormat


def digest(secret: str) -> str:
    """Return the digest of a code, a token or a client secret.

    The database stores digests, so an attacker who steals it gets no usable value. A plain hash
    suffices for values with at least 128 random bits. Passwords have fewer, and are hashed with
    scrypt.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class User:
    """An account. Authlib writes the result of `get_user_id` into `sub`."""

    user_id: str
    username: str
    password_hash: str = field(repr=False)

    def get_user_id(self) -> str:
        """Return the subject identifier."""
        return self.user_id


@dataclass(frozen=True, slots=True)
class Client(ClientMixin):
    """A registered client or resource server."""

    client_id: str
    secret_digest: str = field(repr=False)
    name: str
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    token_format: TokenFormat
    introspects: str | None
    audience: str | None

    def get_client_id(self) -> str:
        """Return the client identifier."""
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """Return no default, because every request must name its redirect URI."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Return the requested scopes that this client may have, in the requested order.

        None if no scope remains, which results in the error `invalid_scope`.
        """
        wanted = dict.fromkeys((scope or "").split(" "))
        return " ".join(name for name in wanted if name in self.scopes) or None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Return whether the URI is registered. URIs are compared exactly (RFC 9700 §2.1)."""
        return redirect_uri in self.redirect_uris

    @property
    def is_public(self) -> bool:
        """Whether the client has no secret. Its codes are bound to it by PKCE alone."""
        return self.secret_digest == digest("")

    def check_client_secret(self, client_secret: str) -> bool:
        """Check the secret in constant time."""
        return secrets.compare_digest(self.secret_digest, digest(client_secret))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Return whether the method is that of the client, which is the same at all endpoints."""
        return method == ("none" if self.is_public else "client_secret_basic")

    def check_response_type(self, response_type: str) -> bool:
        """Return whether the type is `code`. A resource server cannot use any flow."""
        return response_type == "code" and self.introspects is None

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether the client may use the grant.

        A resource server cannot get tokens. A public client gets no refresh token, because it could
        not authenticate when it uses one.
        """
        grants = (
            ("authorization_code",) if self.is_public else ("authorization_code", "refresh_token")
        )
        return grant_type in grants and self.introspects is None


@dataclass(frozen=True, slots=True)
class Code(AuthorizationCodeMixin):
    """An authorization code. All tokens that result from it have the same `grant_id`."""

    grant_id: str
    client_id: str
    user_id: str
    redirect_uri: str
    scope: str
    code_challenge: str
    expires_at: float
    code_challenge_method: str = "S256"

    def get_redirect_uri(self) -> str:
        """Return the redirect URI that the token request must repeat."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """Return the scopes that the user granted."""
        return self.scope


@dataclass(frozen=True, slots=True)
class Token(TokenMixin):
    """An access or refresh token. Only its digest is stored."""

    digest: str
    kind: str
    grant_id: str
    client_id: str
    user_id: str
    scope: str
    audience: str
    issued_at: int
    expires_at: int
    revoked_at: float | None = None
    key_thumbprint: str | None = None

    def check_client(self, client: Client) -> bool:
        """Return whether the token was issued to this client."""
        return self.client_id == client.client_id

    def get_scope(self) -> str:
        """Return the scopes of the token."""
        return self.scope

    def get_expires_in(self) -> int:
        """Return the lifetime of the token in seconds, from its issue to its expiry."""
        return self.expires_at - self.issued_at

    def is_expired(self) -> bool:
        """Return whether the token has expired."""
        return time.time() >= self.expires_at

    def is_revoked(self) -> bool:
        """Return whether the token was revoked."""
        return self.revoked_at is not None
