"""The whole flow in a real browser, against real processes: all seven steps, and their failures."""

from __future__ import annotations

import html
import re

import pytest
from playwright.sync_api import expect

from examples.stack import FRAMEWORKS
from tests.integration.browser.person import Person
from tests.integration.browser.visitor import Visitor

pytestmark = pytest.mark.xdist_group("browser")

DONE = ["done"] * 7
# The form of tokens, codes and secrets: 40 or more characters without a break.
SECRET = re.compile(r"[A-Za-z0-9_-]{40,}")
# Public values of the same length: a PKCE challenge is a hash, a key ID is a thumbprint. The CSRF
# token of the page too.
NO_SECRET = re.compile(r'code_challenge=\S+|"kid": "[^"]*"|name="csrf" value="[^"]*"')


@pytest.mark.parametrize(("first", "kind"), [("flask", "jwt"), ("fastapi", "opaque")])
def test_all_seven_steps(person: Person, first: str, kind: str) -> None:
    """Steps 1 to 5 once, then 6 and 7 at every framework with that token.

    The first framework, which is once synchronous and once asynchronous, is called in the browser.
    The others are called by the same forms over HTTP.
    """
    person.open_client()
    assert person.outcomes() == ["not yet"] * 7
    assert person.lit() == []

    person.connect(first, kind)
    assert "code_challenge_method=S256" in person.step(1)
    approval = person.step(2)
    assert "as seen by the authorization server" in approval.lower()
    assert "granted=user:write" in approval
    assert re.search(r"code=\w{8}…\[48 characters\]", approval)
    assert "code=" in person.step(3)
    assert "grant_type=authorization_code" in person.step(4)
    assert '"token_type": "Bearer"' in person.step(5)

    use_the_token(person, first, kind)
    assert person.complaints == []
    with person.visitor() as visitor:
        for api in FRAMEWORKS:
            if api != first:
                visitor.choose(api)
                use_the_token(visitor, api, kind)


def use_the_token(person: Person | Visitor, api: str, kind: str) -> None:
    """Do steps 6 and 7 at an API that is chosen and was not called yet."""
    assert person.outcomes() == ["done"] * 5 + ["not yet"] * 2
    assert person.lit() == [f"{number} done" for number in range(1, 6)]

    assert person.read() == "200 OK"
    assert person.outcomes() == DONE
    assert person.lit() == [f"{number} done" for number in range(1, 8)]
    assert person.fact("id") == "usr_demo"
    assert person.fact("email") == "demo@iiniit.example"

    bio = f"written with {kind} on {api}"
    assert person.change(bio) == "200 OK"
    assert person.fact("bio") == bio
    assert person.read() == "200 OK"
    assert person.fact("bio") == bio

    assert f"GET {person.stack.url(api)}/" in (call := person.step(6))
    assert "Authorization: Bearer " in call
    assert "200 OK" in person.step(7)
    assert SECRET.findall(NO_SECRET.sub("", html.unescape(person.content()))) == []


def test_what_the_api_asks_the_authorization_server(person: Person) -> None:
    """An opaque token costs one introspection, whose response is cached; a JWT costs none."""
    person.arrive("starlette", "opaque")
    person.read()
    first = person.step(7)
    assert "It asked the authorization server" in first
    assert '"active": true' in first
    person.read()
    assert "It asked nobody" in person.step(7)

    person.press("Disconnect and forget everything")
    with person.visitor() as visitor:  # still signed in at the authorization server
        visitor.begin_again("starlette", "jwt")
        visitor.allow()
        visitor.read()
        assert "It asked nobody: a JWT carries its own proof" in visitor.step(7)


def test_denied_at_consent(person: Person) -> None:
    person.begin("flask", "jwt")
    person.press("Deny")
    expect(person.page.get_by_role("heading", name="The request was denied")).to_be_visible()
    assert person.fact("error") == "access_denied"
    assert person.outcomes() == ["done", "refused", "refused"] + ["not yet"] * 4
    expect(person.page.get_by_role("button", name="Read the profile")).to_have_count(0)


def test_nothing_ticked_is_a_denial(person: Person) -> None:
    person.begin("flask", "jwt")
    for box in person.page.get_by_role("checkbox").all():
        box.uncheck()
    person.press("Allow")
    assert person.fact("error") == "access_denied"


def test_unticked_scope_is_refused_with_the_right_challenge(person: Person) -> None:
    """With one token, at every framework."""
    person.begin("starlette", "jwt")
    person.allow(without="Change your profile")
    try_to_change(person, "starlette")
    with person.visitor() as visitor:
        for api in FRAMEWORKS:
            visitor.choose(api)
            try_to_change(visitor, api)


def try_to_change(person: Person | Visitor, api: str) -> None:
    assert person.read() == "200 OK"
    assert person.change(f"not allowed on {api}") == "403 Forbidden"
    challenge = person.fact("WWW-Authenticate")
    assert challenge.startswith("Bearer ")
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="user:write"' in challenge
    assert person.lit()[-1] == "7 refused"
    assert person.read() == "200 OK"
    assert person.fact("bio") != f"not allowed on {api}"


def test_email_only_with_its_scope(person: Person) -> None:
    person.begin("django", "opaque")
    person.allow(without="See your e-mail address")
    assert person.read() == "200 OK"
    expect(person.answer.locator("dt:text-is('username')")).to_be_visible()
    expect(person.answer.locator("dt:text-is('email')")).to_have_count(0)


@pytest.mark.parametrize("kind", ["jwt", "opaque"])
def test_missing_scope_shown_with_a_narrowed_token(person: Person, kind: str) -> None:
    person.arrive("flask", kind)
    person.press("Change it without user:write")
    assert person.status() == "403 Forbidden"
    assert 'scope="user:write"' in person.fact("WWW-Authenticate")
    # The token with all its scopes is still there.
    assert person.change("with the full token") == "200 OK"


def test_expired_token(person: Person) -> None:
    """A JWT in the browser and an opaque token over HTTP."""
    plan = person.stack.plan
    with Visitor(person.stack) as visitor:
        visitor.connect("django", "opaque")
        person.arrive("django", "jwt")
        for each in (visitor, person):
            each.press("Get a short-lived token and use it")
            assert each.status() == "200 OK"
        person.page.wait_for_timeout((plan.short_life_seconds + plan.expiry_leeway_seconds) * 1000)
        for each in (visitor, person):
            each.press("Use it again")
            assert each.status() == "401 Unauthorized"
            assert 'error="invalid_token"' in each.fact("WWW-Authenticate")
            assert "The token has expired" in each.heading()
            assert each.read() == "200 OK"  # with the token that lives on
