"""The profiles `txn` and `jwt-svid` outside of the decision about one token."""

from __future__ import annotations

import pytest

from iiniit_guard import Deny, Guard, TrustedIssuer, providers
from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import SettingsError
from iiniit_guard.testing import Issuer

ISSUER, DOMAIN = "https://tts.test", "trust-domain.example"


def test_two_transaction_tokens_are_refused():
    issuer = Issuer()
    guard = issuer.guard(profile="txn", introspection=None)
    fields = [(b"txn-token", b"a.b.c"), (b"txn-token", b"a.b.c")]

    decision = guard.authenticate(Request("GET", "/", headers=fields))

    assert isinstance(decision, Deny)
    assert decision.reason == "several_credentials"


@pytest.mark.parametrize("profile", ["txn", "assertion"])
def test_it_is_the_only_issuer_of_its_guard(profile):
    other = TrustedIssuer(issuer="https://issuer.test", audience=DOMAIN)
    with pytest.raises(SettingsError, match=f'an issuer with "{profile}" is the only one'):
        Guard(issuers=[other, TrustedIssuer(issuer=ISSUER, audience=DOMAIN, profile=profile)])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alternatives", {"ApiKey": lambda credential, request: None}),
        ("issuer_resolver", lambda request: ISSUER),
        ("insecure_query_token", True),
        ("token_header", "X-Token"),
        ("websocket_subprotocol_token", True),
    ],
)
def test_nothing_else_is_accepted(name, value):
    with pytest.raises(SettingsError, match=f'{name}: with profile="txn" nothing else'):
        Guard(issuer=ISSUER, audience=DOMAIN, profile="txn", **{name: value})


@pytest.mark.parametrize("profile", ["txn", "jwt-svid"])
def test_they_are_not_introspected(profile):
    with pytest.raises(SettingsError, match="cannot be introspected"):
        Issuer().guard(profile=profile)


def test_a_token_without_iss_needs_a_single_issuer():
    one, two = Issuer("https://one.test"), Issuer("https://two.test")
    issuers = [
        TrustedIssuer(
            issuer=each.issuer,
            audience=each.audience,
            profile="jwt-svid",
            jwks_uri=f"{each.issuer}/jwks",
        )
        for each in (one, two)
    ]
    guard = Guard(issuers=issuers, clock=one.clock.clock, transport=one.handle)
    token = one.sign({"sub": "a", "aud": one.audience, "exp": one.now + 60}, {"typ": "JWT"})
    headers = [(b"authorization", f"Bearer {token}".encode())]

    decision = guard.authenticate(Request("GET", "/", headers=headers))

    assert isinstance(decision, Deny)
    assert decision.reason == "unknown_issuer"


def test_the_preset_of_a_trust_domain():
    made = providers.spiffe("example.org", audience="api", bundle="https://spire.test/keys")

    assert (made.issuer, made.subject_prefix) == ("spiffe://example.org", "spiffe://example.org/")
    assert (made.jwks_uri, made.profile) == ("https://spire.test/keys", "jwt-svid")


@pytest.mark.parametrize("domain", ["spiffe://example.org", "Example.org", "", "a/b", None])
def test_faults_of_the_preset(domain):
    with pytest.raises(SettingsError, match="trust_domain: must be a trust domain"):
        providers.spiffe(domain, audience="api", bundle="https://spire.test/keys")
