"""What is stored, in the shapes that Authlib asks for."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass, field

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin

from examples.authorization_server.settings import TokenFormat


def digest(secret: str) -> str:
    """Fingerprint a code, a token or a client secret: the database holds no value that could be used if it were stolen.

    A plain hash is enough for values with 128 random bits and more; passwords have fewer and get scrypt.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class User:
    """An account; `get_user_id` is what Authlib puts into `sub`."""

    user_id: str
    username: str
    password_hash: str = field(repr=False)

    def get_user_id(self) -> str:
        """Give the subject identifier."""
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

    def get_client_id(self) -> str:
        """Give the client identifier."""
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """Refuse to guess: a request names its redirect URI."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Give the requested scopes that this client may have, in the order asked for; None (`invalid_scope`) when none is left."""
        wanted = dict.fromkeys((scope or "").split(" "))
        return " ".join(name for name in wanted if name in self.scopes) or None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Compare to the letter (RFC 9700 §2.1)."""
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare without telling by the time it takes how much was right."""
        return secrets.compare_digest(self.secret_digest, digest(client_secret))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Accept one method, at every endpoint."""
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        """Accept the authorization code flow; a resource server has no flow."""
        return response_type == "code" and self.introspects is None

    def check_grant_type(self, grant_type: str) -> bool:
        """Accept codes and refresh tokens; a resource server gets no tokens."""
        return grant_type in ("authorization_code", "refresh_token") and self.introspects is None


@dataclass(frozen=True, slots=True)
class Code(AuthorizationCodeMixin):
    """An authorization code; all tokens that come of it carry its `grant_id`."""

    grant_id: str
    client_id: str
    user_id: str
    redirect_uri: str
    scope: str
    code_challenge: str
    expires_at: float
    code_challenge_method: str = "S256"

    def get_redirect_uri(self) -> str:
        """Give the redirect URI that the token request must repeat."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """Give what the person granted."""
        return self.scope


@dataclass(frozen=True, slots=True)
class Token(TokenMixin):
    """An access or a refresh token, known by its digest only."""

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

    def check_client(self, client: Client) -> bool:
        """Tell whether it was issued to this client."""
        return self.client_id == client.client_id

    def get_scope(self) -> str:
        """Give what it allows."""
        return self.scope

    def get_expires_in(self) -> int:
        """Give its whole life in seconds."""
        return self.expires_at - self.issued_at

    def is_expired(self) -> bool:
        """Tell whether its life is over."""
        return time.time() >= self.expires_at

    def is_revoked(self) -> bool:
        """Tell whether it was taken back."""
        return self.revoked_at is not None
