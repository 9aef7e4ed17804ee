"""Credentials in text form: assembled from several settings."""

from __future__ import annotations

from typing import Any

import pytest

from iiniit_guard.core.issuer.client_authentication import (
    BearerToken,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
    SecretFile,
    TlsClient,
)
from iiniit_guard.errors import SettingsError
from iiniit_guard.io.settings import settings_from_env, settings_from_table

BASE = {"issuer": "https://issuer.test", "audience": "https://api.test"}

ID, KEY_FILE = "introspection_client_id", "introspection_private_key_file"
CREDENTIALS: list[tuple[dict[str, str], Any]] = [
    ({ID: "api", "introspection_client_secret": "s"}, ClientSecretBasic("api", "s")),
    (
        {ID: "api", "introspection_client_secret_file": "/s"},
        ClientSecretBasic("api", SecretFile("/s")),
    ),
    (
        {
            "introspection_client_auth": "client_secret_basic",
            ID: "api",
            "introspection_client_secret": "s",
        },
        ClientSecretBasic("api", "s"),
    ),
    (
        {
            "introspection_client_auth": "client_secret_post",
            ID: "api",
            "introspection_client_secret": "s",
        },
        ClientSecretPost("api", "s"),
    ),
    (
        {
            "introspection_client_auth": "client_secret_post",
            ID: "api",
            "introspection_client_secret_file": "/s",
        },
        ClientSecretPost("api", SecretFile("/s")),
    ),
    (
        {"introspection_client_auth": "private_key_jwt", ID: "api", KEY_FILE: "/k"},
        PrivateKeyJwt("api", SecretFile("/k"), "ES256"),
    ),
    (
        {
            "introspection_client_auth": "private_key_jwt",
            ID: "api",
            KEY_FILE: "/k",
            "introspection_algorithm": "PS256",
        },
        PrivateKeyJwt("api", SecretFile("/k"), "PS256"),
    ),
    (
        {
            "introspection_client_auth": "private_key_jwt",
            ID: "api",
            KEY_FILE: "/k",
            "introspection_key_id": "k-1",
            "introspection_audience": "https://issuer.test/token",
        },
        PrivateKeyJwt("api", SecretFile("/k"), "ES256", "https://issuer.test/token", "k-1"),
    ),
    (
        {
            "introspection_client_auth": "tls_client_auth",
            ID: "api",
            "introspection_certificate_file": "/c",
            "introspection_key_file": "/k",
        },
        TlsClient("api", "/c", "/k"),
    ),
    ({"introspection_client_auth": "bearer", "introspection_token": "t"}, BearerToken("t")),
    (
        {"introspection_client_auth": "bearer", "introspection_token_file": "/t"},
        BearerToken(SecretFile("/t")),
    ),
]


def environ_of(table):
    return {f"IINIIT_GUARD_{name.upper()}": value for name, value in table.items()}


def faults(function, *arguments):
    with pytest.raises(SettingsError) as raised:
        function(*arguments)
    return raised.value.faults


def named(function, *arguments):
    return sorted(fault.partition(":")[0] for fault in faults(function, *arguments))


@pytest.mark.parametrize(
    ("parts", "method"), CREDENTIALS, ids=[" ".join(parts.values()) for parts, _ in CREDENTIALS]
)
def test_credentials_are_made_of_their_parts(parts, method):
    assert settings_from_env(environ_of({**BASE, **parts}))["introspection"] == method
    assert settings_from_table({**BASE, **parts})["introspection"] == method
    (issuer,) = settings_from_table({"issuers": [{**BASE, **parts}]})["issuers"]
    assert issuer.introspection == method


@pytest.mark.parametrize(
    ("parts", "token"),
    [
        ({"discovery_token": "t"}, BearerToken("t")),
        ({"discovery_token_file": "/t"}, BearerToken(SecretFile("/t"))),
    ],
)
def test_the_token_for_discovery_is_made_of_its_part(parts, token):
    assert settings_from_env(environ_of({**BASE, **parts}))["discovery_authentication"] == token
    (issuer,) = settings_from_table({"issuers": [{**BASE, **parts}]})["issuers"]
    assert issuer.discovery_authentication == token
    assert issuer.introspection is None


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ({"discovery_token": "t", "discovery_token_file": "/t"}, ["discovery_token_file"]),
        ({"discovery_token": ""}, ["discovery_token"]),
        ({"discovery_token_file": 1}, ["discovery_token_file"]),
    ],
)
def test_faults_of_the_token_for_discovery(parts, wanted):
    assert named(settings_from_table, {**BASE, **parts}) == wanted


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ({"introspection_client_auth": "magic"}, ["introspection_client_auth"]),
        ({"introspection_algorithm": "ES256"}, ["introspection_client_auth"]),
        ({"introspection_token": "t"}, ["introspection_client_auth"]),
        ({ID: "api"}, ["introspection_client_secret"]),
        ({"introspection_client_auth": "private_key_jwt"}, [ID, KEY_FILE]),
        (
            {"introspection_client_auth": "tls_client_auth", ID: "a"},
            ["introspection_certificate_file", "introspection_key_file"],
        ),
        ({"introspection_client_auth": "bearer"}, ["introspection_token"]),
        (
            {ID: "api", "introspection_client_secret": "s", "introspection_token": "t"},
            ["introspection_token"],
        ),
        (
            {
                ID: "api",
                "introspection_client_secret": "s",
                "introspection_client_secret_file": "/s",
            },
            ["introspection_client_secret"],
        ),
        (
            {
                "introspection_client_auth": "bearer",
                "introspection_token": "t",
                ID: "api",
                KEY_FILE: "/k",
            },
            [ID, KEY_FILE],
        ),
    ],
)
def test_parts_that_are_missing_or_of_no_use(parts, wanted):
    assert named(settings_from_env, environ_of({**BASE, **parts})) == wanted
    assert named(settings_from_table, {**BASE, "jwt": "introspect", **parts}) == wanted, (
        "what follows from it is not said too"
    )


def test_a_part_that_is_no_text():
    assert named(settings_from_table, {**BASE, ID: 1, "introspection_client_secret": ""}) == [
        ID,
        "introspection_client_secret",
    ]
