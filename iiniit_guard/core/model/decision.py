"""What the guard says about a request: `Allow`, `Deny` or `Unavailable`, each complete enough to be carried out."""

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
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Allow:
    """The request goes on.

    Attributes:
        token: The verified access token; None for an anonymous request that the policy lets pass, or another credential.
        principal: Who came with one of the `alternatives`; None otherwise.
        cache: How the answer was found: `hit`, `miss` or `none`.
    """

    token: AccessToken | None
    principal: Principal | None = None
    cache: str = "none"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer.

    Attributes:
        status: HTTP status.
        headers: List of (name, value), printable ASCII, complete with Content-Length; at most one field line a name.
        body: Empty for HEAD.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def status_line(self) -> str:
        """`401 Unauthorized`, as WSGI wants it."""
        return f"{self.status} {_PHRASES[self.status]}"

    def header(self, name: str) -> str | None:
        """Give the value of the header `name` (any case), or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Refusal(Answer):
    """An answer that ends the request: 400, 401, 403, 429 or 503 with `application/problem+json` (RFC 9457).

    Attributes:
        reason: Ours, stable.
        token: The verified token that did not satisfy the policy, for events; None where there was none.
        cache: As for `Allow`.
    """

    reason: Reason
    token: AccessToken | Principal | None = field(default=None, repr=False)
    cache: str = "none"


class Deny(Refusal):
    """The request has no credential, a bad one, or one that may not do this."""

    __slots__ = ()


class Unavailable(Refusal):
    """We could not find out; the client should come again with the same token."""

    __slots__ = ()


Decision: TypeAlias = Allow | Deny | Unavailable
