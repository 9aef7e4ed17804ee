"""`guard_mcp`: faults at start, metadata, origins."""

from __future__ import annotations

from typing import Any

import pytest

from iiniit_guard import Guard, SettingsError, TrustedIssuer, UsageError
from iiniit_guard.mcp import guard_mcp
from iiniit_guard.testing import Issuer
from tests.contract.hosts.mcp_calls import (
    LIST,
    LISTED,
    RESOURCE,
    Server,
    bearer,
    get,
    make_site,
    post,
)

METADATA = "/.well-known/oauth-protected-resource"


@pytest.fixture
def issuer():
    return Issuer(audience=RESOURCE)


# The start


@pytest.mark.parametrize(
    "arguments, fault",
    [
        ({"scopes": "a b\u00e9"}, "scopes: invalid scope"),
        ({"scopes": 7}, "scopes: must be a scope"),
        ({"scopes": "offline_access"}, "scopes: must not contain offline_access"),
        ({"tools": {"x": "a offline_access"}}, "tools['x']: must not contain offline_access"),
        ({"tools": {}}, "tools: must map names to scopes"),
        ({"tools": ["x"]}, "tools: must map names to scopes"),
        ({"tools": {"x": None}}, "tools['x']: must be a scope"),
        ({"tools": {"": "a"}}, "tools['']: must be a name"),
        ({"tools": {7: "a"}}, "tools[7]: must be a name"),
        ({"prompts": {"a*b": "a"}}, "prompts['a*b']: * is allowed only at the end"),
        ({"resources": {"x": ["a b"]}}, "resources['x']: invalid scope"),
        ({"methods": {"tools list": "a"}}, "methods['tools list']: must be a JSON-RPC method"),
        ({"methods": {"Tools/Call": "a"}}, "methods['Tools/Call']: only tools/call"),
        (
            {"methods": {"tools/call": "a"}, "tools": {"x": "b"}},
            "methods['tools/call']: write it as tools[\"*\"]",
        ),
        ({"allowed_origins": "https://app.example/"}, "allowed_origins: 'https://app.example/'"),
        ({"allowed_origins": ["null"]}, "allowed_origins: 'null'"),
        ({"allowed_origins": ["*"]}, "allowed_origins: '*'"),
        ({"allowed_origins": [7]}, "allowed_origins: 7"),
        ({"max_body_bytes": 0}, "max_body_bytes: "),
        ({"max_values": 0}, "max_values: "),
        ({"public": "/x"}, "public: must be a list"),
        ({"only": ["x"]}, "only: "),
    ],
)
def test_an_invalid_argument_is_a_fault_at_start(issuer, arguments, fault):
    with pytest.raises(SettingsError) as caught:
        guard_mcp(Server(), issuer.guard(resource=RESOURCE), **arguments)

    (found,) = caught.value.faults
    assert found.startswith(fault)


def test_all_faults_are_reported_together(issuer):
    with pytest.raises(SettingsError) as caught:
        guard_mcp(Server(), issuer.guard(), scopes="a\u00e9", public="/x", allowed_origins=["x"])

    named = [fault.partition(":")[0] for fault in caught.value.faults]
    assert named == ["resource", "scopes", "allowed_origins", "public"]


def guard(**settings: Any) -> Guard:
    return Guard(**{"issuer": "https://issuer.test", "audience": RESOURCE, **settings})


@pytest.mark.parametrize(
    "settings, name",
    [
        ({}, "resource"),
        ({"resource": RESOURCE, "resource_scopes": ["a", "offline_access"]}, "resource_scopes"),
        ({"resource": RESOURCE, "insecure_query_token": True}, "insecure_query_token"),
        (
            {
                "resource": RESOURCE,
                "introspection": lambda token: {},
                "insecure_accept_missing_audience": True,
            },
            "insecure_accept_missing_audience",
        ),
    ],
)
def test_a_guard_that_contradicts_the_specification_is_a_fault(settings, name):
    with pytest.raises(SettingsError) as caught:
        guard_mcp(Server(), guard(**settings))

    assert [fault.partition(":")[0] for fault in caught.value.faults] == [name]


def test_issuers_that_a_function_finds_cannot_be_in_the_metadata():
    trusted = TrustedIssuer(issuer="https://issuer.test", audience=RESOURCE)
    with pytest.raises(SettingsError, match="issuers: must be a list"):
        guard_mcp(Server(), Guard(issuers=lambda name: trusted, resource=RESOURCE))


def test_the_guard_is_the_second_argument(issuer):
    with pytest.raises(UsageError, match="guard: must be a Guard"):
        guard_mcp(issuer.guard(resource=RESOURCE), Server())  # type: ignore[arg-type]


# Metadata


@pytest.mark.parametrize("path", [METADATA, METADATA + "/mcp"])
@pytest.mark.parametrize("headers", [[], [("Origin", "https://elsewhere.example")]])
def test_the_metadata_is_served_at_the_path_and_at_the_root(issuer, path, headers):
    guarded = guard_mcp(Server(), issuer.guard(resource=RESOURCE, resource_scopes=["a"]))

    answer = get(guarded, path, headers)

    document = answer.json
    assert document.pop("dpop_signing_alg_values_supported")
    assert document == {
        "resource": RESOURCE,
        "authorization_servers": ["https://issuer.test"],
        "scopes_supported": ["a"],
        "bearer_methods_supported": ["header"],
    }
    assert answer.header("access-control-allow-origin") == "*"
    assert get(guarded, path, headers, "HEAD").body == b""
    assert post(guarded, LIST, path=path).status == 401


def test_a_resource_at_the_root_has_one_place():
    resource = "https://mcp.test"
    issuer = Issuer(audience=resource)
    guarded = guard_mcp(Server(), issuer.guard(resource=resource))

    assert get(guarded, METADATA).json["resource"] == resource


def test_a_resource_on_loopback_may_have_http():
    resource = "http://127.0.0.1:9000/mcp"
    guarded = guard_mcp(Server(), Issuer(audience=resource).guard(resource=resource))
    answer = post(guarded, LIST, LISTED)

    assert f'resource_metadata="http://127.0.0.1:9000{METADATA}/mcp"' in (
        answer.header("www-authenticate") or ""
    )


# Origins


@pytest.mark.parametrize(
    "origins, status",
    [
        ([], 200),
        (["https://mcp.test"], 200),
        (["https://app.example"], 200),
        (["http://mcp.test"], 403),
        (["https://mcp.test:8443"], 403),
        (["https://mcp.test.evil.example"], 403),
        (["https://APP.example"], 403),
        (["null"], 403),
        ([""], 403),
        (["https://app.example", "https://app.example"], 403),
        (["https://app.example, https://evil.example"], 403),
    ],
)
@pytest.mark.parametrize("with_token", [True, False])
def test_a_page_of_another_origin_is_refused(issuer, origins, status, with_token):
    app, server = make_site(issuer, allowed_origins=["https://app.example"])
    headers = [*LISTED, *(("Origin", origin) for origin in origins)]
    answer = post(app, LIST, [*headers, *(bearer(issuer) if with_token else ())])

    assert answer.status == (status if with_token or status == 403 else 401)
    if status == 403:
        assert answer.json["reason"] == "foreign_origin"
        assert answer.header("www-authenticate") is None
        assert server.bodies == []


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS"])
def test_every_method_has_its_origin_checked(issuer, method):
    app, _ = make_site(issuer)
    headers = [("Origin", "https://evil.example"), *bearer(issuer)]

    assert get(app, headers=headers, method=method).json["reason"] == "foreign_origin"
