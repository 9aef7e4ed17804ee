"""The settings of the client, which it reads from a JSON file at startup."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Registration:
    """A registration at the authorization server. The client has one for each kind of token."""

    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """A profile API that the client can call.

    Attributes:
        name: The short and unique name.
        label: The name on the page.
        url: The base URL.
        jwt: The setting `jwt` of its guard. The page uses it to explain why a revoked token still
            works.
    """

    name: str
    label: str
    url: str
    jwt: Literal["verify", "introspect"] = "verify"


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """The gateway that stands before the same API.

    Attributes:
        url: The base URL.
        obstacle: Why there is no gateway, and what to do; empty if there is one.
        directory: The directory with the logs of the gateway and of its guard.
    """

    url: str = ""
    obstacle: str = "This client has no gateway."
    directory: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the client.

    Attributes:
        issuer: The authorization server. The client discovers its endpoints (RFC 8414).
        redirect_uri: The redirect URI, exactly as it is registered at the authorization server.
        session_secret: The key that signs the session cookie.
        registrations: The registrations by kind of token, `jwt` and `opaque`.
        apis: The APIs. The client calls the first one unless the user selects another.
        token_kind: The kind of token that the page preselects.
        revocation_delay_seconds: The maximum time in seconds after which the guards of the APIs
            refuse a revoked token.
        expiry_leeway_seconds: The time in seconds after `exp` during which the guards of the APIs
            still accept a token, because clocks differ.
        short_life_seconds: The lifetime in seconds of the token that demonstrates expiry.
        gateway: The gateway, for the page about it.
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
    gateway: GatewaySettings = GatewaySettings()

    def api(self, name: str | None) -> ApiSettings:
        """Return the API with this name, or the first API for an unknown name."""
        return next((api for api in self.apis if api.name == name), self.apis[0])


def parse_settings(values: Mapping[str, Any]) -> Settings:
    """Create `Settings` from decoded JSON, in which the names are those of the attributes."""
    registrations = {
        kind: Registration(**registration) for kind, registration in values["registrations"].items()
    }
    return Settings(
        **{
            **values,
            "registrations": registrations,
            "apis": tuple(ApiSettings(**api) for api in values["apis"]),
            "gateway": GatewaySettings(**values.get("gateway", {})),
        }
    )


def read_settings(path: Path) -> Settings:
    """Read the JSON file at `path`."""
    return parse_settings(json.loads(path.read_text(encoding="utf-8")))
