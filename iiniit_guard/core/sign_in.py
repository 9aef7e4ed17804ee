"""The endpoints of an issuer at which a user's client obtains tokens (RFC 6749 §3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiniit_guard.core.model.flow import Flow, Unreachable

if TYPE_CHECKING:
    from iiniit_guard.core.resource import ProtectedResource

_RETRY_SECONDS: Final = 30.0


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
    document = yield from server.metadata.get()
    if isinstance(document, Unreachable):
        return document
    authorization, token = (
        server.endpoints.named(document, name)
        for name in ("authorization_endpoint", "token_endpoint")
    )
    if authorization is None or token is None:
        return Unreachable(
            "answer",
            "metadata: authorization_endpoint or token_endpoint is missing or not an https URL",
            _RETRY_SECONDS,
        )
    return SignInEndpoints(authorization, token)
