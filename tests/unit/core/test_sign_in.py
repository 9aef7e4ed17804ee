"""Where users sign in: the authorization and token endpoints of an issuer's metadata."""

from __future__ import annotations

import asyncio

import pytest

from iiniit_guard import Guard
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.sign_in import SignInEndpoints
from iiniit_guard.testing import Issuer
from iiniit_guard.testing.several import network, trusted

AUTHORIZE, TOKEN = "authorization_endpoint", "token_endpoint"


def endpoints(guard, issuer=None):
    return asyncio.run(guard._engine.sign_in_endpoints_async(issuer))


def test_both_are_those_of_the_metadata_which_is_fetched_once():
    issuer = Issuer()
    issuer.metadata = {AUTHORIZE: "https://login.test/authorize?tenant=1"}
    guard = issuer.guard()

    expected = SignInEndpoints("https://login.test/authorize?tenant=1", "https://issuer.test/token")
    assert issuer.requests == []
    assert [endpoints(guard), endpoints(guard)] == [expected, expected]
    assert issuer.requests == ["discovery"]


@pytest.mark.parametrize("name", [AUTHORIZE, TOKEN])
@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        "",
        "http://issuer.test/x",
        "http://127.0.0.1/x",  # RFC 8414 §2: https; the issuer of the settings is not on loopback
        "javascript:alert(1)",
        "data:text/html,x",
        "//issuer.test/x",
        "/x",
        "https://issuer.test/x#y",
        "https://user:secret@issuer.test/x",
        "https://issuer.test/\nx",
    ],
)
def test_a_url_that_a_browser_must_not_open_is_not_returned(name, url):
    issuer = Issuer()
    issuer.metadata = {name: url}

    found = endpoints(issuer.guard())

    assert isinstance(found, Unreachable)
    assert (found.cause, found.retry_after_seconds) == ("answer", 30.0)
    assert found.detail == f"metadata: {name} is missing or not an https URL"


def test_loopback_http_is_for_issuers_on_loopback():
    issuer = Issuer("http://127.0.0.1:9000")

    assert endpoints(issuer.guard()) == SignInEndpoints(
        "http://127.0.0.1:9000/authorize", "http://127.0.0.1:9000/token"
    )


def test_an_issuer_that_cannot_be_reached_is_reported():
    issuer = Issuer()
    issuer.fail("connection")

    found = endpoints(issuer.guard())

    assert isinstance(found, Unreachable)
    assert found.cause == "connection"


def test_several_issuers_need_a_name():
    one, two = Issuer("https://one.test"), Issuer("https://two.test")
    issuers = [trusted(issuer, introspection=None) for issuer in (one, two)]
    guard = Guard(issuers=issuers, transport=network(one, two))

    assert isinstance(endpoints(guard), Unreachable)
    assert isinstance(endpoints(guard, "https://three.test"), Unreachable)
    assert endpoints(guard, "https://two.test") == SignInEndpoints(
        "https://two.test/authorize", "https://two.test/token"
    )
    assert one.requests == []
