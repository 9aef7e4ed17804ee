"""Parse the client certificate from the header of a gateway, in any of five encodings.

Spec: RFC 9440 §2.1 (`Client-Cert`), RFC 7468 (PEM); nginx `$ssl_client_escaped_cert`; Traefik
PassTLSClientCert; Envoy `x-forwarded-client-cert`.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from typing import Final
from urllib.parse import unquote_to_bytes

_LONGEST: Final = 32_768
_ARMOUR: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL
)
_ENVOY: Final = re.compile(rb'(?:^|;)Cert="([^"]*)"', re.IGNORECASE)
_SPACE: Final = b" \t\r\n"
_SEQUENCE: Final = b"\x30"  # the first octet of every certificate in DER


def parse_certificate(value: bytes) -> bytes | None:
    """Return the certificate in DER.

    Args:
        value: Value of the header: `:base64:` of RFC 9440, base64, PEM, PEM with percent-escapes,
            or the list of Envoy with one element.

    Returns:
        None for any other value. The guard must then refuse the request. It must not decide as if
        the client had no certificate.
    """
    if len(value) > _LONGEST:
        return None
    if b'Cert="' in value:
        found = _ENVOY.findall(value)
        if len(found) != 1:  # several elements: the client may have sent one of its own
            return None
        value = found[0]
    if b"%" in value:
        value = unquote_to_bytes(value)
    armoured = _ARMOUR.search(value)
    if armoured is not None:
        value = armoured[1]
    elif value[:1] == b":" == value[-1:]:
        value = value[1:-1]
    try:
        octets = a2b_base64(value.translate(None, _SPACE), strict_mode=True)
    except Error:
        return None
    return octets if octets[:1] == _SEQUENCE else None
