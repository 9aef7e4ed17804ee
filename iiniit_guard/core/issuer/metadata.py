"""Authorization server metadata, read: where the keys are and where to introspect.

Spec: RFC 8414 §3 (well-known path inserted before the issuer's path), OpenID Connect Discovery 1.0 §4 (appended to it).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from iiniit_guard.core.issuer import validators as is_
from iiniit_guard.core.jose.jws import parse_object
from iiniit_guard.core.model.flow import Connection, Fetch, Flow, HttpRequest, HttpResponse, Unreachable

LIFETIME_SECONDS = 3_600.0
STALE_SECONDS = 86_400.0


def metadata_urls(issuer: str) -> tuple[str, str]:
    """Give the two places where an issuer's metadata may be, in the order in which they are tried."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    inserted = urlunsplit((parts.scheme, parts.netloc, "/.well-known/oauth-authorization-server" + path, "", ""))
    appended = urlunsplit((parts.scheme, parts.netloc, path + "/.well-known/openid-configuration", "", ""))
    return inserted, appended


def named_endpoint(document: Mapping[str, Any], name: str, source: str, http_hosts: Collection[str]) -> str | None:
    """Return a URL that metadata names, or None if it is missing or must not be called.

    Settings may name plain http on loopback, since the operator wrote them. A document may do so only if the operator wrote that it
    comes from there; otherwise a remote issuer could make the guard send requests and tokens to services of its own machine.

    Args:
        document: The metadata.
        name: `jwks_uri` or `introspection_endpoint`.
        source: The URL in the settings from which the document was fetched, or from which that URL was derived.
        http_hosts: The setting `insecure_http_hosts`.

    Spec: RFC 8414 §2 (https).
    """
    url = document.get(name)
    if not isinstance(url, str) or is_.endpoint_fault(url, http_hosts) is not None:
        return None
    named, written = urlsplit(url), urlsplit(source)
    if named.scheme == "https" or named.hostname in http_hosts:
        return url
    return url if written.scheme == "http" and is_.is_loopback(written.hostname or "") else None


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
