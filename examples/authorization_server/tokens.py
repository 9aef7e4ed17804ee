"""Issue access tokens, JWT or opaque depending on the client, and introspect and revoke them."""

from __future__ import annotations

import base64
import binascii
import time
from typing import Any
from urllib.parse import unquote_plus

from authlib.common.security import generate_token
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Request
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import g, request

from examples.authorization_server.records import Client, Token, digest
from examples.authorization_server.settings import Settings
from examples.authorization_server.signing_keys import SigningKeys
from examples.authorization_server.store import Store

REFRESH_SECONDS = 24 * 3600


def token_generator(settings: Settings, keys: SigningKeys) -> Any:
    """Create the generator that issues to each client the kind of token in its registration."""

    def lifetime(client: Client, grant_type: str) -> int:
        # An extension of this server, not part of OAuth: a client may request a shorter lifetime
        # than the default, but not a longer one.
        wanted = request.form.get("expires_in", "")
        seconds = (
            int(wanted)
            if wanted.isascii() and wanted.isdigit() and len(wanted) < 7
            else settings.access_token_seconds
        )
        return max(1, min(seconds, settings.access_token_seconds))

    def random_token(*args: object, **kwargs: object) -> str:
        return str(generate_token(43))  # from an alphabet of 62 characters: 256 bits

    class JwtGenerator(JWTBearerTokenGenerator):
        def get_jwks(self) -> Any:
            return keys.signing_set()

        def get_audiences(self, client: Client, user: object, scope: str) -> str:
            return client.audience or settings.audience

        def get_extra_claims(self, *args: object) -> dict[str, Any]:
            return _confirmation(g.key_thumbprint)

    formats = {
        "jwt": JwtGenerator(settings.issuer, settings.signing_algorithm, random_token, lifetime),
        "opaque": BearerTokenGenerator(random_token, random_token, lifetime),
    }

    def generate(client: Client, **values: Any) -> Any:
        issued = formats[client.token_format](client=client, **values)
        return issued if g.key_thumbprint is None else {**issued, "token_type": "DPoP"}

    return generate


def _confirmation(key_thumbprint: str | None) -> dict[str, Any]:
    # RFC 9449 §6: the key that a client must prove to have.
    return {"cnf": {"jkt": key_thumbprint}} if key_thumbprint else {}


def save_token_to(store: Store, settings: Settings) -> Any:
    """Create the function that stores an issued token.

    JWTs are stored too, because otherwise they could not be revoked and introspected.
    """

    def save_token(token: dict[str, Any], request: OAuth2Request) -> None:
        now = int(time.time())
        origin = request.authorization_code or request.refresh_token
        common = {
            "grant_id": origin.grant_id,
            "client_id": request.client.client_id,
            "user_id": request.user.user_id,
            "audience": request.client.audience or settings.audience,
        }
        store.add_token(
            Token(
                digest(token["access_token"]),
                "access",
                scope=token["scope"],
                issued_at=now,
                expires_at=now + token["expires_in"],
                key_thumbprint=g.key_thumbprint,
                **common,
            )
        )
        if "refresh_token" not in token:
            return
        scope = g.get("refresh_scope", token["scope"])
        store.add_token(
            Token(
                digest(token["refresh_token"]),
                "refresh",
                scope=scope,
                issued_at=now,
                expires_at=now + REFRESH_SECONDS,
                **common,
            )
        )

    return save_token


def client_secret_basic(query_client: Any, request: OAuth2Request) -> Client | None:
    """Authenticate a client by HTTP Basic; return None if its credentials are missing or invalid.

    The identifier and the secret are form-encoded, so `+` means a space (RFC 6749 §2.3.1,
    appendix B). Authlib's own function does not decode `+`.
    """
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, colon, secret = (
            base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
        )
    except (binascii.Error, ValueError):
        return None
    client: Client | None = query_client(unquote_plus(client_id)) if colon else None
    return (
        client if client is not None and client.check_client_secret(unquote_plus(secret)) else None
    )


def _check_token_parameter(request: OAuth2Request) -> None:
    # Authlib refuses an unknown token_type_hint. RFC 7009 §2.1 and RFC 7662 §2.1 require servers
    # to ignore it.
    if len(request.form.getlist("token")) != 1:
        raise InvalidRequestError("Exactly one 'token' is needed")


def introspection_endpoint(store: Store, settings: Settings) -> type[IntrospectionEndpoint]:
    """Create the introspection endpoint class (RFC 7662) for a store."""

    class Introspection(IntrospectionEndpoint):
        def check_params(self, request: OAuth2Request, client: Client) -> None:
            _check_token_parameter(request)

        def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
            # Access tokens only: an API would accept a refresh token for which the response is
            # "active".
            return store.token(token_string, "access")

        def check_permission(self, token: Token, client: Client, request: OAuth2Request) -> bool:
            return client.introspects == token.audience

        def introspect_token(self, token: Token) -> dict[str, Any]:
            return {
                "active": True,
                "iss": settings.issuer,
                "sub": token.user_id,
                "aud": token.audience,
                "client_id": token.client_id,
                "scope": token.scope,
                "token_type": "DPoP" if token.key_thumbprint else "Bearer",
                "iat": token.issued_at,
                "exp": token.expires_at,
                **_confirmation(token.key_thumbprint),
            }

    return Introspection


def revocation_endpoint(store: Store) -> type[RevocationEndpoint]:
    """Create the revocation endpoint class (RFC 7009) for a store."""

    class Revocation(RevocationEndpoint):
        def check_params(self, request: OAuth2Request, client: Client) -> None:
            _check_token_parameter(request)

        def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
            return store.token(token_string, "access", "refresh")

        def revoke_token(self, token: Token, request: OAuth2Request) -> None:
            if token.kind == "refresh":
                # RFC 7009 §2.1: also revoke every access token of the same approval.
                store.revoke_grant(token.grant_id)
            else:
                store.revoke(token)

    return Revocation
