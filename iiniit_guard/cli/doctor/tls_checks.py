"""Findings about TLS certificates: whether the chain is trusted, and when it expires."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from iiniit_guard.cli.doctor.finding import Finding
from iiniit_guard.core.http.hints import CAUSE_HINTS
from iiniit_guard.core.model.flow import Connection
from iiniit_guard.io.exchange import ExchangeError
from iiniit_guard.io.http import TlsContexts
from iiniit_guard.observe.servers import host_and_port

_SOON_DAYS: Final = 21.0


def check_tls(urls: Mapping[str, Connection], now: float) -> Iterator[Finding]:
    """Return one finding for each server of `urls` that is called by https.

    Args:
        urls: URL → how the guard connects to it.
        now: Seconds since the epoch.
    """
    seen = set[tuple[str, int, str | None]]()
    for url, connection in urls.items():
        host, port = host_and_port(url)
        if urlsplit(url).scheme != "https" or (host, port, connection.ca_file) in seen:
            continue
        seen.add((host, port, connection.ca_file))
        if connection.http_proxy is not None:
            text = "the server is called through http_proxy, so its certificate is not shown"
            yield Finding("tls", "unknown", f"{host}:{port}", text)
            continue
        yield _finding(host, port, connection, now)


def _finding(host: str, port: int, connection: Connection, now: float) -> Finding:
    place = f"{host}:{port}"
    try:
        certificate, version = _certificate(host, port, connection)
    except ssl.SSLCertVerificationError as error:
        return Finding("tls", "fault", place, error.verify_message, CAUSE_HINTS["tls"])
    except ExchangeError as error:
        return Finding("tls", "fault", place, str(error), CAUSE_HINTS["file"])
    except OSError as error:
        return Finding("tls", "fault", place, type(error).__name__, CAUSE_HINTS["connection"])
    ends = ssl.cert_time_to_seconds(certificate["notAfter"])
    days = (ends - now) / 86_400
    issuer = {name: value for pairs in certificate["issuer"] for name, value in pairs}
    signed = issuer.get("organizationName") or issuer.get("commonName") or "an unnamed authority"
    text = f"trusted, {version}, signed by {signed}, valid for {days:.0f} days"
    if days < _SOON_DAYS:
        cure = "renew the certificate of the server; check that its renewal is automatic"
        return Finding("tls", "warning", place, text, cure)
    return Finding("tls", "ok", place, text)


def _certificate(host: str, port: int, connection: Connection) -> tuple[dict[str, Any], str]:
    context = TlsContexts().make(connection)
    timeout = connection.timeout_seconds
    with (
        socket.create_connection((host, port), timeout) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        # A verified certificate has these members; without verification there are none.
        shown: Any = secured.getpeercert()
        return shown, str(secured.version())
