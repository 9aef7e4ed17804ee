"""Presets: the parameters and settings that they refuse."""

from __future__ import annotations

import pytest

from iiniit_guard import ClientSecretBasic
from tests.unit.providers.making import TENANT, faults, named

CLIENT = ClientSecretBasic("api", "secret")


@pytest.mark.parametrize(
    ("preset", "more", "expected"),
    [
        ("keycloak", {"url": "https://sso.test/realms/acme"}, ["url"]),
        ("keycloak", {"url": "https://sso.test?a"}, ["url"]),
        ("keycloak", {"url": "http://sso.test"}, ["url"]),
        ("keycloak", {"url": None}, ["url"]),
        ("keycloak", {"url": None, "insecure_http_hosts": 1}, ["url", "insecure_http_hosts"]),
        ("keycloak", {"realm": "a/b"}, ["realm"]),
        ("keycloak", {"realm": ".."}, ["realm"]),
        ("keycloak", {"realm": ""}, ["realm"]),
        ("keycloak", {"audience": ["account", "api"]}, ["audience"]),
        ("keycloak", {"audience": ()}, ["audience"]),
        ("keycloak", {"audience": None}, ["audience"]),
        ("keycloak", {"roles": "yes"}, ["roles"]),
        ("keycloak", {"client_roles": [1]}, ["client_roles"]),
        ("keycloak", {"issuer": "https://a.test"}, ["issuer"]),
        ("keycloak", {"preset": "okta"}, ["preset"]),
        ("keycloak", {"tenant": "a"}, ["tenant"]),
        ("keycloak", {"tenant": "a", "jwt": "never"}, ["tenant", "jwt"]),
        ("keycloak", {"roles": True, "scope_claims": "groups"}, ["scope_claims"]),
        ("entra", {"tenant": "common"}, ["tenant"]),
        ("entra", {"tenant": TENANT.replace("1", "A")}, ["tenant"]),
        ("entra", {"client_id": "orders"}, ["client_id"]),
        ("entra", {"app_id_uri": "orders"}, ["app_id_uri"]),
        ("entra", {"app_id_uri": "api://a b"}, ["app_id_uri"]),
        ("entra", {"app_id_uri": 1}, ["app_id_uri"]),
        ("entra", {"token_version": 3}, ["token_version"]),
        ("entra", {"token_version": True}, ["token_version"]),
        ("entra", {"token_version": 1, "shared_keys": True}, ["shared_keys"]),
        ("entra", {"introspection": CLIENT}, ["introspection"]),
        ("entra", {"scope_prefix": "x"}, ["scope_prefix"]),
        ("entra", {"shared_keys": True, "key_issuers": ["x"]}, ["key_issuers"]),
        ("auth0", {"domain": "https://acme.eu.auth0.com"}, ["domain"]),
        ("auth0", {"domain": "acme.eu.auth0.com/"}, ["domain"]),
        ("auth0", {"domain": "Acme.eu.auth0.com"}, ["domain"]),
        ("auth0", {"domain": "a@b.test"}, ["domain"]),
        ("auth0", {"audience": "https://acme.eu.auth0.com/userinfo"}, ["audience"]),
        ("auth0", {"introspection": CLIENT}, ["introspection"]),
        ("auth0", {"organization": ""}, ["organization"]),
        ("auth0", {"organization": "o", "require_claim": {"org_id": "p"}}, ["require_claim"]),
        ("auth0", {"organization": "o", "require_claim": {"a": None}}, ["require_claim"]),
        ("okta", {"server": ""}, ["server"]),
        ("okta", {"server": None}, ["server"]),
        ("okta", {"domain": "acme.okta.com/oauth2"}, ["domain"]),
        ("cognito", {"client_ids": ()}, ["client_ids"]),
        ("cognito", {"region": "eu-west-2"}, ["user_pool"]),
        ("cognito", {"region": "Ireland"}, ["region"]),
        ("cognito", {"user_pool": "AbC"}, ["user_pool"]),
        ("cognito", {"require_claim": {"token_use": "id"}}, ["require_claim"]),
        ("cognito", {"audience_claim": "aud"}, ["audience_claim"]),
        ("cognito", {"introspection": CLIENT}, ["introspection"]),
        ("google", {"emails": ()}, ["emails"]),
        ("google", {"emails": "*"}, ["emails"]),
        ("google", {"introspection": CLIENT}, ["introspection"]),
        ("google", {"require_claim": {"email": "x@b.test"}}, ["require_claim"]),
        ("zitadel", {"project": None}, ["project"]),
        ("ory", {"project": None}, ["project"]),
        ("ory", {"project": ""}, ["project"]),
        ("ory", {"project": "a.evil.test/"}, ["project"]),
        ("ory", {"url": "https://hydra.test"}, ["project"]),
        ("ory", {"project": None, "url": "http://hydra.test"}, ["url"]),
        (
            "ory",
            {"project": None, "url": "https://hydra.test", "introspection": CLIENT},
            ["introspection_endpoint"],
        ),
    ],
)
def test_a_fault_names_its_parameter(preset, more, expected):
    assert named(preset, **more) == expected


def test_all_faults_are_reported_together():
    assert named("keycloak", url=1, realm="", audience="account", jwt="x") == [
        "url",
        "realm",
        "audience",
        "jwt",
    ]


def test_no_fault_shows_a_secret():
    secret = ClientSecretBasic("api", "the secret")

    assert "the secret" not in " ".join(faults("entra", introspection=secret, tenant="x"))
