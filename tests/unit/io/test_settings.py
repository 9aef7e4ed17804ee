"""Settings from the environment and from TOML; each fault is reported without secrets."""

from __future__ import annotations

from typing import Any

import pytest

from iiniit_guard.core.issuer.client_authentication import ClientSecretBasic, SecretFile
from iiniit_guard.core.settings.guard_settings import GUARD_SETTINGS, ISSUER_SETTINGS, make_settings
from iiniit_guard.errors import SettingsError
from iiniit_guard.io.settings import (
    GATEWAY_TABLES,
    settings_from_env,
    settings_from_file,
    settings_from_table,
)

ISSUER, API = "https://issuer.test", "https://api.test"
BASE = {"issuer": ISSUER, "audience": API}
SECRET = "s" * 32
# Callables.
ONLY_PYTHON = {"on_event", "on_call", "error_body", "validators", "alternatives", "issuer_resolver"}
STATUS = ["https://a.b", "https://c.d"]

# Setting → text in the environment, value in TOML, value of the keyword. All must be here.
FORMS: dict[str, tuple[str, str, Any]] = {
    "issuer": (ISSUER, f'"{ISSUER}"', ISSUER),
    "audience": (f"{API} x", f'["{API}", "x"]', [API, "x"]),
    "metadata_url": ("https://a.test/m", '"https://a.test/m"', "https://a.test/m"),
    "jwks_uri": ("https://a.test/k", '"https://a.test/k"', "https://a.test/k"),
    "jwks_file": ("/keys.json", '"/keys.json"', "/keys.json"),
    "introspection_endpoint": ("https://a.test/i", '"https://a.test/i"', "https://a.test/i"),
    "jwt": ("introspect", '"introspect"', "introspect"),
    "algorithms": ("ES256 RS256", '["ES256", "RS256"]', ["ES256", "RS256"]),
    "profile": ("rfc9068", '"rfc9068"', "rfc9068"),
    "audience_claim": ("client_id", '"client_id"', "client_id"),
    "audience_exclusive": ("true", "true", True),
    "client_id_claims": ("azp  cid", '["azp", "cid"]', ["azp", "cid"]),
    "token_id_claims": ("uti jti", '["uti", "jti"]', ["uti", "jti"]),
    "scope_claims": ("roles  permissions", '["roles", "permissions"]', ["roles", "permissions"]),
    "scope_aliases": (
        '{"profile": "user:read"}',
        '{profile = "user:read"}',
        {"profile": "user:read"},
    ),
    "scope_implies": (
        '{"user:write": ["user:read"]}',
        '{"user:write" = ["user:read"]}',
        {"user:write": ["user:read"]},
    ),
    "scope_prefix": ("api://a/", '"api://a/"', "api://a/"),
    "require_claim": ('{"tenant": ["a", 1]}', '{tenant = ["a", 1]}', {"tenant": ["a", 1]}),
    "expiry_leeway_seconds": ("0", "0", 0),
    "clock_leeway_seconds": ("1.5", "1.5", 1.5),
    "revocation_delay_seconds": ("5", "5", 5),
    "inactive_seconds": ("2", "2", 2),
    "key_issuers": ("https://a.test b", '["https://a.test", "b"]', ["https://a.test", "b"]),
    "keys_max_age_seconds": ("60", "60", 60),
    "keys_cooldown_seconds": ("10", "10", 10),
    "keys_stale_seconds": ("0", "0", 0),
    "connect_timeout_seconds": ("0.5", "0.5", 0.5),
    "timeout_seconds": ("3", "3", 3),
    "ca_file": ("/ca.pem", '"/ca.pem"', "/ca.pem"),
    "http_proxy": ("http://p.test", '"http://p.test"', "http://p.test"),
    "http_headers": ('{"User-Agent": "a/1"}', '{User-Agent = "a/1"}', {"User-Agent": "a/1"}),
    "token_prefix": ("one_", '"one_"', "one_"),
    "insecure_accept_missing_audience": ("TRUE", "true", True),
    "insecure_accept_id_tokens": ("true", "true", True),
    "insecure_metadata_issuer": ("https://b.test", '"https://b.test"', "https://b.test"),
    "insecure_http_hosts": ("a.test", '["a.test"]', ["a.test"]),
    "issuers_max_age_seconds": ("5", "5", 5),
    "realm": ("mine", '"mine"', "mine"),
    "resource": (API, f'"{API}"', API),
    "resource_authorization_details_types": ("a b", '["a", "b"]', ["a", "b"]),
    "resource_scopes": (
        "user:read user:write",
        '["user:read", "user:write"]',
        ["user:read", "user:write"],
    ),
    "max_token_bytes": ("100", "100", 100),
    "max_cached_tokens": ("100", "100", 100),
    "max_cached_bytes": ("1000000", "1000000", 1_000_000),
    "event_subject": ("false", "false", False),
    "store_url": ("redis://s.test", '"redis://s.test"', "redis://s.test"),
    "store_secret": (SECRET, f'"{SECRET}"', SECRET),
    "client_certificate": ("tls", '"tls"', "tls"),
    "subject_prefix": ("user-", '"user-"', "user-"),
    "bound_tokens": ("required", '"required"', "required"),
    "client_certificate_header": ("X-Cert", '"X-Cert"', "X-Cert"),
    "introspection_signed": ("true", "true", True),
    "introspection_response_audience": ("a b", '["a", "b"]', ["a", "b"]),
    "status_list": ("required", '"required"', "required"),
    "status_list_origins": ("https://a.b https://c.d", '["https://a.b", "https://c.d"]', STATUS),
    "status_list_max_age_seconds": ("60", "60", 60),
    "token_header": ("X-Token", '"X-Token"', "X-Token"),
    "websocket_subprotocol_token": ("true", "true", True),
    "query_token": ("ignore", '"ignore"', "ignore"),
    "insecure_query_token": ("true", "true", True),
    "public_url": (API, f'"{API}"', API),
    "dpop": ("off", '"off"', "off"),
    "dpop_algorithms": ("ES256 EdDSA", '["ES256", "EdDSA"]', ["ES256", "EdDSA"]),
    "dpop_proof_age_seconds": ("300", "300", 300),
    "dpop_proof_ahead_seconds": ("300", "300", 300),
    "dpop_nonce": ("required", '"required"', "required"),
    "dpop_nonce_seconds": ("120", "120", 120),
    "dpop_nonce_secret": (SECRET, f'"{SECRET}"', SECRET),
    "max_dpop_proofs": ("1000", "1000", 1000),
    "trusted_proxies": ("10.0.0.0/8 unix", '["10.0.0.0/8", "unix"]', ["10.0.0.0/8", "unix"]),
}
BEARER = {"introspection_client_auth": "bearer", "introspection_token": "t"}
BESIDE: dict[str, dict[str, Any]] = {
    "status_list_origins": {"status_list": "check"},
    "introspection_signed": BEARER,
    "introspection_response_audience": {**BEARER, "introspection_signed": "true"},
    "client_certificate_header": {"client_certificate": "nginx", "trusted_proxies": '["unix"]'},
    "introspection_endpoint": BEARER,
    "jwt": BEARER,
    "insecure_accept_missing_audience": BEARER,
    "store_url": {"store_secret": SECRET},
    "store_secret": {"store_url": "redis://s.test"},
    "dpop_nonce": {"dpop_nonce_secret": SECRET},
}


