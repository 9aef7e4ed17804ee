"""The credential that one request presents, while the guard decides about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from iiniit_guard.core.http.bearer import BEARER
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.request import Request, only_authorization


class Presented:
    """The credential of one request, and the results of its decision for events and challenges.

    Args:
        authorization: The attribute.
        query: The attribute.
        read: Returns the `Request` of `source`, which most decisions do not need.
        source: The scope, the environ or the request.
        host: The attribute.

    Attributes:
        authorization: The value of its only Authorization field; None unless there is one.
        query: Undecoded.
        host: The adapter's name, for events.
        digest: The key of its token in the caches; empty until the key is computed.
        cache: How its token was found: `hit`, `miss`, or `none` if no token was checked.
        token: A verified token or principal that the policy refuses.
        scheme: Of its credential, in lower case. The challenge of this scheme carries the error.
        nonce: The `DPoP-Nonce` to send with the response, or None.
        outdated: As for `introspect`.
    """

    # Defaults of the class: most requests pass before a result is stored.
    cache: str = "none"
    scheme: str = BEARER
    digest: bytes = b""
    token: AccessToken | Principal | None = None
    outdated: float | None = None

    def __init__(
        self,
        authorization: bytes | None,
        query: bytes,
        read: Callable[[Any], Request],
        source: Any,
        host: str,
    ) -> None:
        self.authorization: bytes | None = authorization
        self.query: bytes = query
        self.host: str = host
        self.nonce: str | None = None
        self._read = read
        self._source = source
        self._request: Request | None = None

    @property
    def request(self) -> Request:
        """The request, which is read at most once."""
        if self._request is None:
            self._request = self._read(self._source)
        return self._request

    @classmethod
    def of(cls, request: Request, host: str = "guard") -> Presented:
        """Return the `Presented` of `request`."""
        return cls(only_authorization(request.headers), request.query, _same, request, host)


def _same(request: Request) -> Request:
    return request
