"""Presets: the settings that they fill in."""

from __future__ import annotations

import pytest

from iiniit_guard import BearerToken, TrustedIssuer, providers
from iiniit_guard.core.jose.jws import ALGORITHMS
from tests.unit.providers.making import APP, LEAST, TENANT, make

LOGIN = "https://login.microsoftonline.com"
URL = "https://acme.projects.oryapis.com"


@pytest.mark.parametrize("preset", LEAST)
def test_a_preset_makes_no_check_insecure(preset):
    made = make(preset)

    insecure = {name for name in TrustedIssuer.__slots__ if name.startswith("insecure_")}
    assert len(insecure) == 4
    assert not any(getattr(made, name) for name in insecure)
    assert made.preset == preset
    assert set(made.algorithms) <= set(ALGORITHMS)
    profile = "jwt-svid" if preset == "spiffe" else "generic"
    assert (made.jwt, made.profile, made.introspection) == ("verify", profile, None)


def test_every_preset_is_tested():
    assert sorted(LEAST) == providers.__all__


@pytest.mark.parametrize(
    ("preset", "more", "expected"),
    [
        ("keycloak", {}, ("https://sso.test/realms/acme", ("api",))),
        (
            "keycloak",
            {"url": "https://a.test/auth/"},
            ("https://a.test/auth/realms/acme", ("api",)),
        ),
        (
            "keycloak",
            {"url": "http://127.0.0.1:8080"},
            ("http://127.0.0.1:8080/realms/acme", ("api",)),
        ),
        ("keycloak", {"realm": "a%20b"}, ("https://sso.test/realms/a%20b", ("api",))),
        ("entra", {}, (f"{LOGIN}/{TENANT}/v2.0", (APP,))),
        ("entra", {"audience": "x"}, (f"{LOGIN}/{TENANT}/v2.0", (APP, "x"))),
        (
            "entra",
            {"token_version": 1},
            (f"https://sts.windows.net/{TENANT}/", (APP, f"api://{APP}")),
        ),
        (
            "entra",
            {"token_version": 1, "app_id_uri": "api://orders"},
            (f"https://sts.windows.net/{TENANT}/", (APP, "api://orders")),
        ),
        ("spiffe", {}, ("spiffe://example.org", ("api",))),
        ("auth0", {}, ("https://acme.eu.auth0.com/", ("api",))),
        ("auth0", {"audience": ["a", "b"]}, ("https://acme.eu.auth0.com/", ("a", "b"))),
        ("okta", {}, ("https://acme.okta.com/oauth2/default", ("api://default",))),
        ("okta", {"server": "aus1A"}, ("https://acme.okta.com/oauth2/aus1A", ("api://default",))),
        ("cognito", {}, ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC", ("a", "b"))),
        (
            "cognito",
            {"client_ids": (), "audience": "api"},
            ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC", ("api",)),
        ),
        ("google", {}, ("https://accounts.google.com", ("https://api.test",))),
        ("zitadel", {}, ("https://acme.zitadel.test", ("224",))),
        ("zitadel", {"domain": "id.test:8443"}, ("https://id.test:8443", ("224",))),
        ("zitadel", {"audience": ["web"]}, ("https://acme.zitadel.test", ("224", "web"))),
        ("ory", {}, (URL, ("api",))),
        ("ory", {"project": None, "url": "https://hydra.test/"}, ("https://hydra.test/", ("api",))),
    ],
)
def test_issuer_and_audience(preset, more, expected):
    made = make(preset, **more)

    assert (made.issuer, made.audience) == expected


@pytest.mark.parametrize(
    ("preset", "more", "setting", "value"),
    [
        (
            "keycloak",
            {},
            "metadata_url",
            "https://sso.test/realms/acme/.well-known/openid-configuration",
        ),
        ("keycloak", {}, "scope_claims", ()),
        ("keycloak", {"roles": True}, "scope_claims", (("realm_access", "roles"),)),
        (
            "keycloak",
            {"client_roles": "a.b"},
            "scope_claims",
            (("resource_access", "a.b", "roles"),),
        ),
        (
            "keycloak",
            {"roles": True, "scope_claims": ["groups"]},
            "scope_claims",
            ("groups", ("realm_access", "roles")),
        ),
        ("keycloak", {"metadata_url": "https://in.test/m"}, "metadata_url", "https://in.test/m"),
        ("entra", {}, "metadata_url", f"{LOGIN}/{TENANT}/v2.0/.well-known/openid-configuration"),
        (
            "entra",
            {"token_version": 1},
            "metadata_url",
            f"{LOGIN}/{TENANT}/.well-known/openid-configuration",
        ),
        ("entra", {}, "scope_prefix", f"api://{APP}/"),
        ("entra", {"app_id_uri": "api://orders/"}, "scope_prefix", "api://orders/"),
        ("entra", {}, "key_issuers", ()),
        (
            "entra",
            {"shared_keys": True},
            "key_issuers",
            (f"{LOGIN}/{TENANT}/v2.0", LOGIN + "/{tenantid}/v2.0"),
        ),
        ("entra", {"shared_keys": True}, "jwks_uri", f"{LOGIN}/common/discovery/v2.0/keys"),
        ("entra", {"shared_keys": True, "jwks_file": "/k"}, "jwks_uri", None),
        ("entra", {}, "algorithms", ("RS256",)),
        ("auth0", {}, "metadata_url", "https://acme.eu.auth0.com/.well-known/openid-configuration"),
        ("auth0", {"roles": True}, "scope_claims", (("permissions",),)),
        ("auth0", {"organization": "org_1"}, "required_claims", {"org_id": ("org_1",)}),
        (
            "auth0",
            {"organization": "org_1", "require_claim": {"a": 1}},
            "required_claims",
            {"a": (1,), "org_id": ("org_1",)},
        ),
        ("okta", {}, "metadata_url", None),
        ("okta", {"algorithms": ["ES256"]}, "algorithms", ("ES256",)),
        ("cognito", {}, "audience_claim", "client_id"),
        ("cognito", {}, "required_claims", {"token_use": ("access",)}),
        ("cognito", {"audience": "api"}, "audience_claim", "aud"),
        (
            "cognito",
            {"audience": "api"},
            "required_claims",
            {"token_use": ("access",), "client_id": ("a", "b")},
        ),
        (
            "cognito",
            {"audience": "api", "client_ids": []},
            "required_claims",
            {"token_use": ("access",)},
        ),
        ("google", {}, "jwks_uri", "https://www.googleapis.com/oauth2/v3/certs"),
        ("google", {}, "required_claims", {"email": ("a@b.test",), "email_verified": (True,)}),
        (
            "zitadel",
            {"roles": True},
            "scope_claims",
            (("urn:zitadel:iam:org:project:224:roles", "*"),),
        ),
        ("ory", {}, "jwks_uri", f"{URL}/.well-known/jwks.json"),
        ("ory", {"jwks_file": "/k"}, "jwks_uri", None),
        (
            "ory",
            {"project": None, "url": "https://hydra.test/"},
            "jwks_uri",
            "https://hydra.test/.well-known/jwks.json",
        ),
        (
            "ory",
            {"introspection": BearerToken("k")},
            "introspection_endpoint",
            f"{URL}/admin/oauth2/introspect",
        ),
        ("ory", {"introspection": BearerToken("k")}, "token_prefix", "ory_at_"),
        ("ory", {}, "token_prefix", None),
        (
            "ory",
            {"introspection": BearerToken("k"), "token_prefix": "acme_"},
            "token_prefix",
            "acme_",
        ),
        ("ory", {"roles": True}, "scope_claims", (("ext", "roles"),)),
    ],
)
def test_other_settings(preset, more, setting, value):
    assert getattr(make(preset, **more), setting) == value
