"""Rules about MCP messages behind a gateway: decided by header fields, never from a cache."""

from __future__ import annotations

import pytest

from iiniit_guard.errors import SettingsError
from iiniit_guard.sidecar.settings.sidecar_settings import settings_from_document
from iiniit_guard.testing import Issuer
from tests.integration.sidecar.sites import GATEWAYS, ask, bearer, make_sidecar, render

RULES = [
    {"method": "POST", "path": "/mcp", "scope": "any"},
    {
        "method": "POST",
        "path": "/mcp",
        "mcp_method": "tools/call",
        "mcp_name": "delete",
        "scopes": ["any", "write"],
    },
    {"method": "POST", "path": "/mcp", "mcp_method": "tools/call", "scope": "any"},
    {"method": "GET", "path": "/page", "public": True},
]
COMPARED = {"mcp_headers": "compared"}


def fields(method, name=None, version="2026-07-28"):
    given = {"mcp-protocol-version": version, "mcp-method": method, "mcp-name": name}
    return [(key.encode(), value.encode()) for key, value in given.items() if value is not None]


@pytest.fixture
def issuer():
    return Issuer()


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_gateway_has_scopes_by_tool(issuer, gateway):
    sidecar = make_sidecar(issuer, gateway, rules=RULES, server=COMPARED)
    token = bearer(issuer.token("any"))

    def answer(*headers):
        given = ask(sidecar, "POST", "/mcp", [*token, *headers])
        return given if gateway != "nginx" or given.status == 200 else render(sidecar, given)

    for _ in range(2):  # the second request finds the token in the cache
        assert answer(*fields("tools/call", "read")).status == 200
        refused = answer(*fields("tools/call", "delete"))
        assert (refused.status, refused.json["reason"]) == (403, "missing_scope")
        assert 'scope="any write"' in refused.header("www-authenticate")
        assert answer(*fields("tools/list")).status == 200
        for old in ([], fields("tools/call", "read", "2025-11-25"), fields("tools/call")):
            refused = answer(*old)
            assert (refused.status, refused.json["reason"]) == (400, "header_mismatch")
    assert ask(sidecar, "GET", "/page").status == 200


@pytest.mark.parametrize(
    "server, fault",
    [
        ({}, "rules[2] (POST /mcp tools/call delete): mcp_method: the guard reads the headers"),
        ({"mcp_headers": "yes"}, "server.mcp_headers: "),
        ({**COMPARED, "auth_max_age_seconds": 5}, "server.auth_max_age_seconds: with mcp_method"),
        ({**COMPARED, "method_override": "judge"}, "method_override: with mcp_method"),
    ],
)
def test_a_setting_must_declare_that_the_server_compares(server, fault):
    document = {
        "gateway": "caddy",
        "issuer": "https://issuer.test",
        "audience": "https://api.test",
        "rules": RULES,
        "server": server,
    }
    with pytest.raises(SettingsError) as caught:
        settings_from_document(document)

    assert any(each.startswith(fault) for each in caught.value.faults), caught.value.faults


def test_without_such_rules_grants_may_be_cached():
    document = {
        "gateway": "caddy",
        "issuer": "https://issuer.test",
        "audience": "https://api.test",
        "rules": RULES[:1],
        "server": {**COMPARED, "auth_max_age_seconds": 5},
    }
    assert settings_from_document(document).auth_max_age_seconds == 5
