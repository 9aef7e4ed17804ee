"""The endpoints of an issuer at which a user's client obtains tokens (RFC 6749 §3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iiniit_guard.core.model.flow import Flow, Unreachable

if TYPE_CHECKING:
    from iiniit_guard.core.resource import ProtectedResource


@dataclass(frozen=True, slots=True)
class SignInEndpoints:
    """The endpoints of the authorization code flow. The guard itself never calls them.

    Attributes:
        authorization_endpoint: RFC 6749 §3.1.
        token_endpoint: RFC 6749 §3.2.
    """

    authorization_endpoint: str
    token_endpoint: str


def sign_in_endpoints(
    resource: ProtectedResource, issuer: str | None
) -> Flow[SignInEndpoints | Unreachable]:
    """Return the endpoints in the metadata of an issuer, or why they are unknown.

    The metadata is fetched if it is not cached. Attempts are spaced as for requests.

    Args:
        resource: Has the issuers.
        issuer: The issuer identifier; None means the only issuer of the guard.
    """
    if issuer is None:
        server = resource.only_server
    else:
        server = yield from resource.server_of(issuer)
    if server is None:
        return Unreachable("answer", "the guard does not trust exactly one such issuer")
    authorization = yield from server.endpoints.find(None, "authorization_endpoint")
    if isinstance(authorization, Unreachable):
        return authorization
    token = yield from server.endpoints.find(None, "token_endpoint")
    return token if isinstance(token, Unreachable) else SignInEndpoints(authorization, token)
