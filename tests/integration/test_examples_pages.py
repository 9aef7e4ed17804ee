"""The pages of the demo's authorization server: sign in, approve, revoke."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.example_flow import ISSUER, PASSWORD, Flow, hidden, settings_in


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(settings_in(tmp_path))


def test_person_takes_an_approval_back(flow: Flow) -> None:
    tokens = flow.tokens("jwt-client", "user:read")
    page = flow.browser.get("/", base_url=ISSUER)
    form = {
        "csrf": hidden(page, "csrf"),
        "grant": page.text.split('name="grant" value="')[1].split('"')[0],
    }
    stranger = flow.app.test_client()
    other = stranger.get("/", base_url=ISSUER)
    assert (
        stranger.post(
            "/take-back", data={**form, "csrf": form["csrf"]}, base_url=ISSUER
        ).status_code
        == 400
    )
    assert "Take back" not in other.text
    assert flow.introspect(tokens["access_token"])["active"] is True
    assert flow.browser.post("/take-back", data=form, base_url=ISSUER).status_code == 303
    assert flow.introspect(tokens["access_token"]) == {"active": False}
    assert "Take back" not in flow.browser.get("/", base_url=ISSUER).text


def test_forms_count_only_for_what_was_on_the_page(flow: Flow) -> None:
    assert (
        flow.browser.post(
            "/sign-in", data={"username": "demo", "password": PASSWORD}, base_url=ISSUER
        ).status_code
        == 400
    )
    flow.sign_in()
    little = flow.browser.get(flow.request(scope="user:read"), base_url=ISSUER)
    assert (
        flow.approve(flow.request(), ["user:read"], csrf=hidden(little, "csrf")).status_code == 400
    )
    assert flow.browser.post("/sign-out", base_url=ISSUER).status_code == 400


@pytest.mark.parametrize(
    "target",
    ["https://attacker.example/", "//attacker.example/authorize?", "/authorize", "/other", ""],
)
def test_signing_in_leads_nowhere_else(flow: Flow, target: str) -> None:
    assert flow.sign_in(target=target).location == "/"


def test_signing_in_starts_a_session_that_scripts_and_other_sites_do_not_get(flow: Flow) -> None:
    response = flow.sign_in(target=flow.request())
    assert response.location == flow.request()
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_guessing_passwords_is_slow(flow: Flow) -> None:
    assert ["do not fit together" in flow.sign_in("wrong").text for _ in range(6)] == [True] * 5 + [
        False
    ]
    assert "Too many attempts" in flow.sign_in().text


@pytest.mark.parametrize("name", ["demo", 'x"><b>', "<script>"])
def test_a_wrong_password_keeps_the_user_name_and_nothing_else(flow: Flow, name: str) -> None:
    first = flow.browser.get("/sign-in", base_url=ISSUER)
    form = {"csrf": hidden(first, "csrf"), "next": "", "username": name, "password": "wrong-one"}
    page = flow.browser.post("/sign-in", data=form, base_url=ISSUER)
    assert page.status_code == 400
    assert hidden(page, "username") == name
    assert name not in page.text or name == "demo"
    assert "wrong-one" not in page.text
    boxes = re.findall(r"<input type=\"(?:text|password)\"[^>]*>", page.text)
    assert ["autofocus" in box for box in boxes] == [False, True]


def test_pages_run_no_scripts_and_stand_in_no_frame(flow: Flow) -> None:
    flow.sign_in()
    policy = flow.browser.get(flow.request(), base_url=ISSUER).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:9000;" in policy
