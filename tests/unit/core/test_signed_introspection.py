"""Signed introspection responses (RFC 9701): calls, keys, settings and the log."""

from __future__ import annotations

import asyncio

import pytest

from iiniit_guard.core.errors import IssuerUnavailable
from iiniit_guard.core.issuer.shared_store import _context
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.errors import SettingsError
from iiniit_guard.testing import Issuer, make_key


def test_only_the_signed_form_is_asked_for():
    issuer, seen = Issuer(), []

    def transport(request):
        seen.append(request)
        return issuer.handle(request)

    guard = issuer.guard(introspection_signed=True, transport=transport)
    guard.verify(issuer.opaque_token())

    asked = [request for request in seen if request.url.endswith("/introspect")]
    assert [value for name, value in asked[0].headers if name == "Accept"] == [
        "application/token-introspection+jwt"
    ]


def test_a_new_key_is_fetched():
    issuer = Issuer()
    guard = issuer.guard(introspection_signed=True)
    guard.verify(issuer.opaque_token())
    issuer.rotate_keys()
    issuer.clock.advance(60)

    assert guard.verify(issuer.opaque_token())


def test_keys_that_cannot_be_fetched_are_an_outage():
    issuer = Issuer()
    guard = issuer.guard(introspection_signed=True)
    issuer.fail("503", at="jwks")
    with pytest.raises(Exception, match="jwks"):
        guard.verify(issuer.opaque_token())

    issuer.fail(None)
    guard = issuer.guard(introspection_signed=True)
    guard.verify(issuer.opaque_token())
    issuer.clock.advance(60)
    foreign = issuer.sign({"iss": issuer.issuer}, {"typ": "token-introspection+jwt", "kid": "new"})
    media = (("content-type", "application/token-introspection+jwt"),)
    issuer.fail(HttpResponse(200, media, foreign.encode()), at="introspection")
    issuer.fail("503", at="jwks")
    with pytest.raises(Exception, match="jwks"):
        guard.verify(issuer.opaque_token())


def test_the_keys_are_fetched_in_advance():
    issuer = Issuer()
    guard = issuer.guard(introspection_signed=True, jwt="introspect")

    assert asyncio.run(guard.warm_up_async()) == ()
    assert "jwks" in issuer.requests


def test_the_log_names_the_fault(caplog):
    issuer = Issuer()
    guard = issuer.guard(
        introspection_signed=True, introspection_response_audience="https://rs.test"
    )

    with pytest.raises(Exception, match="aud of the response does not name this API"):
        guard.verify(issuer.opaque_token())

    assert "signed introspection: aud of the response does not name this API" in caplog.text
    assert "https://rs.test" in caplog.text
    assert "introspection_response_audience" in caplog.text


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"introspection": None}, "introspection_signed: only responses of an introspection"),
        ({"introspection": lambda token: None}, "introspection_signed: only responses of an"),
        (
            {"introspection_signed": False, "introspection_response_audience": "a"},
            "introspection_response_audience: only signed responses have it",
        ),
    ],
)
def test_faults_of_settings(settings, fault):
    with pytest.raises(SettingsError, match=fault):
        Issuer().guard(**{"introspection_signed": True, **settings})


def test_an_issuer_without_metadata_needs_its_keys():
    settings = {
        "jwt": "introspect",
        "introspection_endpoint": "https://issuer.test/introspect",
        "introspection_signed": True,
    }
    with pytest.raises(SettingsError, match="issuer: an issuer that is discovered"):
        Issuer("https://issuer.test?x=1").guard(**settings)


def test_the_store_keeps_signed_responses_apart():
    issuer = Issuer()
    plain, signed = (
        TrustedIssuer(
            issuer=issuer.issuer,
            audience=issuer.audience,
            introspection=issuer.credentials("client_secret_basic"),
            introspection_signed=is_signed,
        )
        for is_signed in (False, True)
    )

    assert _context(plain) != _context(signed)


def test_another_signing_key_is_not_accepted():
    """The key set of the issuer decides, not the key that signs its access tokens."""
    issuer = Issuer()
    guard = issuer.guard(introspection_signed=True)
    claims = {
        "iss": issuer.issuer,
        "aud": "api",
        "iat": issuer.now,
        "token_introspection": {"active": True},
    }
    foreign = issuer.sign(
        claims, {"typ": "token-introspection+jwt"}, sign_with=make_key("ES256", "stranger")
    )
    media = (("content-type", "application/token-introspection+jwt"),)
    issuer.fail(HttpResponse(200, media, foreign.encode()), at="introspection")

    # The second time, the keys were fetched too recently to be fetched again.
    for _ in range(2):
        with pytest.raises(IssuerUnavailable, match="the signature of the response matches no key"):
            guard.verify(issuer.opaque_token())
