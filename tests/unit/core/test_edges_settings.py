"""The exact data that settings pass on to proxies, stores and issuers."""

from __future__ import annotations

import pytest

from iiniit_guard.core.issuer.forward_proxy import parse_proxy, proxy_fault
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.settings.store_url import store_url_fault
from iiniit_guard.errors import SettingsError
from tests.unit.core.stepping import Steps, make_clock, make_server

HOST_AND_PORT = (
    "has more than a host and a port; in a password, / ? and # are written %2F %3F and %23"
)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (7, "must be an http:// URL"),
        ("http://a b", "is not a URL"),
        ("http://[x", "is not a URL"),
        ("https://a.test", "is not an http:// URL"),
        ("http://a.test:0", "is not an http:// URL"),
        ("http://a.test/x", HOST_AND_PORT),
        ("http://a.test?x", HOST_AND_PORT),
        ("http://a.test", None),
    ],
)
def test_a_forward_proxy(url, said):
    assert proxy_fault(url) == said
    assert not isinstance(url, str) or said is None or parse_proxy(url) == said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("unix://", "must be unix:// and the absolute path of a socket: unix:///run/redis.sock"),
        ("redis://a?x=1", "the query may have only the options "),
        ("unix:///run/redis.sock?db=x", "an option is empty, or db is not a number"),
    ],
)
def test_a_store(url, said):
    fault = store_url_fault(url)
    assert fault is not None
    assert fault.startswith(said)
    assert said.endswith(" ") or fault == said
    assert "XX" not in fault


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"issuer": "https://a.test/?x"},
            "issuer: an issuer that is discovered must not have a query",
        ),
        (
            {"introspection": "x"},
            (
                "introspection: must be one of ClientSecretBasic, ClientSecretPost, PrivateKeyJwt, "
                "TlsClient, BearerToken"
            ),
        ),
    ],
)
def test_an_issuer(settings, said):
    with pytest.raises(SettingsError) as fault:
        TrustedIssuer(**{"issuer": "https://a.test", "audience": "x", **settings})
    assert fault.value.faults[0].startswith(said)


def test_an_assertion_has_no_leeway():
    """The `exp` of an assertion is the deadline itself."""
    assert make_server(make_clock(), profile="assertion").checks.expiry_leeway_seconds == 0
    assert make_server(make_clock()).checks.expiry_leeway_seconds == 5


def test_the_wait_for_anothers_metadata_has_an_end():
    server = make_server(make_clock(), jwks_uri=None, timeout_seconds=4)
    leader, follower = Steps(server.metadata.get()), Steps(server.metadata.get())
    assert leader.fetch.method == "GET"
    assert follower.join.timeout_seconds == 8
