"""The demo's authorization server: what it refuses, and what it issues."""

from __future__ import annotations

import base64
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from examples.authorization_server import grants
from examples.authorization_server.signing_keys import rotate
from examples.authorization_server.store import Store
from tests.integration.example_flow import (
    ISSUER,
    PASSWORD,
    REDIRECT_URI,
    SECRETS,
    VERIFIER,
    Flow,
    body,
    parameters,
    settings_in,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(settings_in(tmp_path))


def claims(token: str) -> tuple[dict[str, object], dict[str, object]]:
    header, payload = (
        json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]
    )
    return header, payload


@pytest.mark.parametrize(
    "redirect_uri",
    [
        None,  # never guessed, though only one is registered
        "",
        REDIRECT_URI + "/",
        REDIRECT_URI + "?a=b",
        REDIRECT_URI + "#f",
        REDIRECT_URI.replace("callback", "Callback"),
        REDIRECT_URI.replace("9000", "9009"),
        REDIRECT_URI.replace("127.0.0.1", "127.0.0.1.attacker.example"),
        REDIRECT_URI + '"',  # a character that Authlib refuses in its own message
        "https://attacker.example/",
    ],
)
def test_wrong_redirect_uri_is_told_to_the_person_and_to_nobody_else(
    flow: Flow, redirect_uri: str | None
) -> None:
    response = flow.browser.get(flow.request(redirect_uri=redirect_uri), base_url=ISSUER)
    assert response.status_code == 400
    assert "Location" not in response.headers
    assert "You have not been sent back" in response.text


