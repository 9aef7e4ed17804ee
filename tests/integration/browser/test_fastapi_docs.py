"""FastAPI's docs page in a real browser: "Authorize" signs in by authorization code with PKCE, and
a call with the token succeeds.

SCREENSHOTS=1 keeps one picture in docs/images/.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Request, Route, expect

from examples.stack import USERNAME
from tests.integration.browser.person import Person

pytestmark = pytest.mark.xdist_group("browser")

# FastAPI's page loads Swagger UI from a CDN. django-ninja contains the same files.
NINJA = find_spec("ninja")
assert NINJA is not None
assert NINJA.origin is not None
ASSETS = Path(NINJA.origin).parent / "static" / "ninja"


def serve_assets(route: Route) -> None:
    """Answer a request to the CDN from disk, and any other request to the internet not at all."""
    path = ASSETS / Path(urlsplit(route.request.url).path).name
    if path.is_file():
        route.fulfill(path=path)
    else:
        route.abort()


def open_docs(person: Person) -> tuple[Page, list[Request]]:
    page, sent = person.page, list[Request]()
    page.context.route(lambda url: not url.startswith("http://127.0.0.1:"), serve_assets)
    page.context.on("request", lambda request: sent.append(request))
    page.goto(person.stack.url("fastapi") + "/docs")
    return page, sent


def authorize(person: Person, page: Page, *scopes: str) -> None:
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".modal-ux")
    expect(dialog).to_contain_text(person.stack.url("authorization_server") + "/authorize")
    expect(dialog.locator("#client_id_authorizationCode, #client_id")).to_have_value("profile-docs")
    for scope in scopes:
        dialog.locator(".checkbox", has_text=scope).locator("label").click()
    with page.expect_popup() as opened:
        dialog.locator("button", has_text="Authorize").click()
    popup = opened.value
    popup.get_by_label("User name").fill(USERNAME)
    popup.get_by_label("Password").fill(person.stack.password)
    popup.get_by_role("button", name="Sign in").click()
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Allow", exact=True).click()
    expect(dialog.locator("button", has_text="Logout")).to_be_visible()
    dialog.locator("button", has_text="Close").click()


def call(page: Page, method: str) -> int:
    """Run the operation of a method and return the status of its response."""
    block = page.locator(f".opblock-{method}", has_text="/v1/user/profile")
    execute = block.get_by_role("button", name="Execute")
    if not execute.is_visible():
        block.locator(".opblock-summary-control").click()
        block.get_by_role("button", name="Try it out").click()
    with page.expect_response(lambda response: response.url.endswith("/profile")) as answered:
        execute.click()
    status = answered.value.status
    expect(block.locator(".live-responses-table .response-col_status").last).to_contain_text(
        str(status)
    )
    return status


def test_authorize_signs_in_with_pkce_and_the_call_succeeds(
    new_person: Callable[..., Person], images: Path | None
) -> None:
    person = new_person(width=1000, height=1000)
    page, sent = open_docs(person)
    assert call(page, "get") == 401

    authorize(person, page, "user:read", "email")
    assert call(page, "get") == 200
    expect(page.locator(".opblock-get .live-responses-table").first).to_contain_text(
        "demo@iiniit.example"
    )
    # The user did not grant user:write.
    assert call(page, "patch") == 403

    (request,) = [
        each for each in sent if urlsplit(each.url).path == "/authorize" and each.method == "GET"
    ][:1]
    asked = parse_qs(urlsplit(request.url).query)
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["code_challenge"][0]) == 43
    assert set(asked["scope"][0].split()) == {"user:read", "email"}
    (request,) = [
        each for each in sent if urlsplit(each.url).path == "/token" and each.method == "POST"
    ]
    form = parse_qs(request.post_data or "")
    assert form["client_id"] == ["profile-docs"]
    assert len(form["code_verifier"][0]) >= 43
    assert "client_secret" not in form
    if images:
        page.evaluate("window.scrollTo(0, 0)")
        page.screenshot(path=images / "fastapi-docs.png")
