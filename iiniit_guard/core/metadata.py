"""Authorization server metadata, read: where the keys are and where to introspect.

Spec: RFC 8414 §3 (well-known path inserted before the issuer's path), OpenID Connect Discovery 1.0 §4 (appended to it).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from iiniit_guard.core.flow import Connection, Fetch, Flow, HttpRequest, HttpResponse, Unreachable
from iiniit_guard.core.jose import parse_object

LIFETIME_SECONDS = 3_600.0
STALE_SECONDS = 86_400.0


def metadata_urls(issuer: str) -> tuple[str, str]:
    """Give the two places where an issuer's metadata may be, in the order in which they are tried."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    inserted = urlunsplit((parts.scheme, parts.netloc, "/.well-known/oauth-authorization-server" + path, "", ""))
    appended = urlunsplit((parts.scheme, parts.netloc, path + "/.well-known/openid-configuration", "", ""))
    return inserted, appended


def load_metadata(urls: tuple[str, ...], issuer: str, connection: Connection) -> Flow[tuple[Mapping[str, Any], float] | Unreachable]:
    """Fetch the metadata from the first place that has it.

    Args:
        urls: Where to look. A place that answers anything but the document sends us to the next; one that cannot be reached does not.
        issuer: What the document's `issuer` must say to the letter, or it describes someone else (RFC 8414 §3.3).
        connection: How to reach it.
    """
    failure = Unreachable("answer", "no metadata")
    for url in urls:
        reply = yield Fetch(HttpRequest("GET", url, (("Accept", "application/json"),), b"", connection))
        if isinstance(reply, Unreachable):
            return reply
        document = _parse_metadata(reply, issuer)
        if not isinstance(document, Unreachable):
            return document, LIFETIME_SECONDS
        failure = document
    return failure


def _parse_metadata(reply: HttpResponse, issuer: str) -> Mapping[str, Any] | Unreachable:
    if reply.status != 200:
        return Unreachable("answer", f"metadata: status {reply.status}", retry_after(reply))
    document = parse_object(reply.body)
    if document is None:
        return Unreachable("answer", "metadata: not a JSON object")
    if document.get("issuer") != issuer:
        return Unreachable("answer", "metadata: its issuer is not the configured one")
    return document


def retry_after(reply: HttpResponse) -> float:
    """Give the seconds that a 429 or 503 asks us to wait, between 1 and 60; a date is read as the least."""
    value = reply.header("retry-after") or ""
    return float(min(60, max(1, int(value)))) if value.isascii() and value.isdigit() and len(value) < 6 else 1.0
