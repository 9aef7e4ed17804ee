"""The proof of a token that is bound to a client certificate.

The certificate comes from the TLS layer of the server, or from the header field of a trusted proxy,
as the setting `client_certificate` says. It is read only for a bound token.

Spec: RFC 8705 §3, §3.1, §6.5; RFC 9440 §2, §4; the TLS extension of ASGI.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple, TypeAlias

from iiniit_guard.core.http.client_certificate import (
    FIELDS,
    NO_CERTIFICATE,
    Spelling,
    parse_header,
    parse_pem,
)
from iiniit_guard.core.http.trusted_peers import TrustedPeers
from iiniit_guard.core.jose.encodings import encode_base64url
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.settings.guard_settings import GuardSettings

Found: TypeAlias = bytes | Problem
"""The certificate of the client in DER, or why there is none."""

_MISSING: Final = PROBLEMS[Reason.NO_CERTIFICATE]
_MALFORMED: Final = PROBLEMS[Reason.MALFORMED_CERTIFICATE]


class CertificateSource(NamedTuple):
    """The place in which a request has its client certificate.

    Attributes:
        spelling: The spelling of the header field; None means the TLS layer of the server.
        field: The name of the field.
        peers: The proxies whose field is read.
    """

    spelling: Spelling | None
    field: str
    peers: TrustedPeers

    @classmethod
    def of(cls, settings: GuardSettings) -> CertificateSource:
        """Return the source that the settings name."""
        spelling = settings.client_certificate
        if spelling is None or spelling == "tls":
            return cls(None, "", TrustedPeers(()))
        field = settings.client_certificate_header or FIELDS[spelling]
        return cls(spelling, field, TrustedPeers(settings.trusted_proxies))

    def find(self, request: Request) -> Found:
        """Return the certificate of the client that sent `request`."""
        if request.certificate is not None:
            return request.certificate
        if self.spelling is None:
            return _from_tls(request.native)
        return self._from_header(request, self.spelling)

    def _from_header(self, request: Request, spelling: Spelling) -> Found:
        values = request.header_values(self.field.lower().encode("ascii"))
        if not values:
            return _MISSING.about(detail=f"the request has no {self.field}")
        # RFC 9440 §4: a client that reaches the server directly can write the field.
        if not self.peers.trusts(request):
            return _MISSING.about(
                detail=f"{self.field} is not read: the peer is not in trusted_proxies"
            )
        # WSGI servers join repeated fields. In a list of Traefik, the second certificate could
        # then be one of the client.
        joined = spelling == "traefik" and not _is_asgi(request.native) and b"," in values[0]
        certificate = None if len(values) > 1 or joined else parse_header(values[0], spelling)
        if certificate is None:
            return _MALFORMED.about(
                detail=f"{self.field} is repeated, or is not a certificate as {spelling} writes it"
            )
        if certificate == NO_CERTIFICATE:
            return _MISSING.about(detail=f"{self.field} holds no certificate")
        return certificate


def certificate_problem(thumbprint: str, found: Found) -> Problem | None:
    """Return why a certificate is not the one of a token; None if it is.

    Args:
        thumbprint: The member `x5t#S256` of `cnf`.
        found: What `CertificateSource.find` returned.
    """
    if isinstance(found, Problem):
        return found
    actual = encode_base64url(sha256(found).digest()).decode("ascii")
    return None if actual == thumbprint else PROBLEMS[Reason.WRONG_CERTIFICATE]


def _from_tls(native: Any) -> Found:
    """Return the certificate that the client presented to the server itself.

    Args:
        native: The environ or scope of the request.
    """
    if not isinstance(native, Mapping):
        return _MISSING
    if _is_asgi(native):
        return _from_extension((native.get("extensions") or {}).get("tls"))
    text = native.get("SSL_CLIENT_CERT")
    if text:  # mod_wsgi with +ExportCertData, and others
        certificate = parse_pem(text)
        return _MALFORMED.about(detail="SSL_CLIENT_CERT") if certificate is None else certificate
    return _from_socket(native.get("gunicorn.socket"))


def _from_extension(extension: Any) -> Found:
    """Return the certificate of the TLS extension of ASGI."""
    if not isinstance(extension, Mapping):
        return _MISSING.about(detail="the server offers no TLS extension of ASGI")
    if extension.get("client_cert_error") is not None:
        return _MISSING.about(detail="the server did not accept the certificate of the client")
    for text in extension.get("client_cert_chain") or ():
        certificate = parse_pem(text)  # the first one is that of the client
        return _MALFORMED.about(detail="client_cert_chain") if certificate is None else certificate
    return _MISSING


def _from_socket(socket: Any) -> Found:
    """Return the certificate of the connection of gunicorn."""
    read = getattr(socket, "getpeercert", None)  # a socket without TLS has no such method
    if read is None:
        return _MISSING
    try:
        certificate = read(True)
    except (OSError, ValueError):  # the connection was closed, or the handshake is not complete
        return _MISSING
    return certificate if isinstance(certificate, bytes) and certificate else _MISSING


def _is_asgi(native: Any) -> bool:
    return isinstance(native, Mapping) and "type" in native
