"""Requests of a browser and a client to the demo's authorization server, by Flask's test client."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from examples.authorization_server import create_app, pages, store
from examples.authorization_server.settings import Settings, parse_settings

ISSUER = "http://127.0.0.1:9001"
AUDIENCE = "https://api.iiniit.example"
REDIRECT_URI = "http://127.0.0.1:9000/callback"
PASSWORD = "correct horse"
VERIFIER = "v" * 43
# Characters that go wrong when the secret is not form-encoded before HTTP Basic.
SECRETS = {
    "jwt-client": "jwt +%:&=é/" * 4,
    "opaque-client": "opaque " * 6,
    "api": "api " * 10,
    "other-api": "other-api " * 5,
}


def settings_in(directory: Path, **changes: Any) -> Settings:
    """Return the settings of an authorization server with two clients and two resource servers."""
    client = {"name": "Profile Viewer", "redirect_uris": [REDIRECT_URI]}
    return parse_settings(
        {
            "issuer": ISSUER,
            "database": str(directory / "as.sqlite3"),
            "session_secret": "s" * 32,
            "audience": AUDIENCE,
            "users": [{"user_id": "usr_demo", "username": "demo", "password": PASSWORD}],
            "clients": [
                {
                    "client_id": "jwt-client",
                    "secret": SECRETS["jwt-client"],
                    "token_format": "jwt",
                    **client,
                },
                {
                    "client_id": "opaque-client",
                    "secret": SECRETS["opaque-client"],
                    "token_format": "opaque",
                    **client,
                },
                {"client_id": "api", "secret": SECRETS["api"], "introspects": AUDIENCE},
                {
                    "client_id": "other-api",
                    "secret": SECRETS["other-api"],
                    "introspects": "https://other.example",
                },
            ],
            **changes,
        }
    )


def challenge_for(verifier: str) -> str:
    """Hash a PKCE verifier (RFC 7636 §4.2)."""
    return (
        base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    )


def hidden(page: TestResponse, name: str) -> str:
    """Return a hidden value of a page's form."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert found
    return html.unescape(found[1])


def body(response: TestResponse) -> Any:
    """Return a response's JSON."""
    assert response.mimetype == "application/json"
    return response.json


def parameters(response: TestResponse) -> dict[str, str]:
    """Return the query of the URL to which a response redirects."""
    return {name: values[0] for name, values in parse_qs(urlsplit(response.location).query).items()}


@dataclass
class Flow:
    """One authorization server, one browser, and clients that call the server directly."""

    settings: Settings
    app: Flask = field(init=False)
    browser: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        # One round: the password hash is slow on purpose, which would slow down every test.
        quick = partial(generate_password_hash, method="pbkdf2:sha256:1")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, "generate_password_hash", quick)
            patch.setattr(pages, "generate_password_hash", quick)
            self.app = create_app(self.settings)
        self.browser = self.app.test_client()

    def request(self, **changes: str | None) -> str:
        """Return the URL of an authorization request; None omits a parameter."""
        values: dict[str, str | None] = {
            "response_type": "code",
            "client_id": "jwt-client",
            "redirect_uri": REDIRECT_URI,
            "scope": "user:read user:write",
            "state": "the-state",
            "code_challenge": challenge_for(VERIFIER),
            "code_challenge_method": "S256",
            **changes,
        }
        return "/authorize?" + urlencode(
            {name: value for name, value in values.items() if value is not None}
        )

    def sign_in(self, password: str = PASSWORD, target: str = "") -> TestResponse:
        page = self.browser.get("/sign-in", query_string={"next": target}, base_url=ISSUER)
        form = {
            "csrf": hidden(page, "csrf"),
            "next": hidden(page, "next"),
            "username": "demo",
            "password": password,
        }
        return self.browser.post("/sign-in", data=form, base_url=ISSUER)

    def approve(
        self, address: str, granted: list[str], decision: str = "allow", csrf: str | None = None
    ) -> TestResponse:
        page = self.browser.get(address, base_url=ISSUER)
        form = {"csrf": csrf or hidden(page, "csrf"), "granted": granted, "decision": decision}
        return self.browser.post(address, data=form, base_url=ISSUER)

    def code(self, *granted: str, **changes: str | None) -> str:
        """Sign in, approve, and return the code."""
        self.sign_in()
        return parameters(
            self.approve(self.request(**changes), list(granted or ("user:read", "user:write")))
        )["code"]

    def post(
        self, path: str, client: str | None, form: dict[str, str], secret: str | None = None
    ) -> TestResponse:
        """Send a form as a client would, identified by HTTP Basic."""
        headers = {}
        if client:
            pair = f"{quote_plus(client)}:{quote_plus(secret or SECRETS[client])}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        return self.app.test_client().post(path, data=form, headers=headers, base_url=ISSUER)

    def exchange(self, code: str, client: str = "jwt-client", **changes: str) -> TestResponse:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": VERIFIER,
            **changes,
        }
        return self.post("/token", client, form)

    def tokens(self, client: str = "jwt-client", *granted: str, **changes: str) -> dict[str, Any]:
        """Run the whole flow and return the token response."""
        response = self.exchange(self.code(*granted, client_id=client), client, **changes)
        assert response.status_code == 200
        values: dict[str, Any] = body(response)
        return values

    def refresh(self, token: str, client: str = "jwt-client", **changes: str) -> TestResponse:
        return self.post(
            "/token", client, {"grant_type": "refresh_token", "refresh_token": token, **changes}
        )

    def introspect(self, token: str, client: str = "api", **changes: str) -> dict[str, Any]:
        response = self.post(
            "/introspect", client, {"token": token, "token_type_hint": "access_token", **changes}
        )
        assert response.status_code == 200
        values: dict[str, Any] = body(response)
        return values
