"""Faults of settings from the environment and from TOML: all named, none with a secret."""

from __future__ import annotations

import pytest

from iiniit_guard.core.settings.guard_settings import make_settings
from iiniit_guard.io.settings import (
    settings_from_env,
    settings_from_file,
    settings_from_table,
)
from tests.unit.io.test_settings import BESIDE, environ_of, faults, named, write

ISSUER, API = "https://issuer.test", "https://api.test"
BASE = {"issuer": ISSUER, "audience": API}


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("scope_aliases", "{"),
        ("require_claim", "canary"),
        ("event_subject", "canary"),
        ("insecure_query_token", "1"),
        ("max_token_bytes", "1.5"),
        ("max_cached_tokens", "canary"),
        ("timeout_seconds", "5s"),
        ("timeout_seconds", "canary"),
        ("timeout_seconds", "nan"),
        ("inactive_seconds", "inf"),
        ("scope_implies", "[]"),
        ("require_claim", ""),
        ("require_claim", " "),
        ("require_claim", "{"),
        ("require_claim", '["canary"]'),
        ("require_claim", '{"tenant": null}'),
        ("require_claim", '{"tenant": ""}'),
        ("require_claim", '{"tenant": NaN}'),
        ("require_claim", '{"tenant": "canary", "tenant": "x"}'),
        ("algorithms", ""),
        ("algorithms", "  "),
        ("profile", ""),
        ("scope_claims", '["canary"'),
        ("scope_claims", '["canary", [null]]'),
        ("insecure_accept_id_tokens", "canary"),
        ("jwt", "canary"),
        ("store_secret", "canary"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named_without_its_value(name, written):
    environ = environ_of({**BASE, **BESIDE.get(name, {}), name: written})
    found = faults(lambda: make_settings(settings_from_env(environ)))
    assert [fault.partition(":")[0] for fault in found] == [name]
    assert "canary" not in str(found)


@pytest.mark.parametrize(
    "name",
    [
        "issuers",
        "on_event",
        "validators",
        "alternatives",
        "issuer_resolver",
        "introspection",
        "audiance",
    ],
)
def test_unknown_names_are_faults_in_the_environment(name):
    assert named(settings_from_env, environ_of({**BASE, name: "x"})) == [name]


@pytest.mark.parametrize("name", ["on_event", "validators", "introspection", "audiance", "store"])
def test_unknown_names_are_faults_in_a_file(name):
    assert named(settings_from_table, {**BASE, name: "x"}) == [name]


def test_all_faults_are_reported_together():
    """Faults of the text and of the values are reported together, so one correction fixes all."""
    table = {
        "issuer": ISSUER,
        "timeout_seconds": "soon",
        "jwt": "maybe",
        "realm": "\x7f",
        "audiance": API,
        "introspection_client_id": "api",
    }
    assert named(settings_from_env, environ_of(table)) == [
        "audiance",
        "audience",
        "introspection_client_secret",
        "jwt",
        "realm",
        "timeout_seconds",
    ]


def test_the_faults_of_each_issuer_say_which_one_it_is():
    tables = [
        {"audience": API, "jwt": "maybe"},
        BASE,
        {**BASE, "realm": "x", "introspection_client_id": "api"},
    ]
    found = faults(settings_from_table, {"issuers": tables, "max_token_bytes": 0, "x": 1})
    assert [fault.rpartition(": ")[0] for fault in found] == [
        "x",
        "issuers, number 1: issuer",
        "issuers, number 1: jwt",
        "issuers, number 3: realm",
        "issuers, number 3: introspection_client_secret",
        "max_token_bytes",
    ]


@pytest.mark.parametrize("issuers", ["x", {}, [1], [[]]])
def test_issuers_that_are_no_tables(issuers):
    assert named(settings_from_table, {"issuers": issuers, "realm": ""}) == ["issuers", "realm"]


def test_a_file_that_is_no_toml_is_told_with_its_place(tmp_path):
    path = write(tmp_path, 'issuer = "https://issuer.test"\naudience = [\n')
    (fault,) = faults(settings_from_file, path)
    assert fault.startswith(f"{path}: line 3, column 1: ")


def test_no_secret_in_any_fault():
    table = {
        **BASE,
        "jwt": "canary",
        "realm": "canary\x7f",
        "introspection_client_auth": "bearer",
        "introspection_token": "canary",
        "introspection_client_secret": "canary",
        "http_proxy": "http://u:canary\x7f@p.test",
        "store_url": "http://:canary@s.test",
        "store_secret": "canary",
        "metadata_url": "https://u:canary@a.test",
        "scope_aliases": "canary",
    }
    assert len(found := faults(settings_from_env, environ_of(table))) >= 5
    assert "canary" not in str(found)
