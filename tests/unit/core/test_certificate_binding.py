"""The client certificate from the TLS layer of a server, and the settings about it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pytest

from iiniit_guard.core.errors import TokenRefused
from iiniit_guard.core.http.client_certificate import FIELDS, SPELLINGS, parse_header, parse_pem
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request, request_from_environ, request_from_scope
from iiniit_guard.core.resource_metadata import resource_document
from iiniit_guard.errors import SettingsError
from iiniit_guard.testing import Issuer
from tests.contract.hosts.tls import RFC8705, RFC8705_THUMBPRINT, RFC9440, pem_of

DER = b64decode(RFC8705)
BOUND = {"x5t#S256": RFC8705_THUMBPRINT}


@pytest.fixture
def issuer():
    return Issuer()


class Connection:
    """A connection of gunicorn. `getpeercert` exists only with TLS."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def getpeercert(self, binary_form: bool) -> Any:
        assert binary_form
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def environ(issuer: Issuer, **more: Any) -> dict[str, Any]:
    bearer = f"Bearer {issuer.token(cnf=BOUND)}"
    return {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_AUTHORIZATION": bearer, **more}


def scope(issuer: Issuer, **more: Any) -> dict[str, Any]:
    bearer = f"Bearer {issuer.token(cnf=BOUND)}".encode()
    headers = [(b"authorization", bearer)]
    return {"type": "http", "method": "GET", "path": "/", "headers": headers, **more}


def reason_of(issuer: Issuer, request: Request, **settings: Any) -> str | None:
    decision = issuer.guard(**settings).authenticate(request)
    return None if isinstance(decision, Allow) else decision.reason


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"SSL_CLIENT_CERT": pem_of(RFC8705)}, None),
        ({"SSL_CLIENT_CERT": pem_of(RFC9440)}, Reason.WRONG_CERTIFICATE),
        ({"SSL_CLIENT_CERT": ""}, Reason.NO_CERTIFICATE),
        ({"SSL_CLIENT_CERT": RFC8705}, Reason.MALFORMED_CERTIFICATE),
        ({"SSL_CLIENT_CERT": pem_of(RFC8705) * 2}, Reason.MALFORMED_CERTIFICATE),
        ({"SSL_CLIENT_CERT": b"bytes"}, Reason.MALFORMED_CERTIFICATE),
        ({"SSL_CLIENT_CERT": "\u00e9"}, Reason.MALFORMED_CERTIFICATE),
        ({"SSL_CLIENT_CERT": "A" * 32_769}, Reason.MALFORMED_CERTIFICATE),
        ({"HTTP_SSL_CLIENT_CERT": pem_of(RFC8705)}, Reason.NO_CERTIFICATE),
        ({"gunicorn.socket": Connection(DER)}, None),
        ({"gunicorn.socket": Connection(b64decode(RFC9440))}, Reason.WRONG_CERTIFICATE),
        ({"gunicorn.socket": Connection(None)}, Reason.NO_CERTIFICATE),
        ({"gunicorn.socket": Connection(b"")}, Reason.NO_CERTIFICATE),
        ({"gunicorn.socket": Connection({})}, Reason.NO_CERTIFICATE),
        ({"gunicorn.socket": Connection({"subject": ()})}, Reason.NO_CERTIFICATE),
        ({"gunicorn.socket": Connection(OSError("closed"))}, Reason.NO_CERTIFICATE),
        ({"gunicorn.socket": Connection(ValueError("no handshake"))}, Reason.NO_CERTIFICATE),
        ({"gunicorn.socket": object()}, Reason.NO_CERTIFICATE),
        ({}, Reason.NO_CERTIFICATE),
    ],
    ids=str,
)
def test_wsgi(issuer, variables, reason):
    request = request_from_environ(environ(issuer, **variables))

    assert reason_of(issuer, request) == reason
    assert reason_of(issuer, request, client_certificate="tls") == reason


