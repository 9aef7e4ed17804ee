"""What the authorization server is told when it starts: read once from a JSON file, frozen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

TokenFormat = Literal["jwt", "opaque"]

SCOPES: dict[str, tuple[str, str]] = {
    "user:read": ("See your profile", "Your user name, name, picture, bio, location and website. Not your e-mail address."),
    "user:write": ("Change your profile", "Your name, picture, bio, location and website. It cannot change your password."),
    "email": ("See your e-mail address", "The address of your account. It cannot send mail in your name."),
}
"""Every scope that can be granted: what the consent page says about it, in one line and in detail."""


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
        secret: At least 32 random characters, so that a plain digest of it is enough.
        name: What the consent page calls it.
        redirect_uris: Compared to the letter: no wildcards, trailing slash and case count.
        scopes: What it may ask for at most.
        token_format: The kind of access token it is given.
        introspects: The audience whose tokens it may ask about; None for a client.
    """

    client_id: str
    secret: str = field(repr=False)
    name: str = ""
    redirect_uris: tuple[str, ...] = ()
    scopes: tuple[str, ...] = tuple(SCOPES)
    token_format: TokenFormat = "jwt"
    introspects: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the authorization server needs to know.

    Attributes:
        issuer: RFC 8414 issuer identifier, also the prefix of every endpoint.
        database: SQLite file, made when it is missing.
        session_secret: Signs the session cookie.
        audience: `aud` of every access token: the API that they are for.
        users: Accounts.
        clients: Clients and resource servers.
        access_token_seconds: The longest life of an access token; a client may ask for less.
        signing_algorithm: For JWT access tokens.
        witness: Whether a client may see, shortened, what this server heard about its own flow. For the demo's diagram only.
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
    """Make `Settings` out of decoded JSON whose names are the attributes' names."""
    users = tuple(UserSettings(**user) for user in values["users"])
    clients = tuple(ClientSettings(**_with_tuples(client)) for client in values["clients"])
    return Settings(**{**values, "database": Path(values["database"]), "users": users, "clients": clients})


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def read_settings(path: Path) -> Settings:
    """Read the JSON file at `path`."""
    return parse_settings(json.loads(path.read_text(encoding="utf-8")))
