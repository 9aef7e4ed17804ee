"""The client certificate in the dialect of each gateway."""

from __future__ import annotations

from base64 import b64decode
from urllib.parse import quote

import pytest

from iiniit_guard.sidecar.settings.dialects import NAMES, SPELLINGS, Dialect
from tests.contract.hosts.tls import RFC8705, pem_of
from tests.integration.sidecar.sites import GATEWAYS, question

PEM = pem_of(RFC8705)
VALUES = {
    "nginx": quote(PEM),  # $ssl_client_escaped_cert
    "traefik": RFC8705,  # without its first and last line
    "caddy": f":{RFC8705}:",  # RFC 9440, around certificate_der_base64
    "apache": PEM.replace("\n", " "),  # %{SSL_CLIENT_CERT}s
    "haproxy": f":{RFC8705}:",  # RFC 9440, around ssl_c_der,base64
    "envoy": f'By=spiffe://a;Hash=00ff;Cert="{quote(PEM)}";Subject="CN=a"',
}


def read(gateway, values, **settings):
    method, path, query, lines = question(gateway, "GET", "/x")
    headers = [*lines, *((NAMES[gateway].certificate, value.encode()) for value in values)]
    asked = {"method": method, "raw_path": path.encode(), "query_string": query.encode()}
    return Dialect(gateway, **settings).read({**asked, "headers": headers})


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_each_gateway_has_its_spelling(gateway):
    original = read(gateway, [VALUES[gateway]], certificates=True)

    assert original.certificate == original.request().certificate == b64decode(RFC8705)
    assert all(key != NAMES[gateway].certificate for key, _ in original.headers), (
        "nothing else must take it for the server's own word"
    )


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_it_is_read_only_where_that_was_asked_for(gateway):
    assert read(gateway, [VALUES[gateway]]).certificate is None


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_what_is_none_is_refused_and_not_passed_over(gateway):
    own = {name for name, spelling in SPELLINGS.items() if spelling == SPELLINGS[gateway]}
    others = [value for other, value in VALUES.items() if other not in own]

    for value in (*others, "junk!", "A" * 32_769):
        assert read(gateway, [value], certificates=True) is None, value
    assert read(gateway, [VALUES[gateway]] * 2, certificates=True) is None


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_client_without_certificate(gateway):
    """The gateway sends an empty value, or no field."""
    assert read(gateway, [""], certificates=True).certificate is None
    assert read(gateway, [], certificates=True).certificate is None
