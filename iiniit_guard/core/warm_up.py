"""Warm-up: fetching before the first request what verification needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iiniit_guard.core.issuer.introspection import check_credentials
from iiniit_guard.core.model.flow import Flow, Unreachable

if TYPE_CHECKING:
    from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
    from iiniit_guard.core.resource import ProtectedResource


def warm_up(resource: ProtectedResource) -> Flow[tuple[str, ...]]:
    """Fetch what every decision needs: the keys, and the endpoints and secrets of introspection.

    Attempts are spaced as for requests. Each failure is reported at once, because other issuers may
    take long to fail.

    Returns:
        One sentence for each issuer and document that is missing.
    """
    missing = []
    for server in resource.servers:
        if verifies(server):
            keys = yield from server.keys.get()
            if isinstance(keys, Unreachable):
                missing.append(_missing(server, keys))
        if server.introspects:
            endpoint = yield from server.introspection_endpoint()
            if isinstance(endpoint, Unreachable):
                missing.append(_missing(server, endpoint))
            unusable = yield from check_credentials(server)
            if unusable is not None:
                missing.append(_missing(server, unusable))
    return tuple(missing)


def _missing(server: AuthorizationServer, failure: Unreachable) -> str:
    server.report(failure)
    return f"{server.issuer}: {failure.detail}"


def verifies(server: AuthorizationServer) -> bool:
    """Return whether the guard verifies signatures of this issuer and so needs its keys."""
    return server.settings.jwt != "introspect" or server.settings.introspection_signed
