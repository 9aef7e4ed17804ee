"""Revocation, key rotation and outages of the authorization server, in a real browser."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from examples.stack import FRAMEWORKS, ROOT, Stack
from tests.integration.browser.person import Person

pytestmark = pytest.mark.xdist_group("browser")


def revoke(person: Person) -> float:
    """Revoke the access token and return a moment after the revocation."""
    person.press("Revoke the access token")
    expect(person.answer).to_contain_text("The access token is revoked")
    return time.monotonic()


def test_revoked_token_is_refused_within_the_promised_delay(
    new_person: Callable[[], Person], stack: Stack
) -> None:
    """Four requests at once: opaque tokens at each framework, and a JWT at the API that introspects
    JWTs.
    """
    promised = stack.plan.revocation_delay_seconds
    people = []
    for api, kind in [*((api, "opaque") for api in FRAMEWORKS), ("introspecting", "jwt")]:
        people.append(person := new_person())
        person.connect(api, kind)
    revoked = []
    for person in people:
        assert person.read() == "200 OK"  # the API has cached a response
        revoked.append(revoke(person))
        if person.read() == "200 OK":
            expect(person.answer).to_contain_text(f"at most {promised} s after the revocation")
    for person, moment in zip(people, revoked, strict=True):
        # A read that begins later than the promise allows must be refused, so the first refusal is
        # no later than the next read.
        assert person.read_until("401", moment + promised) <= moment + promised + 0.5
        assert 'error="invalid_token"' in person.fact("WWW-Authenticate")
        expect(person.answer.get_by_role("heading")).to_contain_text("The token was revoked")
        assert person.lit()[-1] == "7 refused"


def test_revoked_jwt_still_works_until_it_expires_and_the_page_says_why(person: Person) -> None:
    person.connect("flask", "jwt")
    assert person.read() == "200 OK"
    revoke(person)
    person.page.wait_for_timeout((person.stack.plan.revocation_delay_seconds + 0.5) * 1000)
    assert person.read() == "200 OK"
    expect(person.answer).to_contain_text("it still works until")
    expect(person.answer).to_contain_text("verifies the signature of a JWT itself and asks nobody")
    expect(person.answer).to_contain_text('jwt="introspect"')


def test_keys_rotated_while_everything_runs(new_person: Callable[[], Person], stack: Stack) -> None:
    """One rotation for all three APIs: an API fetches the keys for an unknown key ID at most once
    in 30 s.
    """
    person = new_person()
    person.connect("flask", "jwt")
    for api in FRAMEWORKS:
        person.choose(api)
        assert person.read() == "200 OK"
    command = [
        sys.executable,
        "-m",
        "examples.authorization_server",
        "rotate-keys",
        str(stack.database),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=20)
    for api in FRAMEWORKS:
        person.choose(api)
        assert person.read() == "200 OK"  # signed with the retired key, which is still published
    person.press("Get a new access token")
    for api in FRAMEWORKS:
        person.choose(api)
        assert person.read() == "200 OK"


def test_authorization_server_stopped_and_started_again(
    new_person: Callable[[], Person], stack: Stack
) -> None:
    known, unknown = (
        {api: new_person() for api in FRAMEWORKS},
        {api: new_person() for api in FRAMEWORKS},
    )
    for api in FRAMEWORKS:
        unknown[api].connect(api, "opaque")  # its API has not seen this token
        known[api].connect(api, "opaque")
    for api in FRAMEWORKS:
        assert known[api].read() == "200 OK"
    stack.end("authorization_server")
    try:
        for api in FRAMEWORKS:
            assert known[api].read() == "200 OK"
        for api in FRAMEWORKS:
            assert unknown[api].read() == "503 Service Unavailable"
            assert int(unknown[api].fact("Retry-After")) > 0
            expect(unknown[api].answer.locator("dt:text-is('WWW-Authenticate')")).to_have_count(0)
    finally:
        stack.launch("authorization_server")
        stack.wait_until_healthy("authorization_server")
    for api in FRAMEWORKS:
        unknown[api].read_until("200", time.monotonic() + 15)
        assert known[api].read() == "200 OK"
