"""The settings of the authorization server, which it reads from a JSON file at startup."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

TokenFormat = Literal["jwt", "opaque"]

SCOPES: dict[str, tuple[str, str]] = {
    "user:read": (
        "See your profile",
        "Your user name, name, picture, bio, location and website. Not your e-mail address.",
    ),
    "user:write": (
        "Change your profile",
        "Your name, picture, bio, location and website. It cannot change your password.",
    ),
    "email": (
        "See your e-mail address",
        "The address of your account. It cannot send mail in your name.",
    ),
}
"""By scope that can be granted, the title and the description on the consent page."""


@dataclass(frozen=True, slots=True)
class UserSettings:
    """An account that can sign in."""

    user_id: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """A registered client, or a resource server that may introspect.

    Attributes:
        client_id: RFC 6749 §2.2.
        secret: At least 32 random characters, so that a plain digest suffices for storage. Empty
            for a public client, such as a page in a browser, which cannot keep a secret (RFC 6749
            §2.1).
        name: The name on the consent page.
        redirect_uris: The redirect URIs. They are compared exactly: there are no wildcards, and a
            trailing slash and the case are significant.
        scopes: The scopes that the client may request.
        token_format: The kind of access token that the client gets.
        introspects: The audience whose tokens it may introspect; None for a client.
        audience: The `aud` of its access tokens, if that is not the audience of the settings.
    """

    client_id: str
    secret: str = field(repr=False)
    name: str = ""
    redirect_uris: tuple[str, ...] = ()
    scopes: tuple[str, ...] = tuple(SCOPES)
    token_format: TokenFormat = "jwt"
    introspects: str | None = None
    audience: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the authorization server.

    Attributes:
        issuer: The issuer identifier (RFC 8414), which is also the prefix of every endpoint.
        database: The SQLite file. The server creates it if it is missing.
        session_secret: The key that signs the session cookie.
        audience: The `aud` of access tokens: the identifier of the API.
        users: The accounts.
        clients: The clients and resource servers.
        access_token_seconds: The maximum lifetime of an access token in seconds. A client may
            request a shorter one.
        signing_algorithm: The algorithm of JWT access tokens.
        witness: Whether a client may read redacted records of the requests that this server
            received in the client's own flow. For the diagram of the demo only.
    """

    issuer: str
    database: Path
    session_secret: str = field(repr=False)
    audience: str
    users: tuple[UserSettings, ...]
    clients: tuple[ClientSettings, ...]
    access_token_seconds: int = 300
    signing_algorithm: Literal["RS256", "ES256"] = "ES256"
    witness: bool = False


def parse_settings(values: Mapping[str, Any]) -> Settings:
    """Create `Settings` from decoded JSON, in which the names are those of the attributes."""
    users = tuple(UserSettings(**user) for user in values["users"])
    clients = tuple(ClientSettings(**_with_tuples(client)) for client in values["clients"])
    return Settings(
        **{**values, "database": Path(values["database"]), "users": users, "clients": clients}
    )


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }


def read_settings(path: Path) -> Settings:
    """Read the JSON file at `path`."""
    return parse_settings(json.loads(path.read_text(encoding="utf-8")))
