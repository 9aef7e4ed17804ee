"""What the client is told when it starts: read once from a JSON file, frozen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Registration:
    """How the authorization server knows this client: once for each kind of token that it may be given."""

    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """A profile API that can be called.

    Attributes:
        name: Short and unique.
        label: What the page calls it.
        url: Its base URL.
        jwt: How its guard treats JWTs, so that the page can say why something still works.
    """

    name: str
    label: str
    url: str
    jwt: Literal["verify", "introspect"] = "verify"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the client needs to know.

    Attributes:
        issuer: The authorization server; its endpoints are discovered (RFC 8414).
        redirect_uri: Registered there, to the letter.
        session_secret: Signs the session cookie.
        registrations: By kind of token, `jwt` and `opaque`.
        apis: The first is the one that is called unless the page says otherwise.
        token_kind: What the page suggests.
        revocation_delay_seconds: What the APIs' guards promise.
        expiry_leeway_seconds: How long after `exp` the APIs' guards still accept a token, since clocks differ.
        short_life_seconds: The life of the token that is asked for to see it expire.
    """

    issuer: str
    redirect_uri: str
    session_secret: str = field(repr=False)
    registrations: Mapping[str, Registration]
    apis: tuple[ApiSettings, ...]
    token_kind: str = "jwt"
    revocation_delay_seconds: int = 60
    expiry_leeway_seconds: int = 5
    short_life_seconds: int = 10

    def api(self, name: str | None) -> ApiSettings:
        """Find an API by its name; the first one for any other name."""
        return next((api for api in self.apis if api.name == name), self.apis[0])


def parse_settings(values: Mapping[str, Any]) -> Settings:
    """Make `Settings` out of decoded JSON whose names are the attributes' names."""
    registrations = {kind: Registration(**registration) for kind, registration in values["registrations"].items()}
    return Settings(**{**values, "registrations": registrations, "apis": tuple(ApiSettings(**api) for api in values["apis"])})


def read_settings(path: Path) -> Settings:
    """Read the JSON file at `path`."""
    return parse_settings(json.loads(path.read_text(encoding="utf-8")))
