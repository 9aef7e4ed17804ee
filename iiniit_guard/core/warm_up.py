"""Whether tokens can be judged yet, found out before the first one comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iiniit_guard.core.model.flow import Flow, Unreachable

if TYPE_CHECKING:
    from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
    from iiniit_guard.core.resource import ProtectedResource


def prepare(resource: ProtectedResource) -> Flow[tuple[str, ...]]:
    """Fetch what every decision needs: the keys, and where introspection is.

    Returns:
        Why that is not complete, one sentence for each issuer and document; the same spacing of attempts as for requests holds.
    """
    missing = []
    for server in resource.servers:
        if verifies(server):
            keys = yield from server.keys.obtain()
            if isinstance(keys, Unreachable):
                missing.append(f"{server.issuer}: {keys.detail}")
        if server.introspects:
            endpoint = yield from server.introspection_endpoint()
            if isinstance(endpoint, Unreachable):
                missing.append(f"{server.issuer}: {endpoint.detail}")
    return tuple(missing)


def verifies(server: AuthorizationServer) -> bool:
    """Tell whether this issuer's JWTs are verified here, so that its keys are needed."""
    return server.settings.jwt != "introspect"
