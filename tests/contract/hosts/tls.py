"""The client certificate of a connection, for hosts without a real one.

A request of the tests carries it in a pseudo field, which every host moves to where its server has
the certificate: the environ of WSGI, the TLS extension of ASGI, the header field of a gateway.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any, Final
from urllib.parse import quote

FIELD: Final = b"test-tls-certificate"
"""The name of the pseudo field. Its value is the certificate in DER, in base64."""

# RFC 8705 appendix A, and the certificate of RFC 9440 appendix A.
RFC8705: Final = (
    "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIyMDUwMjEyMzcwOV"
    "owDzENMAsGA1UEAwwEbXRsczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQ"
    "ZjjJ/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwIDSQAwRgIhAP0RC1E+vwJD/D1AGH"
    "Gzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOVbUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY="
)
RFC8705_THUMBPRINT: Final = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"
RFC9440: Final = (
    "MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEk"
    "xBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYH"
    "KoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEF"
    "cGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8B"
    "Af8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BA"
    "MCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4h"
    "BVZ1yhk="
)


def pem_of(certificate: str) -> str:
    """Return a certificate in base64 as PEM."""
    text = b64encode(b64decode(certificate)).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def of_gateway(certificate: str, gateway: str) -> tuple[bytes, bytes]:
    """Return the header field in which a gateway passes a certificate to the sidecar."""
    pem = quote(pem_of(certificate))
    name, value = {
        "nginx": ("x-original-client-cert", pem),
        "traefik": ("x-forwarded-tls-client-cert", certificate),
        "envoy": ("x-forwarded-client-cert", f'Hash=00;Cert="{pem}";URI=spiffe://a'),
    }[gateway]
    return name.encode(), value.encode()


def in_scope(scope: dict[str, Any]) -> dict[str, Any]:
    """Return an ASGI scope with the pseudo field moved to the TLS extension."""
    found = [value.decode() for name, value in scope["headers"] if name == FIELD]
    if not found:
        return scope
    chain = [pem_of(value) for value in found]
    extension = {"client_cert_chain": chain, "client_cert_error": None, "server_cert": None}
    headers = [(name, value) for name, value in scope["headers"] if name != FIELD]
    extensions = {**scope.get("extensions", {}), "tls": extension}
    return {**scope, "headers": headers, "extensions": extensions}