@pytest.mark.parametrize(
    ("extensions", "reason"),
    [
        ({"tls": {"client_cert_chain": [pem_of(RFC8705)]}}, None),
        ({"tls": {"client_cert_chain": (pem_of(RFC8705), pem_of(RFC9440))}}, None),
        (
            {"tls": {"client_cert_chain": [pem_of(RFC9440), pem_of(RFC8705)]}},
            Reason.WRONG_CERTIFICATE,
        ),
        (
            {"tls": {"client_cert_chain": [pem_of(RFC8705)], "client_cert_error": "expired"}},
            Reason.NO_CERTIFICATE,
        ),
        (
            {"tls": {"client_cert_chain": [pem_of(RFC8705)], "client_cert_error": None}},
            None,
        ),
        ({"tls": {"client_cert_chain": [DER]}}, Reason.MALFORMED_CERTIFICATE),
        ({"tls": {"client_cert_chain": []}}, Reason.NO_CERTIFICATE),
        ({"tls": {"client_cert_chain": None}}, Reason.NO_CERTIFICATE),
        ({"tls": {}}, Reason.NO_CERTIFICATE),
        ({"tls": None}, Reason.NO_CERTIFICATE),
        ({}, Reason.NO_CERTIFICATE),
        (None, Reason.NO_CERTIFICATE),
    ],
    ids=lambda value: str(value)[:60],
)
def test_asgi(issuer, extensions, reason):
    request = request_from_scope(scope(issuer, extensions=extensions))

    assert reason_of(issuer, request) == reason


def test_a_request_without_server(issuer):
    headers = [(b"authorization", f"Bearer {issuer.token(cnf=BOUND)}".encode())]

    assert reason_of(issuer, Request("GET", "/", headers=headers)) == Reason.NO_CERTIFICATE
    assert reason_of(issuer, Request("GET", "/", headers=headers, certificate=DER)) is None


def test_a_chain_of_traefik_without_server(issuer):
    """Nothing tells whether one field or two were received, so no list is read."""
    bearer = (b"authorization", f"Bearer {issuer.token(cnf=BOUND)}".encode())
    settings = {"client_certificate": "traefik", "trusted_proxies": ["127.0.0.1"]}
    for value, reason in ((RFC8705, None), (f"{RFC8705},{RFC9440}", Reason.MALFORMED_CERTIFICATE)):
        field = (b"x-forwarded-tls-client-cert", value.encode())
        request = Request("GET", "/", headers=[bearer, field], peer="127.0.0.1")
        assert reason_of(issuer, request, **settings) == reason


def test_a_unix_socket_of_the_proxy(issuer):
    settings = {"client_certificate": "rfc9440", "trusted_proxies": ["unix"]}
    field = {"HTTP_CLIENT_CERT": f":{RFC8705}:"}

    def seen(**more: Any) -> str | None:
        return reason_of(issuer, request_from_environ(environ(issuer, **field, **more)), **settings)

    assert seen(REMOTE_ADDR="") is None
    assert seen(REMOTE_ADDR="127.0.0.1") == Reason.NO_CERTIFICATE


