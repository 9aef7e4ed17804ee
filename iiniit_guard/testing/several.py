"""Several issuers at once, for guards that trust more than one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iiniit_guard.adapting.types import JsonObject
from iiniit_guard.core.model.flow import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
    from iiniit_guard.core.model.flow import HttpRequest
    from iiniit_guard.testing.faults import IssuerResponse
    from iiniit_guard.testing.issuer import Issuer


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

    A request goes to the issuer whose identifier is a prefix of its URL. No other host is
    reachable.
    """

    def handle(request: HttpRequest) -> IssuerResponse:
        origins = [
            issuer for issuer in issuers if request.url.startswith(issuer.issuer.rstrip("/") + "/")
        ]
        return (
            origins[0].handle(request)
            if origins
            else Unreachable("connection", "there is no such host")
        )

    return handle
