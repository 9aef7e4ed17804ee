"""The settings that `iiniit-guard serve` reads from guard.toml, and its error messages."""

from __future__ import annotations

import json

import pytest

from iiniit_guard import Guard, SettingsError
from iiniit_guard.sidecar.settings.introspection_clients import make_secret_hash
from iiniit_guard.sidecar.settings.sidecar_settings import read_settings, settings_from_document

API = "https://api.test"
LEAST = {"gateway": "nginx", "issuer": "https://issuer.test", "audience": API}
UPSTREAM = {
    "audience": "https://a.internal",
    "assertion_issuer": "https://gateway.test",
    "assertion_keys": "key.pem",
}
CALLER = {"id": "kong", "secret_hash": make_secret_hash("x", b"salt"), "audiences": [API]}


def faults_of(**document):
    with pytest.raises(SettingsError) as refused:
        settings_from_document({**LEAST, **document})
    return list(refused.value.faults)


def test_the_least_that_is_wanted():
    settings = settings_from_document(LEAST)

    assert (
        settings.gateway,
        settings.rules,
        settings.upstream,
        settings.introspection_clients,
    ) == (
        "nginx",
        None,
        None,
        (),
    )
    assert (settings.bind, settings.public_bind, settings.admin_bind) == (
        ("127.0.0.1:8080",),
        (),
        ("127.0.0.1:9090",),
    )
    assert settings.trusted_proxies == ("127.0.0.0/8", "::1/128", "unix")
    assert "issuer.test" not in repr(settings)


def test_everything():
    server = {
        "bind": ["unix:/run/guard.sock", "[::1]:8080"],
        "public_bind": "0.0.0.0:8081",
        "admin_bind": [],
        "admin_hosts": "guard.internal",
        "workers": 2,
        "stop_seconds": 1.5,
        "log": "all",
        "preflights": "guard",
        "trusted_proxies": ["10.0.0.0/8"],
        "client_certificates": True,
        "auth_max_age_seconds": 5,
        "method_override": "judge",
    }
    settings = settings_from_document(
        {
            **LEAST,
            "server": server,
            "rules": [{"method": "GET", "path": "/x"}],
            "upstream": UPSTREAM,
            "introspection_clients": [CALLER],
        }
    )

    assert settings.public_bind == ("0.0.0.0:8081",)
    assert settings.admin_bind == ()
    assert settings.rules is not None
    assert settings.upstream is not None
    assert settings.upstream.assertion_keys == ("key.pem",)
    assert (settings.workers, settings.stop_seconds, settings.log) == (2, 1.5, "all")
    assert [(client.identifier, client.audiences) for client in settings.introspection_clients] == [
        ("kong", {API})
    ]
    assert "scrypt" not in repr(settings)


@pytest.mark.parametrize("gateway", [None, "", "Nginx", "squid", 7, ["nginx"]])
def test_the_gateway_is_mandatory(gateway):
    (fault,) = faults_of(gateway=gateway)

    assert fault.startswith("gateway: ")


@pytest.mark.parametrize(
    "document, fault",
    [
        ({"server": []}, "server: "),
        ({"websocket_subprotocol_token": True}, "websocket_subprotocol_token: "),
        ({"server": {"port": 1}}, "server.port: "),
        ({"server": {"bind": "8080"}}, "server.bind: "),
        (
            {"server": {"bind": ":8080"}},
            "server.bind: ",
        ),  # all addresses must be written explicitly: 0.0.0.0:8080
        ({"server": {"bind": 7}}, "server.bind: "),
        ({"server": {"bind": ["localhost"]}}, "server.bind: "),
        ({"server": {"bind": ["a:65536"]}}, "server.bind: "),
        (
            {"server": {"admin_bind": ["unix:"]}},
            "server.admin_bind: ",
        ),
        ({"server": {"workers": 0}}, "server.workers: "),
        ({"server": {"stop_seconds": -1}}, "server.stop_seconds: "),
        ({"server": {"stop_seconds": 3601}}, "server.stop_seconds: "),
        (
            {"server": {"auth_max_age_seconds": 301}},
            "server.auth_max_age_seconds: ",
        ),
        ({"server": {"log": "loud"}}, "server.log: "),
        ({"server": {"preflights": "maybe"}}, "server.preflights: "),
        (
            {"server": {"trusted_proxies": ["gateway"]}},
            "server.trusted_proxies: ",
        ),
        ({"server": {"client_certificates": "yes"}}, "server.client_certificates: "),
        ({"server": {"auth_max_age_seconds": 1.5}}, "server.auth_max_age_seconds: "),
        ({"server": {"auth_max_age_seconds": -1}}, "server.auth_max_age_seconds: "),
        ({"server": {"method_override": "honour"}}, "server.method_override: "),
        ({"rules": {}}, "rules: "),
        ({"rules": [1]}, "rules: "),
        ({"rules": [{"method": "GET"}]}, "rules[1] (GET None): path: "),
        ({"upstream": []}, "upstream: "),
        ({"upstream": {"audience": "a"}}, "upstream.assertion_issuer: "),
        ({"upstream": {**UPSTREAM, "assertion_keys": []}}, "upstream.assertion_keys: "),
        ({"upstream": {**UPSTREAM, "key": 1}}, "upstream.key: "),
        (
            {"introspection_clients": {}},
            "introspection_clients: ",
        ),
        (
            {"introspection_clients": [1]},
            "introspection_clients: ",
        ),
        ({"introspection_clients": [{}]}, "introspection_clients[1].id: "),
        (
            {"introspection_clients": [{**CALLER, "secret": "x"}]},
            "introspection_clients[1].secret: ",
        ),
        ({"introspection_clients": [{**CALLER, "id": ""}]}, "introspection_clients[1].id: "),
        (
            {"introspection_clients": [{**CALLER, "secret_hash": "plain"}]},
            "introspection_clients[1].secret_hash: ",
        ),
        (
            {"introspection_clients": [{**CALLER, "audiences": API}]},
            "introspection_clients[1].audiences: ",
        ),
        (
            {"introspection_clients": [{**CALLER, "audiences": ["https://other.test"]}]},
            "introspection_clients[1].audiences: ",
        ),
        (
            {"introspection_clients": [CALLER, CALLER]},
            "introspection_clients: ",
        ),
        ({"issuer": ""}, "issuer: "),
        ({"issuers": []}, "issuer: "),
        ({"colour": "red"}, "colour: "),
    ],
)
def test_faults_name_their_setting(document, fault):
    found = faults_of(**document)

    assert [each for each in found if each.startswith(fault)], found
    assert "plain" not in str(found)  # the value of secret_hash


