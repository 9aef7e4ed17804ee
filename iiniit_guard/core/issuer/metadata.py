"""Authorization server metadata: fetching it, and finding the URLs that the guard may call.

Spec: RFC 8414 §3 (well-known path inserted before the issuer's path), OpenID Connect Discovery 1.0
§4 (appended to it).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from iiniit_guard.core.issuer.revalidating import RevalidatedDocument
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
_MISSING_SECONDS: Final = 30.0

# A URL consists of visible ASCII characters, without spaces (RFC 3986 §2).
_VISIBLE: Final = re.compile(r"[!-~]+")
# Some parsers find another host or port if text follows a bracket, or if the port is 0.
_AUTHORITY: Final = re.compile(r"([^@]*@)?([^\[\]:]+|\[[^\[\]]+\])(:(0*[1-9][0-9]*)?)?")


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


def is_loopback(host: str) -> bool:
    """Return whether `host` names this machine, so that plain http does not leave the machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def url_fault(url: str, http_hosts: Collection[str]) -> str | None:
    """Return why the guard must not call `url`; None if the guard may call it.

    Args:
        url: From the settings, the metadata or a token.
        http_hosts: The setting `insecure_http_hosts`: hosts that may be called over plain http.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if not host or parts.scheme not in ("https", "http") or _VISIBLE.fullmatch(url) is None:
        return "must be an https URL"
    if _AUTHORITY.fullmatch(parts.netloc) is None:
        return "is not a URL"
    if parts.username is not None or parts.password is not None:
        return "a URL must not contain a user name or a password"
    if parts.fragment or url.endswith("#"):
        return "a URL must not have a fragment"
    if parts.scheme == "http" and not is_loopback(host) and host not in http_hosts:
        return "must be https (http only on loopback, or with insecure_http_hosts)"
    return None


class Endpoints:
    """The URLs of one issuer that the guard may call: from its settings, or from its metadata.

    Args:
        metadata: The metadata.
        source: The URL in the settings from which the guard fetches the metadata, or from which the
            URL of the metadata is derived.
        http_hosts: The setting `insecure_http_hosts`.
    """

    def __init__(
        self,
        metadata: RevalidatedDocument[JsonMapping],
        source: str,
        http_hosts: Collection[str],
    ) -> None:
        self._metadata = metadata
        self._source = source
        self._http_hosts = http_hosts
        written = urlsplit(source)
        self._may_be_loopback = written.scheme == "http" and is_loopback(written.hostname or "")
        # The URLs that `find` returned, by name, each with the document that contains the URL.
        self._known: dict[str, tuple[JsonMapping, str]] = {}

    def find(self, configured: str | None, name: str) -> Flow[str | Unreachable]:
        """Return the URL of an endpoint, or why the URL is not known now.

        The settings may contain an `http` URL on loopback, because the operator wrote them. The
        metadata may contain one only if the guard fetches the metadata over plain http from
        loopback too. Otherwise a remote issuer could make the guard send requests and tokens to
        services on the guard's own machine.

        Args:
            configured: The URL in the settings; None means the URL in the metadata.
            name: The member of the metadata, such as `jwks_uri`.

        Spec: RFC 8414 §2 (https).
        """
        if configured is not None:
            return configured
        document = yield from self._metadata.get()
        if isinstance(document, Unreachable):
            return document
        known = self._known.get(name)
        if known is not None and known[0] is document:
            return known[1]
        url, hosts = document.get(name), self._http_hosts
        if isinstance(url, str) and url_fault(url, hosts) is None:
            named = urlsplit(url)
            if named.scheme == "https" or named.hostname in hosts or self._may_be_loopback:
                self._known[name] = document, url
                return url
        missing = f"metadata: {name} is missing or not an https URL"
        return Unreachable("answer", missing, _MISSING_SECONDS).about(url=self._source)


def load_metadata(
    urls: tuple[str, ...],
    issuer: str,
    connection: Connection,
    headers: Callable[[str], Flow[tuple[tuple[str, str], ...] | Unreachable]] | None = None,
) -> Flow[tuple[JsonMapping, float] | Unreachable]:
    """Fetch the metadata from the first URL that has it.

    Args:
        urls: The URLs to try. If a URL returns anything but the document, the next one is tried; if
            its server cannot be reached, it is not.
        issuer: The required `issuer` of the document, compared exactly. A document with another one
            describes another issuer (RFC 8414 §3.3).
        connection: The connection settings.
        headers: Called with a URL. Returns the flow that finds further header fields of a request
            to this URL. None means that no request has further fields.
    """
    failure = Unreachable("answer", "no metadata")
    for url in urls:
        further = () if headers is None else (yield from headers(url))
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
