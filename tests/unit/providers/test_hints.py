"""Hints name the typical mistake with a provider, in the log and nowhere else."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from iiniit_guard import Guard, Request, TrustedIssuer, providers
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.core.resource import ProtectedResource
from iiniit_guard.providers.hints import hint_for
from iiniit_guard.providers.mistakes import read_unverified, typical_mistake
from iiniit_guard.testing import Issuer
from tests.contract.cases.preset_rows import keywords_of
from tests.unit.providers.making import TENANT, make

V1 = f"https://sts.windows.net/{TENANT}/"
V2 = f"https://login.microsoftonline.com/{TENANT}/v2.0"
ORG = "https://acme.okta.com"
ORY = {"project": None, "url": "https://hydra.test"}


@pytest.mark.parametrize(
    ("preset", "more", "reason", "claims", "expected"),
    [
        ("keycloak", {}, Reason.WRONG_TYPE, {"typ": "ID"}, "a Keycloak ID token"),
        ("keycloak", {}, Reason.WRONG_TYPE, {"typ": "Offline"}, "a Keycloak Offline token"),
        ("keycloak", {}, Reason.WRONG_TYPE, {"typ": "<script>"}, None),
        ("keycloak", {}, Reason.WRONG_AUDIENCE, {"aud": "account"}, "add an Audience mapper"),
        ("keycloak", {}, Reason.WRONG_AUDIENCE, {}, "add an Audience mapper"),
        ("keycloak", {}, Reason.WRONG_AUDIENCE, {"aud": "other"}, None),
        ("keycloak", {}, Reason.INACTIVE, {}, "Keycloak reports a token inactive to a client"),
        ("keycloak", {}, Reason.EXPIRED, {}, None),
        ("keycloak", {}, Reason.MALFORMED_TOKEN, None, "a Keycloak access token is a JWT"),
        ("keycloak", {}, Reason.MALFORMED_TOKEN, {}, None),
        ("entra", {}, Reason.UNKNOWN_ISSUER, {"iss": V1}, "an Entra v1 token at a v2 issuer"),
        (
            "entra",
            {"token_version": 1},
            Reason.UNKNOWN_ISSUER,
            {"iss": V2},
            "an Entra v2 token at a v1 issuer",
        ),
        (
            "entra",
            {},
            Reason.UNKNOWN_ISSUER,
            {"iss": V2.replace("1", "2")},
            "an Entra token of another tenant",
        ),
        (
            "entra",
            {"token_version": 1},
            Reason.UNKNOWN_ISSUER,
            {"iss": V1.replace("1", "2")},
            "an Entra token of another tenant",
        ),
        ("entra", {}, Reason.UNKNOWN_ISSUER, {"iss": "https://evil.test"}, None),
        ("entra", {}, Reason.UNKNOWN_ISSUER, {"iss": 1}, None),
        (
            "entra",
            {},
            Reason.BAD_SIGNATURE,
            {"aud": "https://graph.microsoft.com/"},
            "a token for Microsoft Graph",
        ),
        ("entra", {}, Reason.BAD_SIGNATURE, {"aud": ["x"]}, None),
        ("entra", {}, Reason.MISSING_SCOPE, {"roles": ["a"]}, "the token has roles"),
        ("entra", {"roles": True}, Reason.MISSING_SCOPE, {"roles": ["a"]}, None),
        ("entra", {}, Reason.MISSING_SCOPE, {}, "an Entra token of an application"),
        ("entra", {}, Reason.MALFORMED_TOKEN, None, "Entra ID issued a token for an API of"),
        (
            "auth0",
            {},
            Reason.MALFORMED_TOKEN,
            None,
            "Auth0 issued an opaque token: the client did not ask for an audience",
        ),
        (
            "auth0",
            {"domain": "id.acme.test"},
            Reason.UNKNOWN_ISSUER,
            {"iss": "https://acme.eu.auth0.com/"},
            "Auth0 names a custom domain",
        ),
        ("auth0", {}, Reason.UNKNOWN_ISSUER, {"iss": "https://evil.test/"}, None),
        ("auth0", {}, Reason.UNSUPPORTED_ALGORITHM, {}, "the API in Auth0 may be set to HS256"),
        (
            "auth0",
            {},
            Reason.WRONG_AUDIENCE,
            {"aud": ["https://acme.eu.auth0.com/userinfo"]},
            "the client did not request the audience",
        ),
        ("auth0", {}, Reason.WRONG_AUDIENCE, {"aud": "other"}, None),
        ("auth0", {}, Reason.MISSING_SCOPE, {"permissions": []}, "the token has permissions"),
        ("auth0", {}, Reason.MISSING_SCOPE, {}, None),
        ("okta", {}, Reason.UNKNOWN_ISSUER, {"iss": ORG}, "this is an Okta org-server token"),
        (
            "okta",
            {},
            Reason.UNKNOWN_ISSUER,
            {"iss": f"{ORG}/oauth2/aus1"},
            "a token of another authorization server",
        ),
        ("okta", {}, Reason.UNKNOWN_ISSUER, {"iss": "https://evil.okta.com"}, None),
        ("okta", {}, Reason.MALFORMED_TOKEN, None, "an access token of Okta is a JWT"),
        ("cognito", {}, Reason.WRONG_TYPE, {"token_use": "id"}, "a Cognito ID token"),
        ("cognito", {}, Reason.WRONG_TYPE, {"token_use": "refresh"}, None),
        ("cognito", {}, Reason.WRONG_AUDIENCE, {}, "a token of an app client that is not among"),
        (
            "cognito",
            {"audience": "api"},
            Reason.WRONG_AUDIENCE,
            {},
            "a Cognito token has an audience only if",
        ),
        ("cognito", {"audience": "api"}, Reason.WRONG_AUDIENCE, {"aud": "x"}, None),
        ("cognito", {}, Reason.MALFORMED_TOKEN, None, "a Cognito access token is a JWT"),
        ("google", {}, Reason.MALFORMED_TOKEN, None, "an access token of Google is opaque"),
        ("google", {}, Reason.WRONG_TYPE, {"at_hash": "x"}, "an ID token of a person"),
        ("google", {}, Reason.WRONG_TYPE, {}, None),
        ("google", {}, Reason.REFUSED_BY_VALIDATOR, {}, "the account of this Google ID token"),
        ("google", {}, Reason.MISSING_SCOPE, {}, "a Google ID token has no scopes"),
        ("zitadel", {}, Reason.MALFORMED_TOKEN, None, "Zitadel issues opaque tokens by default"),
        ("zitadel", {}, Reason.WRONG_AUDIENCE, {}, "the client must request the scope urn:zitadel"),
        ("zitadel", {}, Reason.MISSING_SCOPE, {}, "Zitadel writes no scope into a JWT"),
        ("ory", ORY, Reason.MALFORMED_TOKEN, None, "Ory issues opaque tokens by default"),
        ("ory", ORY, Reason.WRONG_AUDIENCE, {"aud": []}, "the client did not ask Ory for an"),
        ("ory", ORY, Reason.WRONG_AUDIENCE, {"aud": ["x"]}, None),
    ],
)
def test_the_hint_names_the_mistake(preset, more, reason, claims, expected):
    hint = hint_for(make(preset, **more), PROBLEMS[reason], claims)

    assert hint is None if expected is None else expected in (hint or "")


def test_the_type_of_the_org_server_of_okta():
    problem = PROBLEMS[Reason.WRONG_TYPE]

    hint = hint_for(make("okta"), problem, {}, "application/okta-internal-at+jwt")

    assert (hint or "").startswith("this is an Okta org-server token")
    assert hint_for(make("okta"), problem, {}, "JWT") is None


def test_the_roles_of_zitadel():
    problem = PROBLEMS[Reason.MISSING_SCOPE]

    assert "roles must be true" in (hint_for(make("zitadel"), problem, {}) or "")
    assert "roles must be true" not in (hint_for(make("zitadel", roles=True), problem, {}) or "")


def resource_of(*issuers: TrustedIssuer) -> ProtectedResource:
    return Guard(issuers=issuers)._engine.resource


def test_an_issuer_without_a_preset_has_no_hint():
    resource = Issuer().guard()._engine.resource
    (server,) = resource.servers

    assert hint_for(server.settings, PROBLEMS[Reason.MALFORMED_TOKEN], None) is None
    assert hint_for(server.settings, PROBLEMS[Reason.WRONG_AUDIENCE], {}) is None
    assert typical_mistake(PROBLEMS[Reason.WRONG_AUDIENCE], resource, "a") is None


def test_an_opaque_token_belongs_to_no_known_issuer_of_several():
    problem, auth0, okta = PROBLEMS[Reason.MALFORMED_TOKEN], make("auth0"), make("okta")

    assert typical_mistake(problem, resource_of(auth0), "opaque")
    assert typical_mistake(problem, resource_of(auth0, okta), "opaque") is None
    assert typical_mistake(problem, resource_of(auth0), Request("GET", "/")) is None


def test_a_token_of_an_unknown_issuer_is_compared_with_every_preset():
    token = Issuer(ORG, algorithm="RS256").token()

    hint = typical_mistake(
        PROBLEMS[Reason.UNKNOWN_ISSUER],
        resource_of(make("auth0"), make("okta")),
        token,
    )

    assert (hint or "").startswith("this is an Okta org-server token")


def with_preset(issuer: Issuer, preset: Any) -> Guard:
    return Guard(issuers=[preset], transport=issuer.handle, clock=issuer.clock.clock)


def ask(guard: Guard, token: str, *scopes: str):
    request = Request("GET", "/", b"", [(b"authorization", b"Bearer " + token.encode())])
    return guard.authenticate(request, make_policy(scopes))


@pytest.fixture
def cognito():
    preset = make("cognito")
    return Issuer(preset.issuer, "a", algorithm="RS256"), preset


def test_the_log_has_the_hint_and_the_client_has_not(cognito, caplog):
    issuer, preset = cognito
    token = issuer.token(None, client_id="a", token_use="id", header={"typ": None})

    with caplog.at_level(logging.INFO, "iiniit_guard"):
        refused = ask(with_preset(issuer, preset), token)
        plain = ask(
            Guard(**keywords_of(preset), transport=issuer.handle, clock=issuer.clock.clock), token
        )

    assert refused.reason == Reason.WRONG_TYPE
    assert (refused.status, refused.headers, refused.body) == (
        plain.status,
        plain.headers,
        plain.body,
    )
    assert "check: a Cognito ID token" in caplog.messages[0]
    assert "Cognito ID token" not in caplog.messages[1]


def test_the_hint_about_a_missing_scope_reads_the_verified_token(caplog):
    preset = make("entra")
    issuer = Issuer(preset.issuer, preset.audiences[0], algorithm="RS256")
    token = issuer.token(None, roles=["user:read"], header={"typ": "JWT"})

    with caplog.at_level(logging.INFO, "iiniit_guard"):
        refused = ask(with_preset(issuer, preset), token, "user:read")

    assert refused.reason == Reason.MISSING_SCOPE
    assert "check: the token has roles" in caplog.messages[-1]


def test_the_hint_about_a_token_without_a_request(cognito, caplog):
    issuer, preset = cognito

    with caplog.at_level(logging.INFO, "iiniit_guard"), pytest.raises(Exception, match="access"):
        with_preset(issuer, preset).verify(issuer.token(None, client_id="a", token_use="id"))

    assert "check: a Cognito ID token" in caplog.messages[-1]


def test_every_preset_has_a_hint_about_opaque_tokens():
    problem = PROBLEMS[Reason.MALFORMED_TOKEN]

    assert all(hint_for(make(name), problem, None) for name in providers.__all__)


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("opaque", ({}, None)),
        ("a.b.c.d.e", ({}, None)),
        ("e30.e30.", ({}, {})),
        ("eyJ0eXAiOiJKV1QifQ.eyJpc3MiOiJhIn0.x", ({"typ": "JWT"}, {"iss": "a"})),
        ("!.W10.x", ({}, {})),
    ],
)
def test_header_and_claims_of_an_unverified_token(token, expected):
    assert read_unverified(token) == expected


def test_the_hint_is_about_the_issuer_of_the_verified_token(caplog):
    google, entra = make("google"), make("entra")
    issuer = Issuer(entra.issuer, entra.audiences[0], algorithm="RS256")
    guard = Guard(issuers=[google, entra], transport=issuer.handle, clock=issuer.clock.clock)
    token = issuer.token(None, roles=["user:read"], header={"typ": "JWT"})

    with caplog.at_level(logging.INFO, "iiniit_guard"):
        ask(guard, token, "user:read")

    assert "check: the token has roles" in caplog.messages[-1]
