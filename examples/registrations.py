"""The clients and the resource server that the demo registers, and the names of its APIs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def registrations(
    secret: Mapping[str, str], redirect_uri: str, audience: str, apis: list[str], page: str = ""
) -> list[dict[str, Any]]:
    """Return the registrations, as the settings of the authorization server have them.

    Args:
        secret: The secrets by name.
        redirect_uri: The redirect URI of the client application.
        audience: The audience of the APIs.
        apis: The base URLs of the APIs.
        page: The URL of the page whose script is a client; empty if there is none.
    """
    clients: list[dict[str, Any]] = [
        {
            "client_id": f"profile-viewer-{kind}",
            "secret": secret[kind],
            "name": "Profile Viewer",
            "redirect_uris": [redirect_uri],
            "token_format": kind,
        }
        for kind in ("jwt", "opaque")
    ]
    # FastAPI's docs page is a client without a secret, because it is a page in a browser.
    docs = {
        "client_id": "profile-docs",
        "secret": "",
        "name": "API docs",
        "redirect_uris": [url + "/docs/oauth2-redirect" for url in apis],
    }
    browser = {
        "client_id": "profile-browser",
        "secret": "",
        "name": "Browser client",
        "redirect_uris": [page],
    }
    api = {"client_id": "profile-api", "secret": secret["api"], "introspects": audience}
    return [*clients, docs, *([browser] if page else []), api]


def label_of(framework: str, jwt: str) -> str:
    """Return the name of an API on the page of the client."""
    how = "checks JWTs itself" if jwt == "verify" else 'asks about JWTs too (jwt="introspect")'
    name = "FastAPI" if framework == "fastapi" else framework.capitalize()
    return f"{name}, {how}"
