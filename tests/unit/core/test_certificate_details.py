"""What the log learns about a client certificate that is missing or malformed."""

from __future__ import annotations

from typing import Any

import pytest

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.testing import Issuer
from tests.contract.hosts.tls import RFC8705

FIELD = (b"client-cert", f":{RFC8705}:".encode())
TRUSTED = {"client_certificate": "rfc9440", "trusted_proxies": ["10.0.0.0/8"]}


def problem(request: Request, **settings: Any) -> tuple[Reason, str | None]:
    with Issuer().guard(**settings) as guard:
        found: Any = guard._engine.resource.certificates.find(request)
    return found.reason, found.diagnosis.detail


@pytest.mark.parametrize(
    ("peer", "fields", "reason", "detail"),
    [
        ("10.0.0.1", [], Reason.NO_CERTIFICATE, "the request has no Client-Cert"),
        (
            "11.0.0.1",
            [FIELD],
            Reason.NO_CERTIFICATE,
            "Client-Cert is not read: the peer is not in trusted_proxies",
        ),
        (
            "10.0.0.1",
            [FIELD, FIELD],
            Reason.MALFORMED_CERTIFICATE,
            "Client-Cert is repeated, or is not a certificate as rfc9440 writes it",
        ),
        (
            "10.0.0.1",
            [(b"client-cert", b"::")],
            Reason.NO_CERTIFICATE,
            "Client-Cert holds no certificate",
        ),
    ],
)
def test_a_field(peer, fields, reason, detail):
    request = Request("GET", "/", headers=fields, peer=peer)
    assert problem(request, **TRUSTED) == (reason, detail)


def asgi(extensions: Any) -> dict[str, Any]:
    return {"type": "http", "path": "/", "extensions": extensions}


@pytest.mark.parametrize(
    ("native", "reason", "detail"),
    [
        ({"SSL_CLIENT_CERT": "x"}, Reason.MALFORMED_CERTIFICATE, "SSL_CLIENT_CERT"),
        (asgi({}), Reason.NO_CERTIFICATE, "the server offers no TLS extension of ASGI"),
        (
            asgi({"tls": {"client_cert_error": "expired"}}),
            Reason.NO_CERTIFICATE,
            "the server did not accept the certificate of the client",
        ),
        (
            asgi({"tls": {"client_cert_chain": ["x"]}}),
            Reason.MALFORMED_CERTIFICATE,
            "client_cert_chain",
        ),
    ],
    ids=str,
)
def test_tls(native, reason, detail):
    assert problem(Request("GET", "/", native=native)) == (reason, detail)
