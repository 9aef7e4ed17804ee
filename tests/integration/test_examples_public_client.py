"""The demo's authorization server and a client without a secret: a page in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from tests.integration.example_flow import ISSUER, VERIFIER, Flow, body, settings_in

ORIGIN = "http://127.0.0.1:9005"
DOCS = f"{ORIGIN}/docs/oauth2-redirect"


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    clients = [
        {"client_id": "docs", "secret": "", "name": "API docs", "redirect_uris": [DOCS]},
        {"client_id": "other", "secret": "", "name": "Other", "redirect_uris": [DOCS]},
        {
            "client_id": "confidential",
            "secret": "s" * 32,
            "redirect_uris": ["http://127.0.0.1:9000/callback"],
        },
    ]
    return Flow(settings_in(tmp_path, clients=clients))


def exchange(flow: Flow, code: str, **changes: str) -> TestResponse:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": "docs",
        "redirect_uri": DOCS,
        "code_verifier": VERIFIER,
        **changes,
    }
    headers = {"Origin": ORIGIN}
    return flow.app.test_client().post("/token", data=form, headers=headers, base_url=ISSUER)


def test_pkce_alone_proves_who_started_the_flow(flow: Flow) -> None:
    code = flow.code("user:read", client_id="docs", redirect_uri=DOCS)

    response = exchange(flow, code)

    assert response.status_code == 200
    assert body(response)["scope"] == "user:read"
    # A client that cannot authenticate gets no refresh token.
    assert "refresh_token" not in body(response)
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"client_id": "other"}, "invalid_grant"),
        ({"client_id": "confidential"}, "invalid_client"),
        ({"redirect_uri": DOCS + "/"}, "invalid_grant"),
    ],
)
def test_nothing_else_is_enough(flow: Flow, changes: dict[str, str], error: str) -> None:
    code = flow.code("user:read", client_id="docs", redirect_uri=DOCS)

    response = exchange(flow, code, **changes)

    assert (response.status_code, body(response)["error"]) in ((400, error), (401, error))


@pytest.mark.parametrize("secret", ["", "x"])
def test_a_client_without_a_secret_does_not_authenticate_by_basic(flow: Flow, secret: str) -> None:
    import base64

    credentials = base64.b64encode(f"docs:{secret}".encode()).decode()
    for path in ("/token", "/introspect", "/revoke"):
        response = flow.app.test_client().post(
            path,
            data={"grant_type": "refresh_token", "refresh_token": "x", "token": "x"},
            headers={"Authorization": f"Basic {credentials}"},
            base_url=ISSUER,
        )
        assert (response.status_code, body(response)["error"]) == (401, "invalid_client"), path


@pytest.mark.parametrize(
    ("path", "origin", "shared"),
    [
        ("/token", ORIGIN, True),
        ("/token", "http://127.0.0.1:9000", False),  # of a client with a secret
        ("/token", "https://attacker.example", False),
        ("/token", "null", False),
        ("/introspect", ORIGIN, False),
        ("/revoke", ORIGIN, False),
    ],
)
def test_only_the_page_may_read_the_token_response(
    flow: Flow, path: str, origin: str, shared: bool
) -> None:
    preflight = flow.app.test_client().options(
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-requested-with",
        },
        base_url=ISSUER,
    )

    allowed = preflight.headers.get("Access-Control-Allow-Origin")
    assert allowed == (origin if shared else None)
    assert ("Access-Control-Allow-Headers" in preflight.headers) is shared
    assert "Access-Control-Allow-Credentials" not in preflight.headers
