"""Decisions about requests: `Allow`, `Deny` or `Unavailable`. A refusal is a complete response."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.problem import Reason

_PHRASES: Final = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    413: "Content Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Allow:
    """The request may proceed.

    Attributes:
        token: The verified access token. None for an anonymous request that the policy allows, and
            for another credential.
        principal: The result of one of the `alternatives`; None otherwise.
        cache: How the decision was made: `hit`, `miss` or `none`.
        headers: List of (name, value) that the response to the client should have, such as a fresh
            `DPoP-Nonce`. They replace fields of the same name.
    """

    token: AccessToken | None
    principal: Principal | None = None
    cache: str = "none"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Response:
    """A complete HTTP response.

    Attributes:
        status: HTTP status.
        headers: List of (name, value), printable ASCII, including Content-Length; at most one field
            line per name.
        body: Empty for HEAD.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def status_line(self) -> str:
        """The status line that WSGI requires, such as `401 Unauthorized`."""
        return f"{self.status} {_PHRASES[self.status]}"

    def header(self, name: str) -> str | None:
        """Return the value of the header `name` (in any case), or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Refusal(Response):
    """A response that ends the request.

    The status is 400, 401, 403, 413, 429 or 503; the body is `application/problem+json` (RFC 9457).

    Attributes:
        reason: The guard's stable reason.
        token: The verified token that did not satisfy the policy, for events; None if there was
            none.
        cache: As for `Allow`.
    """

    reason: Reason
    token: AccessToken | Principal | None = field(default=None, repr=False)
    cache: str = "none"


class Deny(Refusal):
    """The request has no credential, an invalid one, or one that is not sufficient."""

    __slots__ = ()


class Unavailable(Refusal):
    """The guard could not verify the token. The client should retry with the same token."""

    __slots__ = ()


Decision: TypeAlias = Allow | Deny | Unavailable
