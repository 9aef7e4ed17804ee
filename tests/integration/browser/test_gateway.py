"""The page about the gateway: nginx, `iiniit-guard serve` and an API without a guard."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.integration.browser.person import Person

pytestmark = pytest.mark.xdist_group("browser")

ALL = ["done"] * 6
REFUSED = ["done", "done", "refused", "not yet", "not yet", "refused"]


def open_gateway(person: Person) -> None:
    person.page.get_by_role("link", name="As a gateway").click()
    expect(person.page.get_by_role("heading", name="The guard before an API")).to_be_visible()


def test_without_a_token_the_page_says_what_to_do_first(person: Person) -> None:
    person.open_client()
    open_gateway(person)
    expect(person.page.get_by_role("button")).to_have_count(0)
    person.page.get_by_role("link", name="To the first page").click()
    expect(person.page.get_by_role("button", name="Connect to my iiniit account")).to_be_visible()


@pytest.mark.parametrize("kind", ["jwt", "opaque"])
def test_calls_through_the_gateway(person: Person, kind: str) -> None:
    person.connect("flask", kind)
    open_gateway(person)
    assert (person.outcomes(), person.lit()) == (["not yet"] * 6, [])

    person.press("Read through the gateway")
    assert (person.status(), person.outcomes()) == ("200 OK", ALL)
    assert person.fact("id") == "usr_demo"
    question, reply = person.step(2), person.step(3)
    assert "X-Original-Uri: /v1/user/profile" in question
    assert "Authorization: Bearer " in question
    assert "cache: miss" in reply
    assert "X-Iiniit-Subject: usr_demo" in reply
    assert "X-Iiniit-Subject: usr_demo" in person.step(4)

    person.press("Forge the subject")
    assert (person.status(), person.outcomes()) == ("200 OK", ALL)
    assert person.fact("id") == "usr_demo"
    assert "usr_admin" not in person.step(4)
    assert "cache: hit" in person.step(3)

    person.press("Send no token")
    assert (person.status(), person.outcomes()) == ("401 Unauthorized", REFUSED)
    assert "X-Iiniit-Answer: " in person.step(3)

    person.press("Change it without user:write")
    assert (person.status(), person.outcomes()) == ("403 Forbidden", REFUSED)
    assert 'scope="user:write"' in person.fact("WWW-Authenticate")
    assert person.lit()[-1] == "6 refused"
    assert "missing_scope" in person.step(3)
    assert person.complaints == []


def test_nobody_reaches_the_api_beside_the_gateway(new_person: Callable[..., Person]) -> None:
    """The socket of the API and the logs are in a directory of the user who started the demo."""
    stack = new_person().stack
    directory = stack.database.parent
    assert directory.stat().st_mode & 0o077 == 0
    assert (directory / "api.sock").is_socket()
    for log in ("gateway.log", "guard.log"):
        assert "Bearer" not in (directory / log).read_text()
