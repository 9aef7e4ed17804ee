"""Settings of one issuer that exclude or need each other."""

from __future__ import annotations

import pytest

from iiniit_guard.core.issuer.client_authentication import ClientSecretBasic
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from tests.unit.core.stepping import API, CREDENTIALS, INTROSPECT, ISSUER
from tests.unit.core.test_trusted_issuer import faults

BASE = {"issuer": ISSUER, "audience": API}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        pytest.param({"jwt": "introspect"}, ["introspection"], id="nobody may be asked"),
        pytest.param({"jwt": "both"}, ["introspection"], id="nobody may be asked about both"),
        pytest.param(
            {"introspection_endpoint": INTROSPECT}, ["introspection"], id="an endpoint of no use"
        ),
        pytest.param(
            {"jwks_uri": f"{ISSUER}/k", "jwks_file": "/k"}, ["jwks_file"], id="two places of keys"
        ),
        pytest.param(
            {"connect_timeout_seconds": 6},
            ["connect_timeout_seconds"],
            id="a part longer than the whole",
        ),
        pytest.param({"issuer": "urn:issuer"}, ["issuer"], id="no place to discover"),
        pytest.param({"issuer": "http://a.test"}, ["issuer"], id="no TLS"),
        pytest.param({"issuer": "https://a.test?x=1"}, ["issuer"], id="RFC 8414 §2: no query"),
        pytest.param(
            {"issuer": "https://a.test?"}, ["issuer"], id="RFC 8414 §2: not even an empty one"
        ),
        pytest.param({"issuer": "https://a.test#x"}, ["issuer"], id="RFC 8414 §2: no fragment"),
        pytest.param(
            {"issuer": "urn:x", "jwks_uri": f"{ISSUER}/k", "introspection": CREDENTIALS},
            ["issuer"],
            id="the endpoint is discovered",
        ),
        pytest.param(
            {"profile": "assertion", "introspection": CREDENTIALS},
            ["introspection"],
            id="an assertion is not asked about",
        ),
        pytest.param(
            {"introspection": ClientSecretBasic("api", "")}, ["introspection"], id="no secret"
        ),
        pytest.param(
            {"metadata_url": "http://a.test", "jwks_uri": "x", "connect_timeout_seconds": 9},
            ["metadata_url", "jwks_uri", "connect_timeout_seconds"],
            id="several",
        ),
        pytest.param(
            {"status_list_origins": [ISSUER]}, ["status_list_origins"], id="origins of no lists"
        ),
        pytest.param(
            {"status_list": "check", "status_list_origins": [f"{ISSUER}/"]},
            ["status_list_origins"],
            id="an origin with a path",
        ),
        pytest.param(
            {"status_list": "check", "status_list_origins": ["http://a.test"]},
            ["status_list_origins"],
            id="an origin without TLS",
        ),
        pytest.param(
            {"status_list": "check", "status_list_origins": ["a.test"]},
            ["status_list_origins"],
            id="a host is no origin",
        ),
        pytest.param(
            {"status_list": "check", "issuer": "urn:x", "jwks_uri": f"{ISSUER}/k"},
            ["status_list"],
            id="an issuer without an origin",
        ),
        pytest.param(
            {"status_list": "check", "jwt": "introspect", "introspection": CREDENTIALS},
            ["status_list"],
            id="a list for JWTs that are not read",
        ),
        pytest.param(
            {"status_list": "required", "profile": "assertion"},
            ["status_list"],
            id="an assertion has no status",
        ),
        pytest.param(
            {"insecure_accept_missing_audience": True},
            ["insecure_accept_missing_audience"],
            id="JWTs of every API",
        ),
        pytest.param(
            {"insecure_accept_missing_audience": True, "require_claim": {"iss": ISSUER}},
            ["insecure_accept_missing_audience"],
            id="a required claim that all tokens have",
        ),
        pytest.param(
            {
                "insecure_accept_missing_audience": True,
                "require_claim": {"tenant": "t"},
                "profile": "rfc9068",
            },
            ["insecure_accept_missing_audience"],
            id="RFC 9068 §2.2: aud is required",
        ),
        *(
            pytest.param({"audience_claim": name}, ["audience_claim"], id=f"{name} as audience")
            for name in ("iss", "typ", "token_type", "token_use", "active")
        ),
    ],
)
def test_what_does_not_go_together(settings, named):
    assert [fault.partition(":")[0] for fault in faults(**settings)] == named


@pytest.mark.parametrize(
    "settings",
    [
        {"issuer": "urn:issuer", "jwks_uri": f"{ISSUER}/k"},
        {"issuer": "urn:issuer", "jwks_file": "/k"},
        {"issuer": "urn:issuer", "metadata_url": f"{ISSUER}/m"},
        {
            "issuer": "urn:issuer",
            "jwt": "introspect",
            "introspection": CREDENTIALS,
            "introspection_endpoint": INTROSPECT,
        },
        {"issuer": "http://inner.test", "insecure_http_hosts": ["inner.test"]},
        {"issuer": "http://localhost:9000"},
        {"jwks_uri": "http://inner.test/k", "insecure_http_hosts": ["inner.test"]},
        {"connect_timeout_seconds": 5},
        {"keys_max_age_seconds": 1},
        {"require_claim": {"tenant": ["a", "b"]}},
    ],
)
def test_what_goes_together(settings):
    assert TrustedIssuer(**{**BASE, **settings}).issuer