def environ_of(table):
    return {f"IINIIT_GUARD_{name.upper()}": in_environ(value) for name, value in table.items()}


def in_environ(value):
    return value.removeprefix('["').removesuffix('"]') if value == '["unix"]' else value


def in_toml(value):
    return value if value in ("true", '["unix"]') else f'"{value}"'


def write(tmp_path, text):
    path = tmp_path / "guard.toml"
    path.write_text(text, "utf-8")
    return path


def faults(function, *arguments):
    with pytest.raises(SettingsError) as raised:
        function(*arguments)
    return raised.value.faults


def named(function, *arguments):
    return sorted(fault.partition(":")[0] for fault in faults(function, *arguments))


def test_every_setting_has_a_text_form():
    """The text form has the name of the keyword.

    Callables have no text form. `introspection` and `discovery_authentication` are set in parts.
    """
    in_parts = {"introspection", "discovery_authentication"}
    assert set(FORMS) | ONLY_PYTHON | in_parts == ISSUER_SETTINGS | GUARD_SETTINGS


@pytest.mark.parametrize("name", FORMS)
def test_in_the_environment(name):
    written, _, value = FORMS[name]
    keywords = settings_from_env(environ_of({**BASE, **BESIDE.get(name, {}), name: written}))
    assert keywords[name] == value
    assert type(keywords[name]) is type(value) or isinstance(keywords[name], float)
    assert make_settings(keywords)