def test_all_faults_are_told_together():
    found = faults_of(
        gateway="squid",
        issuer="",
        colour="red",
        server={"bind": "x"},
        rules=[{}],
        introspection_clients=[{}],
        upstream={},
    )

    assert {fault.partition(":")[0].partition("[")[0].partition(".")[0] for fault in found} >= {
        "gateway", "issuer", "colour", "server", "rules", "introspection_clients", "upstream",
    }  # fmt: skip


OPENAPI = {
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1"},
    "components": {"securitySchemes": {"o": {"type": "oauth2", "flows": {}}}},
    "paths": {"/profile": {"get": {"security": [{"o": ["user:read"]}]}}},
}


def test_rules_may_come_from_an_openapi_document(tmp_path):
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(OPENAPI))
    more = [{"method": "GET", "path": "/healthz", "public": True}]
    settings = settings_from_document(
        {**LEAST, "rules": more, "server": {"openapi_file": str(file)}}
    )

    assert settings.rules is not None
    policy = settings.rules.policy_for_target("GET", "/profile")
    assert policy.scopes == ("user:read",)  # type: ignore[union-attr]
    assert settings.rules.policy_for_target("GET", "/healthz") == "pass"


@pytest.mark.parametrize(
    "content, fault",
    [
        (None, "FileNotFoundError"),
        ("{", "JSONDecodeError"),
        ("[]", "not contain a JSON object"),
        ("{}", "openapi:"),
    ],
)
def test_a_document_that_is_none_is_a_fault(tmp_path, content, fault):
    file = tmp_path / "openapi.json"
    if content is not None:
        file.write_text(content)

    assert fault in " ".join(faults_of(server={"openapi_file": str(file)}))


def test_a_fault_of_the_rules_is_told_once(tmp_path):
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(OPENAPI))

    assert len(faults_of(rules=[{"method": "GET"}], server={"openapi_file": str(file)})) == 1


def test_a_guard_reads_the_same_file_and_passes_over_what_is_the_gateways(tmp_path):
    file = tmp_path / "guard.toml"
    file.write_text(
        'gateway = "nginx"\nissuer = "https://issuer.test"\naudience = "https://api.test"\n'
        '[server]\nbind = "127.0.0.1:1"\n[[rules]]\nmethod = "GET"\npath = "/"\n'
        f'[[introspection_clients]]\nid = "a"\nsecret_hash = "{CALLER["secret_hash"]}"\naudiences '
        '= ["https://api.test"]\n'
    )

    assert read_settings(file).gateway == "nginx"
    Guard.from_file(file).close()


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path):
    file = tmp_path / "guard.toml"
    with pytest.raises(SettingsError, match=r"guard\.toml: No such file or directory$"):
        read_settings(file)
    file.write_text("gateway = ")
    with pytest.raises(SettingsError, match=r"guard\.toml: line 1, column 11: not TOML$"):
        read_settings(file)


def test_issuers_may_be_several():
    issuers = [{"issuer": f"https://{name}.test", "audience": API} for name in ("one", "two")]
    settings = settings_from_document(
        {"gateway": "nginx", "issuers": issuers, "introspection_clients": [CALLER]}
    )

    assert [issuer.issuer for issuer in settings.guard["issuers"]] == [
        "https://one.test",
        "https://two.test",
    ]
