"""The credential that one request presents, while the guard decides about it."""

from __future__ import annotations

from collections.abc import Callable

from iiniit_guard.core.http.bearer import BEARER
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.request import Request, only_authorization


class Presented:
    """The credential of one request, and the results of its decision for events and challenges.

    Attributes:
        authorization: The value of its only Authorization field; None unless there is one.
        query: Undecoded.
        read: Returns the `Request`, which most decisions do not need.
        method: Its method, for events.
        host: The adapter's name, for events.
        digest: The key of its token in the caches; None until the key is computed.
        is_new: Whether `begin` found its token in no cache.
        cache: How its token was found: `hit`, `miss`, or `none` if no token was checked.
        token: A verified token or principal that the policy refuses.
        scheme: Of its credential, in lower case. The challenge of this scheme carries the error.
        nonce: The `DPoP-Nonce` to send with the response, or None.
        outdated: As for `introspect`.
    """

    # Defaults of the class: most requests pass before a result is stored.
    is_new: bool = False
    cache: str = "none"
    scheme: str = BEARER
    digest: bytes | None = None
    token: AccessToken | Principal | None = None
    nonce: str | None = None
    outdated: float | None = None
    _request: Request | None = None

    def __init__(
        self,
        authorization: bytes | None,
        query: bytes,
        read: Callable[[], Request],
        method: str,
        host: str,
    ) -> None:
        self.authorization: bytes | None = authorization
        self.query: bytes = query
        self.read: Callable[[], Request] = read
        self.method: str = method
        self.host: str = host

    @property
    def request(self) -> Request:
        """The request, which is read at most once."""
        if self._request is None:
            self._request = self.read()
        return self._request

    @classmethod
    def of(cls, request: Request, host: str = "guard") -> Presented:
        """Return the `Presented` of `request`."""
        authorization = only_authorization(request.headers)
        return cls(authorization, request.query, lambda: request, request.method, host)
