"""The least parameters of each preset, and the issuer or the faults that parameters make."""

from __future__ import annotations

from typing import Any

import pytest

from iiniit_guard import SettingsError, TrustedIssuer, providers

TENANT = "11111111-2222-3333-4444-555555555555"
APP = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"

# The least parameters of each preset.
LEAST: dict[str, dict[str, Any]] = {
    "keycloak": {"url": "https://sso.test", "realm": "acme", "audience": "api"},
    "entra": {"tenant": TENANT, "client_id": APP},
    "auth0": {"domain": "acme.eu.auth0.com", "audience": "api"},
    "okta": {"domain": "acme.okta.com", "server": "default", "audience": "api://default"},
    "cognito": {"user_pool": "eu-west-1_AbC", "region": "eu-west-1", "client_ids": ["a", "b"]},
    "google": {"audience": "https://api.test", "emails": ["a@b.test"]},
    "zitadel": {"domain": "acme.zitadel.test", "project": "224"},
    "ory": {"project": "acme", "audience": "api"},
    "spiffe": {
        "trust_domain": "example.org",
        "audience": "api",
        "bundle": "https://spire.test/keys",
    },
}


def make(preset: str, /, **more: Any) -> TrustedIssuer:
    made = getattr(providers, preset)(**{**LEAST[preset], **more})
    assert isinstance(made, TrustedIssuer)
    return made


def faults(preset: str, /, **more: Any) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        make(preset, **more)
    return list(raised.value.faults)


def named(preset: str, /, **more: Any) -> list[str]:
    return [fault.partition(":")[0] for fault in faults(preset, **more)]
