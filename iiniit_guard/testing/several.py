"""Several issuers at once, for guards that trust more than one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from iiniit_guard.adapting.types import JsonObject
from iiniit_guard.core.model.flow import HttpResponse, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
    from iiniit_guard.core.model.flow import HttpRequest
    from iiniit_guard.testing.faults import IssuerResponse
    from iiniit_guard.testing.issuer import Issuer


_WELL_KNOWN: Final = re.compile(r"/\.well-known/[^/]+")


def trusted(issuer: Issuer, **settings: object) -> TrustedIssuer:
    """Return an item for `Guard(issuers=[...])` that makes the guard trust `issuer`.

    The credentials for introspection are included.

    >>> from iiniit_guard import Guard
    >>> from iiniit_guard.testing import Issuer
    >>> one, two = Issuer("https://one.test"), Issuer("https://two.test")
    >>> issuers = [trusted(one), trusted(two, introspection=None)]
    >>> guard = Guard(issuers=issuers, transport=network(one, two))
    >>> guard.verify(two.token()).issuer
    'https://two.test'
    >>> guard.close()

    Args:
        issuer: The issuer whose tokens to accept.
        settings: Settings of `TrustedIssuer`.
    """
    from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer

    wired: JsonObject = {
        "issuer": issuer.issuer,
        "audience": issuer.audience,
        "introspection": issuer.credentials("client_secret_basic"),
    }
    return TrustedIssuer(**{**wired, **settings})


def network(*issuers: Issuer) -> Callable[[HttpRequest], IssuerResponse]:
    """Return a value for `Guard(transport=...)` that routes requests to `issuers`.

    Issuers may share a host and differ in their paths. A request goes to the issuer whose metadata
    names its URL, otherwise to the issuer with the longest identifier that is a prefix of the URL.
    Other paths of these hosts answer 404. No other host is reachable.
    """

    def handle(request: HttpRequest) -> IssuerResponse:
        url = request.url
        place = _without_inserted_path(url)
        named = [each for each in issuers if url in each.metadata.values()]
        below = [each for each in issuers if f"{place}/".startswith(f"{each.issuer.rstrip('/')}/")]
        if named or below:
            return (named or sorted(below, key=_length))[-1].handle(request)
        if any(urlsplit(each.issuer)[:2] == urlsplit(url)[:2] for each in issuers):
            return HttpResponse(404, (("content-type", "text/plain"),), b"not found")
        return Unreachable("connection", "the host does not exist")

    return handle


def _without_inserted_path(url: str) -> str:
    """Return the URL without the well-known path that RFC 8414 §3.1 inserts before the path."""
    parts = urlsplit(url)
    match = _WELL_KNOWN.match(parts.path)
    path = parts.path if match is None else parts.path[match.end() :]
    return f"{parts.scheme}://{parts.netloc}{path}"


def _length(issuer: Issuer) -> int:
    return len(issuer.issuer)
