"""The demo's client: the responses that it accepts, and pages without tokens. The other three roles
run in memory.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from examples.redaction import redact_form, redact_header, redact_json, redact_url
from tests.integration.example_demo import CLIENT, Demo
from tests.integration.example_flow import ISSUER, Flow, settings_in


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    return Demo(Flow(settings_in(tmp_path, witness=True)))


@pytest.mark.parametrize("kind", ["jwt", "opaque"])
def test_no_page_holds_a_token(demo: Demo, kind: str) -> None:
    demo.connect(kind)
    pages = [demo.page().text]
    pages += [
        demo.press(path)
        for path in (
            "/read",
            "/narrow",
            "/short",
            "/short-again",
            "/refresh",
            "/read",
            "/revoke",
            "/read",
        )
    ]
    assert ["200 OK" in pages[1], "403 Forbidden" in pages[2], "200 OK" in pages[4]] == [True] * 3
    assert len(demo.secrets) == 8
    assert not [secret for secret in demo.secrets for page in pages if secret in page]


@pytest.mark.parametrize(
    ("state", "issuer", "complaint"),
    [
        ("forged", ISSUER, "does not belong to a request of this browser"),  # RFC 6749 §10.12
        ("", ISSUER, "does not belong to a request of this browser"),
        (None, "https://attacker.example", "another authorization server"),  # RFC 9207 §2.4
        (None, "", "another authorization server"),
    ],
)
def test_answers_of_others_are_refused(
    demo: Demo, state: str | None, issuer: str, complaint: str
) -> None:
    asked = demo.begin()
    real = dict(pair.split("=", 1) for pair in urlsplit(asked).query.split("&"))["state"]
    answer = {"code": "x", "state": real if state is None else state, "iss": issuer}
    response = demo.browser.get("/callback", query_string=answer, base_url=CLIENT)
    assert response.status_code == 400
    assert complaint in response.text
    assert not demo.secrets


def test_an_answer_counts_once(demo: Demo) -> None:
    address = demo.begin().removeprefix(ISSUER)
    demo.flow.sign_in()
    back = demo.flow.approve(address, ["user:read"])
    assert demo.browser.get(back.location).status_code == 303
    assert demo.browser.get(back.location).status_code == 400


def test_an_answer_without_a_question(demo: Demo) -> None:
    response = demo.browser.get(
        "/callback", query_string={"code": "x", "state": "y", "iss": ISSUER}, base_url=CLIENT
    )
    assert response.status_code == 400
    assert "has not asked for anything" in response.text


def test_authorization_request(demo: Demo) -> None:
    asked = demo.begin("opaque")
    assert asked.startswith(ISSUER + "/authorize?")
    assert "client_id=opaque-client&" in asked
    assert "code_challenge_method=S256" in asked


@pytest.mark.parametrize(
    "path",
    [
        "/connect",
        "/read",
        "/change",
        "/narrow",
        "/short",
        "/revoke",
        "/refresh",
        "/api",
        "/disconnect",
    ],
)
def test_other_sites_cannot_press_buttons(demo: Demo, path: str) -> None:
    demo.connect()
    assert demo.browser.post(path, base_url=CLIENT).status_code == 400


def test_change_and_what_is_no_change(demo: Demo) -> None:
    demo.connect()
    assert "a new bio" in demo.press("/change", bio="a new bio")
    token = next(secret for secret in demo.secrets if secret.count(".") == 2)
    api = demo._servers[9002].test_client()
    for body in ({"id": "usr_other"}, {"bio": 1}, {"bio": "x" * 201}, [], {}):
        response = api.patch(
            "/v1/user/profile", json=body, headers={"Authorization": f"Bearer {token}"}
        )
        assert (response.status_code, response.mimetype) == (400, "application/problem+json")


def test_servers_that_do_not_answer(demo: Demo) -> None:
    demo.connect()
    demo.up = False
    assert "The API does not answer" in demo.press("/read")
    assert "The authorization server does not answer" in demo.press("/refresh")
    demo.up = True
    assert "200 OK" in demo.press("/read")


def test_disconnecting_revokes_everything(demo: Demo) -> None:
    demo.connect("opaque")
    assert "Connect to my iiniit account" in demo.press("/disconnect")
    assert {demo.flow.introspect(secret)["active"] for secret in demo.secrets} == {False}


def test_what_the_witness_saw_is_for_clients_and_has_no_secrets(demo: Demo) -> None:
    demo.connect("opaque")
    demo.press("/read")
    token = next(
        secret for secret in demo.secrets if demo.flow.introspect(secret).get("active") is not False
    )
    assert demo.flow.post("/demo/seen", None, {"about": token}).status_code == 401
    seen = demo.flow.post("/demo/seen", "opaque-client", {"about": token})
    assert '"active\\": true' in seen.text
    assert token not in seen.text


def test_without_the_setting_there_is_no_witness(tmp_path: Path) -> None:
    assert (
        Flow(settings_in(tmp_path)).post("/demo/seen", "opaque-client", {"about": "x"}).status_code
        == 404
    )


SECRET = "abcdefgh" + "z" * 40


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (
            redact_url(f"http://a/cb?code={SECRET}&x=1%202&state=s"),
            "http://a/cb?code=abcdefgh…[48 characters]&x=1%202&state=…",
        ),
        (redact_url("http://a/cb"), "http://a/cb"),
        (redact_url(redact_url(f"/cb?code={SECRET}")), "/cb?code=abcdefgh…[48 characters]"),
        (
            redact_form(f"code_verifier={SECRET}&grant_type=a%20b"),
            "code_verifier=abcdefgh…[48 characters]\ngrant_type=a b",
        ),
        (redact_header("Authorization", f"Bearer {SECRET}"), "Bearer abcdefgh…[48 characters]"),
        (redact_header("authorization", f"Basic {SECRET}"), "Basic …"),
        (redact_header("Set-Cookie", f"a={SECRET}"), "…"),
        (redact_header("Location", f"/cb?code={SECRET}"), "/cb?code=abcdefgh…[48 characters]"),
        (
            redact_json([{"refresh_token": SECRET, "a": {"token": 5}}]),
            [{"refresh_token": "abcdefgh…[48 characters]", "a": {"token": "…"}}],
        ),
    ],
)
def test_redaction(shown: object, expected: object) -> None:
    assert shown == expected
