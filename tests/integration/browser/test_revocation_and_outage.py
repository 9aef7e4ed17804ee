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


def test_revoked_token_is_refused_within_the_promised_delay(person: Person, stack: Stack) -> None:
    """Opaque tokens at each framework, and a JWT at the API that asks about JWTs too."""
    promised = stack.plan.revocation_delay_seconds
    revoked = []
    for api, kind in [*((api, "opaque") for api in FRAMEWORKS), ("introspecting", "jwt")]:
        person.connect(api, kind)
        assert person.read() == "200 OK"  # the API has cached a response
        moment = revoke(person)
        if person.read() == "200 OK":
            expect(person.answer).to_contain_text(f"at most {promised} s after the revocation")
        revoked.append((person.leave(), moment))
    for cookies, moment in revoked:
        # A read that begins later than the promise allows must be refused.
        person.page.wait_for_timeout(max(0, moment + promised - time.monotonic()) * 1000)
        person.come_back(cookies)
        assert person.read() == "401 Unauthorized"
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
    person.connect(FRAMEWORKS[0], "jwt")
    assert person.read() == "200 OK"
    for api in FRAMEWORKS[1:]:
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
    # The tokens are signed with the retired key, which is still published.
    assert person.read() == "200 OK"
    for api in FRAMEWORKS[-2::-1]:
        person.choose(api)
        assert person.read() == "200 OK"
    person.press("Get a new access token")
    assert person.read() == "200 OK"
    for api in FRAMEWORKS[1:]:
        person.choose(api)
        assert person.read() == "200 OK"


def test_authorization_server_stopped_and_started_again(
    new_person: Callable[[], Person], stack: Stack
) -> None:
    unknown = new_person()
    unknown.connect(FRAMEWORKS[0], "opaque")  # no API has seen this token
    known = {api: new_person() for api in FRAMEWORKS}
    for api in FRAMEWORKS:
        known[api].connect(api, "opaque")
    for api in FRAMEWORKS:
        assert known[api].read() == "200 OK"
    stack.end("authorization_server")
    try:
        for api in FRAMEWORKS:
            assert known[api].read() == "200 OK"
        for api in FRAMEWORKS:
            unknown.choose(api)
            assert unknown.read() == "503 Service Unavailable"
            assert int(unknown.fact("Retry-After")) > 0
            expect(unknown.answer.locator("dt:text-is('WWW-Authenticate')")).to_have_count(0)
    finally:
        stack.launch("authorization_server")
        stack.wait_until_healthy("authorization_server")
    for api in FRAMEWORKS:
        unknown.choose(api)
        unknown.read_until("200", time.monotonic() + 15)
        assert known[api].read() == "200 OK"
