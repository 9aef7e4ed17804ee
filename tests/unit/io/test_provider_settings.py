"""Presets in the environment and in TOML: `provider` and its parameters."""

from __future__ import annotations

from typing import Any

import pytest

from iiniit_guard import BearerToken, Guard, SettingsError, providers
from iiniit_guard.core.settings.guard_settings import make_settings
from iiniit_guard.io.provider_settings import (
    PROVIDER_FLAGS,
    PROVIDER_LISTS,
    PROVIDER_NAMES,
    PROVIDER_NUMBERS,
)
from iiniit_guard.io.settings import settings_from_env, settings_from_file, settings_from_table

TENANT = "11111111-2222-3333-4444-555555555555"
APP = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"

# The text in the environment, and the issuer that it makes. Every parameter is here.
FORMS: list[tuple[dict[str, str], Any]] = [
    (
        {
            "provider": "keycloak",
            "provider_url": "https://sso.test",
            "provider_realm": "acme",
            "provider_roles": "true",
            "provider_client_roles": "a b.c",
            "audience": "api other",
        },
        providers.keycloak(
            "https://sso.test",
            realm="acme",
            audience=["api", "other"],
            roles=True,
            client_roles=["a", "b.c"],
        ),
    ),
    (
        {
            "provider": "entra",
            "provider_tenant": TENANT,
            "provider_client_id": APP,
            "provider_app_id_uri": "api://orders",
            "provider_token_version": "2",
            "provider_shared_keys": "true",
        },
        providers.entra(TENANT, client_id=APP, app_id_uri="api://orders", shared_keys=True),
    ),
    (
        {
            "provider": "auth0",
            "provider_domain": "acme.eu.auth0.com",
            "provider_organization": "org_1",
            "audience": "api",
        },
        providers.auth0("acme.eu.auth0.com", audience="api", organization="org_1"),
    ),
    (
        {
            "provider": "okta",
            "provider_domain": "acme.okta.com",
            "provider_server": "default",
            "audience": "api://default",
            "clock_leeway_seconds": "5",
        },
        providers.okta(
            "acme.okta.com", server="default", audience="api://default", clock_leeway_seconds=5
        ),
    ),
    (
        {
            "provider": "spiffe",
            "provider_trust_domain": "example.org",
            "provider_bundle": "https://spire.test/keys",
            "audience": "api",
        },
        providers.spiffe("example.org", audience="api", bundle="https://spire.test/keys"),
    ),
    (
        {
            "provider": "cognito",
            "provider_user_pool": "eu-west-1_AbC",
            "provider_region": "eu-west-1",
            "provider_client_ids": "a b",
        },
        providers.cognito("eu-west-1_AbC", region="eu-west-1", client_ids=["a", "b"]),
    ),
    (
        {"provider": "google", "provider_emails": "a@b.test c@d.test", "audience": "api"},
        providers.google(audience="api", emails=["a@b.test", "c@d.test"]),
    ),
    (
        {
            "provider": "ory",
            "provider_project": "acme",
            "audience": "api",
            "introspection_client_auth": "bearer",
            "introspection_token": "key",
        },
        providers.ory(project="acme", audience="api", introspection=BearerToken("key")),
    ),
]
KEYCLOAK = dict(list(FORMS[0][0].items())[:3])


def environ_of(table):
    return {f"IINIIT_GUARD_{name.upper()}": value for name, value in table.items()}


def in_toml(name, text):
    if name in PROVIDER_LISTS or name == "audience":
        return text.split()
    if name in PROVIDER_FLAGS:
        return text == "true"
    return int(text) if name in PROVIDER_NUMBERS or name.endswith("_seconds") else text


def faults(read, *arguments):
    with pytest.raises(SettingsError) as raised:
        read(*arguments)
    return list(raised.value.faults)


def named(read, *arguments):
    return [fault.partition(":")[0] for fault in faults(read, *arguments)]


def test_every_parameter_is_tested():
    assert {name for text, _ in FORMS for name in text} >= PROVIDER_NAMES


