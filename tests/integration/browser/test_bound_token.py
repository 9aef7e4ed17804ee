"""The page whose script is the client: a token that is bound to a key of the browser (DPoP)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from examples.stack import USERNAME
from tests.integration.browser.person import Person

pytestmark = pytest.mark.xdist_group("browser")


def connect(person: Person, *, bind: bool) -> Page:
    """Get a token in the page."""
    page = person.page
    page.goto(person.stack.url("browser"))
    page.get_by_label("Bind the token to this browser").set_checked(bind)
    page.get_by_role("button", name="Connect to my iiniit account").click()
    page.get_by_label("User name").fill(USERNAME)
    page.get_by_label("Password").fill(person.stack.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", name="The client")).to_be_visible()
    return page


def outcomes(page: Page, which: str, count: int) -> list[tuple[str, str]]:
    """Return the outcome and the name of each attempt in a list of the page."""
    lines = page.locator(f"#{which} li")
    expect(lines).to_have_count(count)
    seen = [(line.locator(".badge").inner_text(), line.inner_text()) for line in lines.all()]
    return [(badge, text.removeprefix(badge).strip()) for badge, text in seen]


def test_the_thief_is_refused_with_a_bound_token(person: Person) -> None:
    page = connect(person, bind=True)

    page.get_by_role("button", name="Read the profile").click()
    assert outcomes(page, "calls", 2) == [
        ("401 proof_nonce_required", "The API demands a nonce"),
        ("200 OK", "The client reads the profile: usr_demo"),
    ]

    page.get_by_role("button", name="Use the stolen token").click()
    assert outcomes(page, "attempts", 5) == [
        ("401 unsupported_confirmation", "Send it as a bearer token"),
        ("401 no_proof", "Send it without a proof"),
        ("401 replayed_proof", "Repeat the recorded request"),
        ("401 wrong_proof_key", "Make a proof with another key"),
        ("InvalidAccessError", "Copy the key of the browser"),
    ]
    page.get_by_role("button", name="Read the profile").click()
    # The client has the nonce now.
    assert outcomes(page, "calls", 3)[2][0] == "200 OK"
    assert not [text for text in person.complaints if "401" not in text]


def test_the_thief_reads_the_profile_with_a_bearer_token(person: Person) -> None:
    page = connect(person, bind=False)

    page.get_by_role("button", name="Use the stolen token").click()
    assert outcomes(page, "attempts", 1) == [("200 OK", "Send it as a bearer token: usr_demo")]
    assert person.complaints == []


def test_an_answer_that_the_page_did_not_ask_for_gets_no_token(
    new_person: Callable[..., Person],
) -> None:
    person = new_person()
    page = person.page
    page.goto(person.stack.url("browser") + "/?code=x&state=forged")

    expect(page.get_by_role("alert")).to_have_text("This answer is not for this page.")
    expect(page.get_by_role("button", name="Use the stolen token")).to_be_hidden()


def test_the_page_runs_no_inline_script(person: Person) -> None:
    response = person.page.goto(person.stack.url("browser"))
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert person.page.locator("script:not([src])").count() == 0
