"""Authorization server metadata: the URLs of the keys and of the introspection endpoint.

Spec: RFC 8414 §3 (well-known path inserted before the issuer's path), OpenID Connect Discovery 1.0
§4 (appended to it).
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit, urlunsplit

from iiniit_guard.core.issuer import validators as check
from iiniit_guard.core.issuer.origin_headers import OriginHeaders
from iiniit_guard.core.jose.encodings import parse_object
from iiniit_guard.core.model.diagnosis import listed
from iiniit_guard.core.model.flow import (
    Connection,
    Fetch,
    Flow,
    HttpRequest,
    HttpResponse,
    Unreachable,
)
from iiniit_guard.core.model.json_types import JsonMapping

LIFETIME_SECONDS = 3_600.0
STALE_SECONDS = 86_400.0


def metadata_urls(issuer: str) -> tuple[str, str]:
    """Return the two possible URLs of the metadata of an issuer, in the order to try them."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    inserted = urlunsplit(
        (parts.scheme, parts.netloc, "/.well-known/oauth-authorization-server" + path, "", "")
    )
    appended = urlunsplit(
        (parts.scheme, parts.netloc, path + "/.well-known/openid-configuration", "", "")
    )
    return inserted, appended


def named_endpoint(
    document: JsonMapping, name: str, source: str, http_hosts: Collection[str]
) -> str | None:
    """Return a URL from the metadata, or None if it is missing or must not be called.

    The settings may name plain http on loopback, because the operator wrote them. A document may do
    so only if the settings fetch the document over plain http from loopback too. Otherwise a remote
    issuer could make the guard send requests and tokens to services on the guard's own machine.

    Args:
        document: The metadata.
        name: The member, such as `jwks_uri`.
        source: The URL in the settings from which the document was fetched, or from which that URL
            was derived.
        http_hosts: The setting `insecure_http_hosts`.

    Spec: RFC 8414 §2 (https).
    """
    url = document.get(name)
    if not isinstance(url, str) or check.endpoint_fault(url, http_hosts) is not None:
        return None
    named, written = urlsplit(url), urlsplit(source)
    if named.scheme == "https" or named.hostname in http_hosts:
        return url
    return url if written.scheme == "http" and check.is_loopback(written.hostname or "") else None


def load_metadata(
    urls: tuple[str, ...],
    issuer: str,
    connection: Connection,
    headers: OriginHeaders | None = None,
) -> Flow[tuple[JsonMapping, float] | Unreachable]:
    """Fetch the metadata from the first URL that has it.

    Args:
        urls: The URLs to try. If a URL returns anything but the document, the next one is tried; if
            its server cannot be reached, it is not.
        issuer: The required `issuer` of the document, compared exactly. A document with another one
            describes another issuer (RFC 8414 §3.3).
        connection: The connection settings.
        headers: Returns further header fields of the requests; None means that there are none.
    """
    failure = Unreachable("answer", "no metadata")
    for url in urls:
        further = () if headers is None else (yield from headers.of_document(url))
        if isinstance(further, Unreachable):
            return further.about(url=url)
        fields = (("Accept", "application/json"), *further)
        reply = yield Fetch(HttpRequest("GET", url, fields, b"", connection, "metadata"))
        if isinstance(reply, Unreachable):
            return reply
        if reply.status != 200:
            failure = Unreachable("answer", f"metadata: status {reply.status}", retry_after(reply))
        elif (document := parse_object(reply.body)) is None:
            failure = Unreachable("answer", "metadata: not a JSON object").about(topic="no_json")
        elif document.get("issuer") == issuer:
            return document, LIFETIME_SECONDS
        else:
            failure = Unreachable("answer", "metadata: its issuer is not the configured one")
            received = listed((document.get("issuer"),))
            failure = failure.about(received=received, expected=issuer, topic="metadata_issuer")
        failure = failure.about(url=url, status=reply.status)
    return failure


def retry_after(reply: HttpResponse) -> float:
    """Return the seconds in `Retry-After` of a 429 or 503 response, between 1 and 60.

    A date counts as 1 second.
    """
    value = reply.header("retry-after") or ""
    return (
        float(min(60, max(1, int(value))))
        if value.isascii() and value.isdigit() and len(value) < 6
        else 1.0
    )
