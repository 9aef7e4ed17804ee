"""The credential that one request presents, while the guard decides about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from iiniit_guard.core.http.bearer import BEARER
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.request import Request, only_authorization


@dataclass(eq=False, repr=False)
class Presented:
    """The credential of one request, and the results of its decision for events and challenges.

    Most requests pass before a result is stored: the results have defaults of the class.

    Attributes:
        authorization: The value of its only Authorization field; None unless there is one.
        query: Undecoded.
        read: Returns the `Request` of `source`, which most decisions do not need.
        source: The scope, the environ or the request.
        host: The adapter's name, for events.
        nonce: The `DPoP-Nonce` to send with the response, or None.
        digest: The key of its token in the caches; empty until the key is computed.
        cache: How its token was found: `hit`, `miss`, or `none` if no token was checked.
        token: A verified token or principal that the policy refuses.
        scheme: Of its credential, in lower case. The challenge of this scheme carries the error.
        outdated: As for `introspect`.
        read_routed: Returns the request as the framework routes it, if middleware of the framework
            may have changed its path; None means that it is `request`.
    """

    authorization: bytes | None
    query: bytes
    read: Callable[[Any], Request]
    source: Any
    host: str
    nonce: str | None = None
    digest: bytes = field(default=b"", init=False)
    cache: str = field(default="none", init=False)
    token: AccessToken | Principal | None = field(default=None, init=False)
    scheme: str = field(default=BEARER, init=False)
    outdated: float | None = field(default=None, init=False)
    read_routed: Callable[[], Request] | None = field(default=None, init=False)
    _request: Request | None = field(default=None, init=False)

    @property
    def request(self) -> Request:
        """The request, which is read at most once."""
        if self._request is None:
            self._request = self.read(self.source)
        return self._request

    @property
    def routed(self) -> Request:
        """The request that the log and the events describe."""
        return self.request if self.read_routed is None else self.read_routed()

    @classmethod
    def of(cls, request: Request, host: str = "guard") -> Presented:
        """Return the `Presented` of `request`."""
        return cls(only_authorization(request.headers), request.query, _same, request, host)


def _same(request: Request) -> Request:
    return request
