"""Parse the client certificate of a request from PEM, or from the header field of a proxy.

Each proxy has one spelling. A value in another spelling is malformed.

Spec: RFC 9440 §2.1 (`Client-Cert`), RFC 8941 §3.3.5 (byte sequence), RFC 7468 (PEM); nginx
`$ssl_client_escaped_cert`; Envoy `x-forwarded-client-cert`; HAProxy `ssl_c_der`; Traefik
PassTLSClientCert; Apache `SSL_CLIENT_CERT`.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias, get_args
from urllib.parse import unquote_to_bytes

Spelling: TypeAlias = Literal["rfc9440", "nginx", "envoy", "haproxy", "traefik", "apache"]
SPELLINGS: Final[tuple[Spelling, ...]] = get_args(Spelling)

FIELDS: Final[Mapping[Spelling, str]] = {
    "rfc9440": "Client-Cert",
    "nginx": "X-SSL-Client-Cert",
    "envoy": "X-Forwarded-Client-Cert",
    "haproxy": "X-SSL-Client-Cert",
    "traefik": "X-Forwarded-Tls-Client-Cert",
    "apache": "X-SSL-Client-Cert",
}
"""The header field of each spelling, unless `client_certificate_header` names another."""

NO_CERTIFICATE: Final = b""
"""The result for a client without a certificate."""

_LONGEST: Final = 32_768
_ARMOUR: Final = re.compile(
    rb"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*"
)
_SPACE: Final = b" \t\r\n"
# One pair of an element of Envoy: a quoted value, in which a backslash escapes, or a token.
_PAIR: Final = re.compile(rb'([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;]*))(;|$)')
# DER: a SEQUENCE (X.690 §8.9) of 128 to 32,768 octets, whose length has the shortest form.
_LENGTHS: Final[Mapping[int, int]] = {0x81: 1, 0x82: 2}


def parse_header(value: bytes, spelling: Spelling) -> bytes | None:
    """Return the certificate in the header field of a proxy, in DER.

    Args:
        value: The value of the only field of this name.
        spelling: The configured spelling.

    Returns:
        `NO_CERTIFICATE` if the proxy reports that the client has none. None if the value is
        malformed: the caller must not decide as if the client had no certificate.
    """
    if len(value) > _LONGEST:
        return None
    value = value.strip(_SPACE)
    return _PARSERS[spelling](value) if value else NO_CERTIFICATE


def parse_pem(text: object) -> bytes | None:
    """Return the first certificate of a text, in DER; None if the text is malformed."""
    if not isinstance(text, str) or not text.isascii() or len(text) > _LONGEST:
        return None
    return _pem(text.encode("ascii"))


def _pem(value: bytes) -> bytes | None:
    """Return the certificate of a text that holds one and nothing else."""
    armoured = _ARMOUR.fullmatch(value)
    return None if armoured is None else _base64(armoured[1].translate(None, _SPACE))


def _base64(value: bytes) -> bytes | None:
    try:
        octets = a2b_base64(value, strict_mode=True)
    except Error:
        return None
    return octets if _is_sequence(octets) else None


def _is_sequence(octets: bytes) -> bool:
    """Return whether the octets are one SEQUENCE in DER, and nothing else."""
    if octets[:1] != b"\x30" or len(octets) < 2:
        return False
    width = _LENGTHS.get(octets[1])
    if width is None:
        return False
    length = int.from_bytes(octets[2 : 2 + width], "big")
    return len(octets) == 2 + width + length and length >= (128, 256)[width - 1]


def _rfc9440(value: bytes) -> bytes | None:
    if value == b"::":
        return NO_CERTIFICATE
    return _base64(value[1:-1]) if value[:1] == value[-1:] == b":" else None


def _nginx(value: bytes) -> bytes | None:
    # Only the escaped variable can hold the line feeds of PEM.
    return _pem(unquote_to_bytes(value)) if b"%" in value else None


def _apache(value: bytes) -> bytes | None:
    return NO_CERTIFICATE if value == b"(null)" else _pem(value)


def _traefik(value: bytes) -> bytes | None:
    # The certificate of the client, then those of its authorities.
    return _base64(unquote_to_bytes(value.partition(b",")[0]))


def _envoy(value: bytes) -> bytes | None:
    """Return the certificate of a list with one element.

    Envoy can append to a list that the client sent. Then the list has several elements.
    """
    position, certificates = 0, []
    while position < len(value):
        pair = _PAIR.match(value, position)
        if pair is None:
            return None
        if pair[1].lower() == b"cert":
            certificates.append(pair[2] if pair[3] is None else pair[3])
        position = pair.end()
    if len(certificates) > 1:
        return None
    return _pem(unquote_to_bytes(certificates[0])) if certificates else NO_CERTIFICATE


_PARSERS: Final[Mapping[Spelling, Callable[[bytes], bytes | None]]] = {
    "rfc9440": _rfc9440,
    "nginx": _nginx,
    "envoy": _envoy,
    "haproxy": _base64,
    "traefik": _traefik,
    "apache": _apache,
}