def test_both_bindings_are_demanded(issuer):
    """A certificate does not replace the proof of the key."""
    both = {**BOUND, "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}
    headers = [(b"authorization", f"Bearer {issuer.token(cnf=both)}".encode())]

    decision = issuer.guard().authenticate(Request("GET", "/", headers=headers, certificate=DER))

    assert not isinstance(decision, Allow)
    assert decision.status == 401


def test_a_bound_token_is_not_verified_without_its_request(issuer):
    with pytest.raises(TokenRefused) as caught:
        issuer.guard().verify(issuer.token(cnf=BOUND))

    assert caught.value.reason == Reason.UNSUPPORTED_CONFIRMATION


def test_the_log_names_the_cause(issuer, caplog):
    settings = {"client_certificate": "rfc9440", "trusted_proxies": ["192.0.2.1"]}
    peer = {"REMOTE_ADDR": "203.0.113.7", "HTTP_CLIENT_CERT": f":{RFC8705}:"}

    reason_of(issuer, request_from_environ(environ(issuer, **peer)), **settings)

    assert "Client-Cert is not read: the peer is not in trusted_proxies" in caplog.text
    assert RFC8705[:20] not in caplog.text


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"client_certificate": "rfc9440"}, "client_certificate: any client can write the header"),
        (
            {"client_certificate": "nginx", "trusted_proxies": []},
            "client_certificate: any client can write the header",
        ),
        ({"client_certificate": "caddy"}, "client_certificate: must be one of"),
        ({"client_certificate_header": "X-Cert"}, "client_certificate_header: no header field"),
        (
            {"client_certificate": "tls", "client_certificate_header": "X-Cert"},
            "client_certificate_header: no header field",
        ),
        (
            {
                "client_certificate": "nginx",
                "trusted_proxies": ["unix"],
                "client_certificate_header": "X_Cert",
            },
            "client_certificate_header: must be the name",
        ),
        (
            {
                "client_certificate": "nginx",
                "trusted_proxies": ["unix"],
                "client_certificate_header": "Authorization",
            },
            "client_certificate_header: Authorization has another meaning",
        ),
        (
            {
                "client_certificate": "rfc9440",
                "trusted_proxies": ["unix"],
                "token_header": "client-cert",
            },
            "client_certificate_header: token_header names the same field",
        ),
        ({"bound_tokens": "dpop"}, "bound_tokens: must be one of"),
    ],
)
def test_faults_of_settings(issuer, settings, fault):
    with pytest.raises(SettingsError, match=fault):
        issuer.guard(**settings)


@pytest.mark.parametrize(
    ("settings", "announced"),
    [
        ({}, None),
        ({"client_certificate": "tls"}, True),
        ({"client_certificate": "envoy", "trusted_proxies": ["10.0.0.0/8"]}, True),
        ({"bound_tokens": "certificate"}, True),
        ({"bound_tokens": "required"}, None),
    ],
)
def test_the_metadata_announces_the_support(issuer, settings, announced):
    guard = issuer.guard(resource="https://api.test", **settings)

    document = resource_document(guard._engine.resource.settings)

    assert document.get("tls_client_certificate_bound_access_tokens") is announced


def test_every_spelling_has_a_field():
    assert set(FIELDS) == set(SPELLINGS)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("value", [b"", b"  ", b"\t"])
def test_no_value_is_no_certificate(spelling, value):
    assert parse_header(value, spelling) == b""


@pytest.mark.parametrize("value", [b"%b", b" \t%b", b"%b\t ", b"\t%b "])
def test_white_space_around_a_value_does_not_count(value):
    """RFC 9110 §5.5. Some servers pass it on."""
    assert parse_header(value % RFC8705.encode(), "haproxy") == DER


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("size", [32_768, 32_769, 1_000_000])
def test_a_long_value_is_refused(spelling, size):
    assert not parse_header(b"A" * size, spelling)


def sequence(length: int) -> bytes:
    """Return a SEQUENCE of this many octets in all."""
    return b"\x30\x82" + (length - 4).to_bytes(2, "big") + bytes(length - 4)


def test_the_longest_certificate():
    longest, longer = (b64encode(sequence(length)) for length in (24_576, 24_577))
    assert (len(longest), len(longer)) == (32_768, 32_772)
    assert parse_header(longest, "haproxy") == sequence(24_576)
    assert parse_header(longer, "haproxy") is None
    assert parse_header(longest[:-4] + b" " * 5, "haproxy") is None
    text = pem_of(RFC8705)
    assert parse_pem(text + "\n" * (32_768 - len(text))) == DER
    assert parse_pem(text + "\n" * (32_769 - len(text))) is None


def test_small_and_large_certificates():
    assert parse_pem(pem_of("MAA=")) is None
    heads = {128: b"\x30\x81\x80", 255: b"\x30\x81\xff", 256: b"\x30\x82\x01\0"}
    for length, octets in heads.items():
        whole = octets + bytes(length)
        encoded = b64encode(whole).decode()
        assert parse_pem(pem_of(encoded)) == whole
        assert parse_pem(pem_of(b64encode(b"\x31" + whole[1:]).decode())) is None  # a SET
    for octets in (b"\x30\x81\x7f" + bytes(127), b"\x30\x82\0\xff" + bytes(255), b"\x30\x81"):
        assert parse_pem(pem_of(b64encode(octets).decode())) is None
