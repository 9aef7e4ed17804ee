"""The client's certificate, in the formats of five gateways."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

import pytest

from iiniit_guard.sidecar.settings.certificates import parse_certificate
from iiniit_guard.sidecar.settings.dialects import NAMES, Dialect
from tests.integration.sidecar.sites import GATEWAYS, question

DER = b"\x30\x82\x01\x02" + bytes(range(256))
BASE64 = b64encode(DER).decode()
LINES = "\n".join(BASE64[start : start + 64] for start in range(0, len(BASE64), 64))
PEM = f"-----BEGIN CERTIFICATE-----\n{LINES}\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    "value",
    [
        f":{BASE64}:",  # RFC 9440 §2.1
        BASE64,  # Caddy's certificate_der_base64, HAProxy's ssl_c_der,base64
        PEM.replace("\n", " "),  # Apache's %{SSL_CLIENT_CERT}s
        quote(PEM),  # nginx's $ssl_client_escaped_cert
        quote(BASE64),  # Traefik: escaped, without its first and last line
        f'By=spiffe://a;Hash=00ff;Cert="{quote(PEM)}";Subject="CN=a"',  # Envoy
    ],
)
def test_each_spelling_is_read(value):
    assert parse_certificate(value.encode()) == DER


@pytest.mark.parametrize(
    "value",
    [
        "",
        ":",
        "::",
        "not base64!",
        BASE64 + "=",
        b64encode(b"no certificate").decode(),
        f'Cert="{quote(PEM)}";Cert="{quote(PEM)}"',
        f'Hash=a;Cert="{quote(PEM)}',
        "A" * 32_769,
    ],
)
def test_what_is_none_is_refused_and_not_passed_over(value):
    assert parse_certificate(value.encode()) is None


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_it_is_read_only_where_that_was_asked_for(gateway):
    method, path, query, lines = question(gateway, "GET", "/x")
    name = NAMES[gateway].certificate

    def read(value, **settings):
        headers = [*lines, (name, value)]
        return Dialect(gateway, **settings).read(
            {
                "method": method,
                "raw_path": path.encode(),
                "query_string": query.encode(),
                "headers": headers,
            }
        )

    off, on = read(f":{BASE64}:".encode()), read(f":{BASE64}:".encode(), certificates=True)
    assert off is not None
    assert on is not None
    assert (off.certificate, on.certificate, on.request().certificate) == (None, DER, DER)
    assert all(key != name for key, _ in off.headers), (
        "nothing else must take it for the server's own word"
    )
    assert read(b"junk!", certificates=True) is None
    empty = read(b"", certificates=True)  # what nginx sends for a client without one
    assert empty is not None
    assert empty.certificate is None
