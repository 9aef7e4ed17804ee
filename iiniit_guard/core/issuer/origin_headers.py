"""Header fields and a token for requests to the servers that the settings of an issuer name.

Metadata can name endpoints on any server. Such a server gets none of them, because the operator may
not know it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

from iiniit_guard.core.http.bearer import is_b64token
from iiniit_guard.core.issuer import validators as check
from iiniit_guard.core.issuer.client_authentication import BearerToken, credential_fault, reveal
from iiniit_guard.core.model.flow import Flow, Unreachable

if TYPE_CHECKING:
    from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer

Headers: TypeAlias = tuple[tuple[str, str], ...]

_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.1
# The HTTP client, or the guard, sets these.
_TAKEN: Final = frozenset(
    {
        *("host", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"),
        *("transfer-encoding", "content-length", "content-type", "content-encoding", "expect"),
        *("accept", "accept-encoding", "authorization", "proxy-authorization"),
    }
)
_PORTS: Final = {"http": 80, "https": 443}


def http_headers_fault(value: object) -> str | None:
    """Return why `value` is not a table of header fields, or None. The result quotes no value."""
    if not isinstance(value, Mapping):
        return "must be a table from header name to value"
    for name, content in value.items():
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            return "must be a table from header name to value; a name has an invalid character"
        if name.lower() in _TAKEN:
            return f"{name}: the guard sets this field itself; remove it"
        fault = check.text(content)
        if fault is not None:
            return f"{name}: {fault}"
    if len({name.lower() for name in value}) < len(value):
        return "two names must not differ only by case"
    return None


def discovery_fault(value: object) -> str | None:
    """Return why `value` cannot authenticate requests for keys and metadata, or None."""
    return credential_fault(value) if isinstance(value, BearerToken) else "must be a BearerToken"


class OriginHeaders:
    """The header fields of requests to one issuer.

    They are sent only to the origins of the URLs in its settings from which the guard fetches:
    `metadata_url`, or `issuer` if its metadata is discovered, `jwks_uri` and
    `introspection_endpoint`. Redirects are never followed.

    Args:
        settings: The settings of the issuer.
    """

    def __init__(self, settings: TrustedIssuer) -> None:
        self._headers: Headers = tuple(settings.http_headers.items())
        self._token = settings.discovery_authentication
        documents = (settings.metadata_url or settings.issuer, settings.jwks_uri)
        self._of_documents = _origins(*documents)
        self._of_all = _origins(*documents, settings.introspection_endpoint)

    def of_call(self, url: str) -> Headers:
        """Return the further header fields of an introspection request to `url`."""
        return self._headers if origin_of(url) in self._of_all else ()

    def of_document(self, url: str) -> Flow[Headers | Unreachable]:
        """Return the further header fields of a request for keys or metadata at `url`.

        A token in a file is read for each request, because another program renews it.
        """
        if origin_of(url) not in self._of_documents:
            return ()
        if self._token is None:
            return self._headers
        revealed = yield from reveal(self._token.token)
        if not isinstance(revealed, Unreachable) and not (
            revealed.isascii() and is_b64token(revealed.encode("ascii"))
        ):
            # A line break would start another header.
            revealed = Unreachable(
                "credentials", "the token of discovery_authentication is not a bearer token", 30.0
            )
        if isinstance(revealed, Unreachable):
            return revealed.about(topic="discovery_token")
        return (*self._headers, ("Authorization", f"Bearer {revealed}"))

    def explained(self, refused: Unreachable, url: str) -> Unreachable:
        """Return the failure of a request for a document, with the reason if it got no fields."""
        gets_fields = origin_of(url) in self._of_documents
        return refused if gets_fields else refused.about(topic="other_origin")


def origin_headers_of(settings: TrustedIssuer) -> OriginHeaders | None:
    """Return the further header fields that the settings of an issuer name; None without any."""
    if not settings.http_headers and settings.discovery_authentication is None:
        return None
    return OriginHeaders(settings)


def _origins(*urls: str | None) -> frozenset[tuple[str, str, int]]:
    found = (None if url is None else origin_of(url) for url in urls)
    return frozenset(origin for origin in found if origin is not None)


def origin_of(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of a URL (RFC 6454 §4), or None if it has no host."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return None if parts.hostname is None else (parts.scheme, parts.hostname, port)
