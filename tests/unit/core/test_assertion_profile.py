"""A guard that trusts the gateway's assertion trusts nothing else.

The tests of the gateway, which signs assertions, test what the guard accepts.
"""

from __future__ import annotations

import pytest

from iiniit_guard import Allow, Guard, Request, SettingsError
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.testing import Issuer

GATEWAY, SERVICE = "https://gateway.test", "https://profile.internal"


@pytest.fixture
def issuer():
    return Issuer()


@pytest.mark.parametrize(
    "settings, fault",
    [
        ({"alternatives": {"ApiKey": len}}, "alternatives:"),
        ({"insecure_query_token": True}, "insecure_query_token:"),
        ({"issuer_resolver": len}, "issuer_resolver:"),
    ],
)
def test_a_guard_that_believes_the_gateway_believes_nobody_else(settings, fault):
    with pytest.raises(SettingsError, match=fault):
        Guard(issuer=GATEWAY, audience=SERVICE, profile="assertion", **settings)


def test_nor_another_issuer_nor_an_introspection_endpoint(issuer):
    from iiniit_guard import TrustedIssuer

    with pytest.raises(SettingsError, match="the only one of its guard"):
        Guard(
            issuers=[
                TrustedIssuer(issuer=GATEWAY, audience=SERVICE, profile="assertion"),
                TrustedIssuer(issuer=issuer.issuer, audience=SERVICE),
            ]
        )
    with pytest.raises(SettingsError, match="introspection: assertions"):
        Guard(
            issuer=GATEWAY,
            audience=SERVICE,
            profile="assertion",
            introspection=issuer.credentials("client_secret_basic"),
        )


def test_the_anonymous_are_those_without_an_assertion(issuer):
    """The gateway passes on `Authorization`, which the guard ignores here."""
    guard = issuer.guard(profile="assertion", introspection=None)
    request = Request("GET", "/", headers=[(b"authorization", b"Basic eDp5")])
    assert guard.authenticate(request, make_policy(anonymous=True)) == Allow(None)
    assert guard.authenticate(request).reason == "no_token"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([b"a b"], "malformed_header"),
        ([b"a" * 16_385], "token_too_long"),
        ([b"a.b.c", b"a.b.c"], "several_credentials"),
        ([b"a.b.c"], "malformed_token"),
    ],
)
def test_a_bad_assertion_is_not_anonymous(issuer, values, reason):
    guard = issuer.guard(profile="assertion", introspection=None)
    request = Request("GET", "/", headers=[(b"x-iiniit-assertion", value) for value in values])
    assert guard.authenticate(request, make_policy(anonymous=True)).reason == reason