@pytest.mark.parametrize("name", FORMS)
def test_in_a_file(name, tmp_path):
    _, written, value = FORMS[name]
    lines = {
        **{key: in_toml(text) for key, text in {**BASE, **BESIDE.get(name, {})}.items()},
        name: written,
    }
    keywords = settings_from_file(
        write(tmp_path, "".join(f"{key} = {text}\n" for key, text in lines.items()))
    )
    assert keywords[name] == value
    assert make_settings(keywords)


@pytest.mark.parametrize("name", sorted(FORMS.keys() & ISSUER_SETTINGS - {"issuer", "audience"}))
def test_in_a_file_with_several_issuers(name, tmp_path):
    _, written, value = FORMS[name]
    beside = "".join(
        f"{key} = {in_toml(text)}\n" for key, text in {**BASE, **BESIDE.get(name, {})}.items()
    )
    (issuer,) = settings_from_file(write(tmp_path, f"[[issuers]]\n{beside}{name} = {written}\n"))[
        "issuers"
    ]
    frozen = tuple(value) if isinstance(value, list) else value
    assert getattr(issuer, name) == (
        {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
        if isinstance(value, dict)
        else frozen
    )


def test_a_secret_of_the_store_in_a_file():
    store = {"store_url": "redis://s.test", "store_secret_file": "/run/secret"}
    for keywords in (
        settings_from_env(environ_of({**BASE, **store})),
        settings_from_table({**BASE, **store}),
    ):
        assert keywords["store_secret"] == SecretFile("/run/secret")
        assert "store_secret_file" not in keywords
        assert make_settings(keywords)
    assert named(settings_from_table, {**BASE, **store, "store_secret_file": 7}) == [
        "store_secret_file"
    ]
    assert named(settings_from_table, {**BASE, **store, "store_secret": SECRET}) == [
        "store_secret_file"
    ]


def test_an_empty_variable_counts_as_not_set_and_others_are_not_ours():
    environ = {
        **environ_of({**BASE, "realm": "", "jwt": ""}),
        "PATH": "/bin",
        "IINIIT": "x",
        "iiniit_guard_realm": "x",
    }
    assert settings_from_env(environ) == {"issuer": ISSUER, "audience": [API]}


@pytest.mark.parametrize("name", ["require_claim", "algorithms", "profile"])
@pytest.mark.parametrize("written", ["", "  "])
def test_an_empty_variable_does_not_drop_a_demand(name, written):
    assert named(settings_from_env, environ_of({**BASE, name: written})) == [name]


def test_paths_of_scopes_as_json():
    """A path through a claim name with dots or spaces is a list, so it needs JSON."""
    written = ' ["permissions", ["resource_access", "my client", "roles"]]'
    keywords = settings_from_env(environ_of({**BASE, "scope_claims": written}))
    assert keywords["scope_claims"] == ["permissions", ["resource_access", "my client", "roles"]]
    (issuer,) = make_settings(keywords).issuers
    assert issuer.scope_claims == ("permissions", ("resource_access", "my client", "roles"))


def test_tables_of_the_gateway_are_passed_over_in_a_file(tmp_path):
    text = f'issuer = "{ISSUER}"\naudience = "{API}"\n' + "".join(
        f"[{name}]\nx = 1\n" for name in sorted(GATEWAY_TABLES)
    )
    assert settings_from_file(write(tmp_path, text)) == BASE


def test_keywords_win_and_complete():
    more = {"audience": "x", "on_event": print}
    assert settings_from_env(environ_of({"issuer": ISSUER, "audience": API}), more) == {
        "issuer": ISSUER,
        **more,
    }
    assert settings_from_table({"issuer": ISSUER}, more) == {"issuer": ISSUER, **more}
    assert named(settings_from_env, environ_of({"issuer": ISSUER, "x": "y"}), more) == ["x"], (
        "what keywords give is not missing"
    )


def test_several_issuers_in_a_file(tmp_path):
    text = f"""
realm = "mine"
[[issuers]]
issuer = "{ISSUER}"
audience = "{API}"
token_prefix = "one_"
introspection_client_id = "api"
introspection_client_secret_file = "/s"
[[issuers]]
issuer = "https://other.test"
audience = ["{API}", "x"]
[issuers.require_claim]
tenant = "acme"
"""
    keywords = settings_from_file(write(tmp_path, text))
    assert keywords["realm"] == "mine"
    first, second = make_settings(keywords).issuers  # they are a tuple
    assert first.introspection == ClientSecretBasic("api", SecretFile("/s"))
    assert second.require_claim == {"tenant": "acme"}
