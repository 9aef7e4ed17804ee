"""The client certificate in the header field of a proxy: RFC 9440, and what proxies write.

These rows are not in `TABLES`: a sidecar reads the field of its gateway, and has rows of its own.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any, Final
from urllib.parse import quote

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import ALLOWED, Allowed, Case, Refused, bad, token
from tests.contract.cases.mutual_tls import BOUND, presenting
from tests.contract.hosts.tls import RFC8705, RFC9440, pem_of

_NONE: Final = bad(Reason.NO_CERTIFICATE)
_WRONG: Final = bad(Reason.WRONG_CERTIFICATE)
_MALFORMED: Final = bad(Reason.MALFORMED_CERTIFICATE)
_PEM: Final = pem_of(RFC8705)
_LINE: Final = _PEM.replace("\n", " ").strip()
_OTHER: Final = pem_of(RFC9440)
_DER: Final = b64decode(RFC8705)
_XFCC: Final = f'By=spiffe://a;Hash=00ff;Cert="{quote(_PEM)}";Subject="CN=\\"a\\", O=b";URI='
_PROXY: Final = ("127.0.0.0/8", "::1")


def _b64(octets: bytes) -> str:
    return b64encode(octets).decode()


def _spellings() -> list[Case]:
    rows: list[tuple[str, str, str, Refused | Allowed]] = [
        ("rfc9440", "a byte sequence", f":{RFC8705}:", ALLOWED),
        ("rfc9440", "another certificate, the example of the RFC", f":{RFC9440}:", _WRONG),
        ("rfc9440", "an empty byte sequence", "::", _NONE),
        ("rfc9440", "without colons", RFC8705, _MALFORMED),
        ("rfc9440", "in quotes", f'"{RFC8705}"', _MALFORMED),
        ("rfc9440", "with a colon behind it alone", f"x{RFC8705}:", _MALFORMED),
        ("rfc9440", "with a colon before it alone", f":{RFC8705}x", _MALFORMED),
        ("rfc9440", "with parameters", f":{RFC8705}:;a=1", _MALFORMED),
        ("rfc9440", "a list of two", f":{RFC8705}:, :{RFC8705}:", _MALFORMED),
        ("rfc9440", "base64url", f":{RFC8705.replace('+', '-').replace('/', '_')}:", _MALFORMED),
        ("rfc9440", "without padding", f":{RFC8705.rstrip('=')}:", _MALFORMED),
        ("rfc9440", "with a space inside", f":{RFC8705[:40]} {RFC8705[40:]}:", _MALFORMED),
        ("rfc9440", "PEM", _LINE, _MALFORMED),
        ("rfc9440", "no certificate", f":{_b64(b'x' * 200)}:", _MALFORMED),
        ("rfc9440", "a SET", f":{_b64(bytes([49]) + _DER[1:])}:", _MALFORMED),
        ("rfc9440", "an octet behind", f":{_b64(_DER + b'x')}:", _MALFORMED),
        ("rfc9440", "an octet less", f":{_b64(_DER[:-1])}:", _MALFORMED),
        ("rfc9440", "two in one", f":{_b64(_DER * 2)}:", _MALFORMED),
        (
            "rfc9440",
            "a length in a longer form",
            f":{_b64(bytes([48, 130, 0, 100]) + _DER[:100])}:",
            _MALFORMED,
        ),
        (
            "rfc9440",
            "of open length",
            f":{_b64(bytes([48, 128]) + _DER[4:] + bytes(2))}:",
            _MALFORMED,
        ),
        ("rfc9440", "one octet", f":{_b64(b'0')}:", _MALFORMED),
        ("rfc9440", "one colon", ":", _MALFORMED),
        ("rfc9440", "too long", f":{'A' * 32_768}:", _MALFORMED),
        ("nginx", "escaped PEM", quote(_PEM), ALLOWED),
        ("nginx", "escaped PEM with slashes escaped", quote(_PEM, safe=""), ALLOWED),
        ("nginx", "another certificate", quote(_OTHER), _WRONG),
        ("nginx", "two certificates", quote(_PEM + _OTHER), _MALFORMED),
        ("nginx", "PEM in one line", _LINE, _MALFORMED),
        ("nginx", "text before it", quote(f"x{_PEM}"), _MALFORMED),
        ("nginx", "a byte sequence", f":{RFC8705}:", _MALFORMED),
        ("nginx", "bare base64", RFC8705, _MALFORMED),
        ("nginx", "a private key", quote(_PEM.replace("CERTIFICATE", "PRIVATE KEY")), _MALFORMED),
        ("envoy", "one element", _XFCC, ALLOWED),
        ("envoy", "the certificate alone", f'Cert="{quote(_PEM)}"', ALLOWED),
        ("envoy", "a key in another case", f'cert="{quote(_PEM)}"', ALLOWED),
        ("envoy", "without quotes", f"Cert={quote(_PEM, safe='')}", ALLOWED),
        ("envoy", "an element without certificate", "Hash=00ff;URI=spiffe://a", _NONE),
        ("envoy", "its chain alone", f'Chain="{quote(_PEM)}"', _NONE),
        ("envoy", "two elements", f"{_XFCC},{_XFCC}", _MALFORMED),
        ("envoy", "an element of the client before", f"{_XFCC},By=spiffe://b;Hash=11", _MALFORMED),
        ("envoy", "an element of the client behind", f"By=spiffe://b;Hash=11,{_XFCC}", _MALFORMED),
        ("envoy", "two certificates", f'{_XFCC};Cert="{quote(_OTHER)}"', _MALFORMED),
        ("envoy", "in a quoted value", f'Subject="Cert=\\"{quote(_PEM)}\\""', _NONE),
        ("envoy", "an open quote", f'Cert="{quote(_PEM)}', _MALFORMED),
        ("envoy", "another certificate", f'Cert="{quote(_OTHER)}"', _WRONG),
        ("haproxy", "bare base64", RFC8705, ALLOWED),
        ("haproxy", "another certificate", RFC9440, _WRONG),
        ("haproxy", "a byte sequence", f":{RFC8705}:", _MALFORMED),
        ("haproxy", "repeated and joined", f"{RFC8705},{RFC8705}", _MALFORMED),
        ("haproxy", "escaped", quote(_PEM), _MALFORMED),
        ("traefik", "bare base64", RFC8705, ALLOWED),
        ("traefik", "escaped base64", quote(RFC8705, safe=""), ALLOWED),
        ("traefik", "another certificate", RFC9440, _WRONG),
        ("traefik", "a byte sequence", f":{RFC8705}:", _MALFORMED),
        ("apache", "PEM in one line", _LINE, ALLOWED),
        ("apache", "another certificate", _OTHER.replace("\n", " "), _WRONG),
        ("apache", "none", "(null)", _NONE),
        ("apache", "escaped PEM", quote(_PEM), _MALFORMED),
        ("apache", "a byte sequence", f":{RFC8705}:", _MALFORMED),
    ]
    names = {
        "rfc9440": b"client-cert",
        "nginx": b"x-ssl-client-cert",
        "envoy": b"x-forwarded-client-cert",
        "haproxy": b"x-ssl-client-cert",
        "traefik": b"x-forwarded-tls-client-cert",
        "apache": b"x-ssl-client-cert",
    }
    return [
        Case(
            f"a certificate as {spelling} writes it: {name}",
            "RFC 9440 §2.1; RFC 8705 §6.5",
            token(cnf=BOUND),
            expected,
            headers=((names[spelling], value.encode()),),
            settings={"client_certificate": spelling, "trusted_proxies": _PROXY},
        )
        for spelling, name, value, expected in rows
    ]


def _places() -> list[Case]:
    field = (b"client-cert", f":{RFC8705}:".encode())
    other = (b"client-cert", f":{RFC9440}:".encode())
    trusted: dict[str, Any] = {"client_certificate": "rfc9440", "trusted_proxies": _PROXY}
    elsewhere = {**trusted, "trusted_proxies": ["192.0.2.0/24", "unix"]}
    own = {**trusted, "client_certificate_header": "X-Client-Cert"}
    named = (b"x-client-cert", field[1])
    rows: list[tuple[str, tuple[tuple[bytes, bytes], ...], dict[str, Any], Refused | Allowed]] = [
        ("from a trusted proxy", (field,), trusted, ALLOWED),
        ("from another peer", (field,), elsewhere, _NONE),
        ("from anybody, where none is read", (field,), {}, _NONE),
        (
            "from anybody, where TLS counts",
            (field,),
            {"client_certificate": "tls"},
            _NONE,
        ),
        ("missing", (), trusted, _NONE),
        ("empty", ((b"client-cert", b""),), trusted, _NONE),
        ("repeated", (field, field), trusted, _MALFORMED),
        ("repeated, another one first", (other, field), trusted, _MALFORMED),
        ("in another field", (named,), trusted, _NONE),
        ("in a field of its own", (named,), own, ALLOWED),
        ("in the usual field, where another is set", (field,), own, _NONE),
        ("only as chain", ((b"client-cert-chain", field[1]),), trusted, _NONE),
        ("with a chain", (field, (b"client-cert-chain", other[1])), trusted, ALLOWED),
        ("in TLS, where a field is read", presenting(RFC8705), trusted, _NONE),
        ("another one in the field than in TLS", (*presenting(RFC8705), other), trusted, _WRONG),
    ]
    cases = [
        Case(
            f"a certificate {name}",
            "RFC 9440 §2.1, §4; RFC 8705 §6.5",
            token(cnf=BOUND),
            expected,
            headers=headers,
            settings=settings,
        )
        for name, headers, settings, expected in rows
    ]
    spoofed = Case(
        "a certificate from another peer beside an unbound token",
        "RFC 9440 §4",
        token(),
        ALLOWED,
        headers=(field, field),
        settings=elsewhere,
    )
    return [*cases, spoofed]


CASES: Final[list[Case]] = [*_spellings(), *_places()]