def test_unknown_client(flow: Flow) -> None:
    response = flow.browser.get(flow.request(client_id="nobody"), base_url=ISSUER)
    assert (response.status_code, "Location" in response.headers) == (400, False)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (
            {"code_challenge": None, "code_challenge_method": None},
            "invalid_request",
        ),  # RFC 9700 §2.1.1: PKCE for every client
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": VERIFIER, "code_challenge_method": "plain"}, "invalid_request"),
        (
            {"code_challenge": VERIFIER, "code_challenge_method": None},
            "invalid_request",
        ),  # RFC 7636 §4.3: absent means plain
        ({"code_challenge": "short"}, "invalid_request"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
def test_faulty_authorization_request_is_told_to_the_client(
    flow: Flow, changes: dict[str, str | None], error: str
) -> None:
    response = flow.browser.get(flow.request(**changes), base_url=ISSUER)
    assert response.status_code == 302
    assert response.location.startswith(REDIRECT_URI + "?")
    assert (parameters(response)["error"], parameters(response)["state"]) == (error, "the-state")


def test_denial(flow: Flow) -> None:
    flow.sign_in()
    assert parameters(flow.approve(flow.request(), ["user:read"], "deny")) == {
        "error": "access_denied",
        "error_description": "The resource owner or authorization server denied the request",
        "state": "the-state",
        "iss": ISSUER,
    }


def test_good_answer_names_state_and_issuer(flow: Flow) -> None:
    flow.sign_in()
    values = parameters(flow.approve(flow.request(), ["user:read"]))
    assert (values["state"], values["iss"]) == ("the-state", ISSUER)  # RFC 9207


def test_only_what_was_asked_for_can_be_ticked(flow: Flow) -> None:
    assert flow.tokens("jwt-client", "user:read", "email")["scope"] == "user:read"


@pytest.mark.parametrize("client", ["jwt-client", "opaque-client"])
def test_code_works_once_and_a_second_use_revokes_what_came_of_it(flow: Flow, client: str) -> None:
    code = flow.code(client_id=client)
    first = body(flow.exchange(code, client))
    assert flow.introspect(first["access_token"])["active"] is True
    second = flow.exchange(code, client)
    assert (second.status_code, body(second)["error"]) == (400, "invalid_grant")
    assert flow.introspect(first["access_token"]) == {"active": False}
    assert body(flow.refresh(first["refresh_token"], client))["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"redirect_uri": REDIRECT_URI + "/"}, "invalid_grant"),
        ({"code": "made-up"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client": "opaque-client"}, "invalid_grant"),  # the code was given to the other client
        ({"client": "api"}, "unauthorized_client"),
    ],
)
def test_faulty_token_request(flow: Flow, changes: dict[str, str], error: str) -> None:
    response = flow.exchange(**{"code": flow.code(), **changes})
    assert (response.status_code, body(response)["error"]) == (400, error)


def test_code_lives_a_minute(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    assert grants.CODE_SECONDS == 60
    monkeypatch.setattr(grants, "CODE_SECONDS", 0)
    assert body(flow.exchange(flow.code()))["error"] == "invalid_grant"


def test_parameters_of_a_token_request_belong_in_the_body(flow: Flow) -> None:
    response = flow.post("/token?grant_type=refresh_token", "jwt-client", {"refresh_token": "x"})
    assert (response.status_code, body(response)["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
@pytest.mark.parametrize(
    ("client", "secret"), [(None, None), ("jwt-client", "wrong"), ("nobody", "x")]
)
def test_clients_identify_themselves(
    flow: Flow, path: str, client: str | None, secret: str | None
) -> None:
    response = flow.post(path, client, {"grant_type": "authorization_code", "token": "x"}, secret)
    assert (response.status_code, body(response)["error"]) == (401, "invalid_client")
    assert response.headers["WWW-Authenticate"].startswith("Basic ")


def test_secret_in_the_body_or_not_form_encoded_is_no_identification(flow: Flow) -> None:
    secret = {"client_id": "jwt-client", "client_secret": SECRETS["jwt-client"]}
    assert (
        flow.post(
            "/token", None, {"grant_type": "authorization_code", "code": "x", **secret}
        ).status_code
        == 401
    )
    plain = "Basic " + base64.b64encode(f"jwt-client:{SECRETS['jwt-client']}".encode()).decode()
    for value in (
        plain,
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Bearer x",
    ):
        response = flow.browser.post(
            "/introspect", data={"token": "x"}, headers={"Authorization": value}, base_url=ISSUER
        )
        assert response.status_code == 401


def test_discovery(flow: Flow) -> None:
    one, other = (
        body(flow.browser.get(f"/.well-known/{name}"))
        for name in ("oauth-authorization-server", "openid-configuration")
    )
    assert one == other
    assert one["issuer"] == ISSUER
    assert one["code_challenge_methods_supported"] == ["S256"]


@pytest.mark.parametrize(
    ("algorithm", "members"), [("ES256", {"x", "y", "crv"}), ("RS256", {"n", "e"})]
)
def test_keys_are_rotated_while_the_server_runs(
    tmp_path: Path, algorithm: str, members: set[str]
) -> None:
    flow = Flow(settings_in(tmp_path, signing_algorithm=algorithm))
    old, _ = claims(flow.tokens()["access_token"])
    kid = rotate(Store(flow.settings.database))
    new, _ = claims(flow.tokens()["access_token"])
    assert (new["kid"], new["alg"], old["alg"]) == (kid, algorithm, algorithm)
    published = body(flow.browser.get("/jwks"))["keys"]
    assert [key["kid"] for key in published] == [new["kid"], old["kid"]]
    assert all(
        set(key) == {"kty", "kid", "use", "alg"} | members for key in published
    )  # and nothing private


def test_command_to_rotate_keys(flow: Flow) -> None:
    command = [sys.executable, "-m", "examples.authorization_server", "rotate-keys"]
    done = subprocess.run(
        [*command, str(flow.settings.database)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert body(flow.browser.get("/jwks"))["keys"][0]["kid"] in done.stdout
    assert (
        subprocess.run(
            [*command, "no-such-file"], cwd=ROOT, capture_output=True, timeout=30
        ).returncode
        == 2
    )


def test_no_token_code_or_secret_is_written_anywhere(
    flow: Flow, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    code = flow.code()
    tokens = body(flow.exchange(code))
    flow.introspect(tokens["access_token"])
    flow.post("/revoke", "jwt-client", {"token": tokens["refresh_token"]})
    written = (
        b"".join(path.read_bytes() for path in flow.settings.database.parent.iterdir())
        + caplog.text.encode()
    )
    for secret in (
        code,
        tokens["access_token"],
        tokens["refresh_token"],
        PASSWORD,
        *SECRETS.values(),
    ):
        assert secret.encode() not in written
    assert flow.settings.database.stat().st_mode & 0o077 == 0
