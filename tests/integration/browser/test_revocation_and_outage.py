"""Revocation, key rotation and outages of the authorization server, in a real browser."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect

from examples.stack import FRAMEWORKS, ROOT, Stack
from tests.integration.browser.person import Person
from tests.integration.browser.visitor import Visitor

pytestmark = pytest.mark.xdist_group("browser")

# A synchronous and an asynchronous framework. The pages are the same for the others, which the
# tests call over HTTP.
IN_THE_BROWSER = ("flask", "starlette")
OVER_HTTP = tuple(api for api in FRAMEWORKS if api not in IN_THE_BROWSER)


def revoke(person: Person | Visitor) -> float:
    """Revoke the access token and return a moment after the revocation."""
    person.press("Revoke the access token")
    assert "The access token is revoked" in person.said()
    return time.monotonic()


def read_and_revoke(person: Person | Visitor, promised: float) -> float:
    assert person.read() == "200 OK"  # the API has cached a response
    moment = revoke(person)
    if person.read() == "200 OK":
        assert f"at most {promised} s after the revocation" in person.said()
    return moment


def test_revoked_token_is_refused_within_the_promised_delay(person: Person, stack: Stack) -> None:
    """Opaque tokens at each framework, and a JWT at the API that introspects JWTs too.

    A synchronous and an asynchronous framework are called in the browser, the others over HTTP.
    """
    promised = stack.plan.revocation_delay_seconds
    revoked: list[tuple[str, Visitor, float]] = []
    with ExitStack() as visitors:
        for api, kind in [*((api, "opaque") for api in FRAMEWORKS), ("introspecting", "jwt")]:
            if api in IN_THE_BROWSER:
                person.arrive(api, kind)
                moment = read_and_revoke(person, promised)
                visitor = visitors.enter_context(person.visitor())
            else:
                visitor = visitors.enter_context(Visitor(stack))
                visitor.connect(api, kind)
                moment = read_and_revoke(visitor, promised)
            revoked.append((api, visitor, moment))
        person.leave()
        for api, visitor, moment in revoked:
            # A read that begins later than the promise allows must be refused.
            person.page.wait_for_timeout(max(0, moment + promised - time.monotonic()) * 1000)
            if api in IN_THE_BROWSER:
                person.come_back(visitor.cookies())
                expect_a_revoked_token(person)
            else:
                expect_a_revoked_token(visitor)


def expect_a_revoked_token(person: Person | Visitor) -> None:
    assert person.read() == "401 Unauthorized"
    assert 'error="invalid_token"' in person.fact("WWW-Authenticate")
    assert "The token was revoked" in person.heading()
    assert person.lit()[-1] == "7 refused"


def test_revoked_jwt_still_works_until_it_expires_and_the_page_says_why(person: Person) -> None:
    person.arrive("flask", "jwt")
    assert person.read() == "200 OK"
    revoke(person)
    person.page.wait_for_timeout((person.stack.plan.revocation_delay_seconds + 0.5) * 1000)
    assert person.read() == "200 OK"
    expect(person.answer).to_contain_text("it still works until")
    expect(person.answer).to_contain_text("verifies the signature of a JWT itself and asks nobody")
    expect(person.answer).to_contain_text('jwt="introspect"')


def test_keys_rotated_while_everything_runs(person: Person, stack: Stack) -> None:
    """One rotation for all APIs: an API fetches the keys for an unknown key ID at most once in 30
    s.
    """
    first, last = IN_THE_BROWSER
    person.arrive(first, "jwt")
    assert person.read() == "200 OK"
    with person.visitor() as visitor:
        read_at_each(visitor, FRAMEWORKS[1:])
        command = [
            sys.executable,
            "-m",
            "examples.authorization_server",
            "rotate-keys",
            str(stack.database),
        ]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=20)
        # The tokens are signed with the retired key, which is still published.
        read_at_each(visitor, FRAMEWORKS[::-1])
        assert person.read() == "200 OK"
        person.press("Get a new access token")
        assert person.read() == "200 OK"
        person.choose(last)
        assert person.read() == "200 OK"
        visitor.open_client()
        read_at_each(visitor, OVER_HTTP)


def read_at_each(person: Person | Visitor, apis: Sequence[str]) -> None:
    for api in apis:
        person.choose(api)
        assert person.read() == "200 OK"


def test_authorization_server_stopped_and_started_again(person: Person, stack: Stack) -> None:
    """With a token that each API knows and one that no API has seen."""
    with Visitor(stack) as known, Visitor(stack) as unknown:
        known.connect(FRAMEWORKS[0], "opaque")
        read_at_each(known, FRAMEWORKS)
        unknown.connect(FRAMEWORKS[0], "opaque")
        person.come_back(known.cookies())
        stack.end("authorization_server")
        try:
            read_at_each(person, IN_THE_BROWSER)
            read_at_each(known, OVER_HTTP)
            person.come_back(unknown.cookies())
            for api in FRAMEWORKS:
                expect_unavailable(person if api in IN_THE_BROWSER else unknown, api)
        finally:
            stack.launch("authorization_server")
            stack.wait_until_healthy("authorization_server")
        for api in FRAMEWORKS:
            reader = person if api in IN_THE_BROWSER else unknown
            reader.choose(api)
            reader.read_until("200", time.monotonic() + 15)
        read_at_each(known, FRAMEWORKS)


def expect_unavailable(person: Person | Visitor, api: str) -> None:
    person.choose(api)
    assert person.read() == "503 Service Unavailable"
    assert int(person.fact("Retry-After")) > 0
    assert person.facts("WWW-Authenticate") == []