@pytest.mark.parametrize(("text", "expected"), FORMS, ids=lambda each: str(each)[:24])
def test_the_forms_make_the_same_issuer(text, expected):
    table = {name: in_toml(name, value) for name, value in text.items()}
    above = {"issuers_max_age_seconds": 5}

    for keywords in (
        settings_from_env(environ_of(text)),
        settings_from_table({**above, **table}),
        settings_from_table({"issuers": [table]}),
    ):
        (made,) = keywords["issuers"]
        assert made == expected
        assert made.preset == expected.preset
        assert make_settings(keywords).issuers == (expected,)


def test_several_providers_in_a_file(tmp_path):
    path = tmp_path / "guard.toml"
    path.write_text(
        'realm = "mine"\n'
        '[[issuers]]\nprovider = "okta"\nprovider_domain = "acme.okta.com"\n'
        'provider_server = "default"\naudience = "api://default"\n'
        '[[issuers]]\nissuer = "https://a.test"\naudience = "api"\n',
        "utf-8",
    )

    keywords = settings_from_file(path)

    assert [issuer.issuer for issuer in keywords["issuers"]] == [
        "https://acme.okta.com/oauth2/default",
        "https://a.test",
    ]
    assert keywords["realm"] == "mine"
    assert isinstance(Guard.from_file(path), Guard)


def test_more_completes_a_preset():
    keywords = settings_from_env(environ_of(KEYCLOAK), {"audience": "api", "realm": "mine"})

    assert keywords["issuers"] == [
        providers.keycloak("https://sso.test", realm="acme", audience="api")
    ]
    assert keywords["realm"] == "mine"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"provider": "keycloke"}, ["provider"]),
        ({"provider": ["keycloak"]}, ["provider"]),
        ({"provider_realm": "acme"}, ["provider"]),
        ({"provider": "okta", "provider_planet": "x"}, ["provider_planet", "provider_domain",
                                                        "provider_server", "audience"]),
        (KEYCLOAK, ["audience"]),
        ({**KEYCLOAK, "audience": "api", "provider_tenant": TENANT}, ["provider_tenant"]),
        ({**KEYCLOAK, "audience": "account"}, ["audience"]),
        ({**KEYCLOAK, "audience": "api", "provider_realm": "a/b"}, ["provider_realm"]),
        ({**KEYCLOAK, "audience": "api", "provider_url": 1}, ["provider_url"]),
        ({**KEYCLOAK, "audience": "api", "issuer": "https://a.test"}, ["issuer"]),
        ({**KEYCLOAK, "audience": "api", "jwt": "both"}, ["introspection"]),
        ({**KEYCLOAK, "audience": "a", "provider_url": 1, "max_token_bytes": 0},
         ["provider_url", "max_token_bytes"]),
        ({**KEYCLOAK, "audience": "a", "introspection_client_auth": "x", "jwt": "both"},
         ["introspection_client_auth"]),
        ({**KEYCLOAK, "preset": "okta"}, ["preset", "audience"]),
    ],
)  # fmt: skip
def test_a_fault_has_the_name_of_the_text_form(table, expected):
    found = named(settings_from_table, table)

    assert found == expected


def test_a_fault_in_a_table_of_several_names_its_number():
    found = faults(settings_from_table, {"issuers": [{**KEYCLOAK, "provider_realm": "a/b"}]})

    assert [fault.partition(": ")[0] for fault in found] == ["issuers, number 1"]
    found = faults(settings_from_table, {"issuers": [KEYCLOAK | {"audience": "account"}]})
    assert found[0].startswith("issuers, number 1: audience: account")


def test_a_preset_above_a_table_of_several_is_refused():
    table = {"issuer": "https://a.test", "audience": "api"}

    assert named(settings_from_table, {**KEYCLOAK, "issuers": [table]}) == list(KEYCLOAK)


def test_the_environment_checks_the_types():
    text = {**FORMS[1][0], "provider_token_version": "two", "provider_shared_keys": "1"}

    assert named(settings_from_env, environ_of(text))[:2] == [
        "provider_token_version",
        "provider_shared_keys",
    ]
