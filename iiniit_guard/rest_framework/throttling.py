"""The throttle class, which limits the rate of requests of each client."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from rest_framework.request import Request

from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.rest_framework.asked import Asked

if TYPE_CHECKING:
    # Django REST framework has no types, and a class with an unknown base has none either.
    class UserRateThrottle:
        """The throttle of Django REST framework that limits users."""

        cache_format: str

        def get_cache_key(self, request: Request, view: Any) -> str | None:
            """Return the key under which the cache counts requests."""

else:
    from rest_framework.throttling import UserRateThrottle


class ClientRateThrottle(UserRateThrottle):
    """A throttle that counts the requests of each OAuth client of an issuer.

    All tokens of a client share one count, so a new token does not reset it. A token without a
    client is counted by its subject, and another credential by its scheme and subject. A request
    without a credential is counted as `UserRateThrottle` does: by its user, otherwise by its
    address.

    The rate is that of `DEFAULT_THROTTLE_RATES["client"]`. A subclass may set another `scope`, or
    the `rate` itself.
    """

    scope: str = "client"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """Return the key under which the cache counts the requests of the client.

        The key is a digest: the names of issuers and clients may contain characters that a cache
        does not accept.
        """
        credential = Asked(request).credential
        if credential is None:
            return super().get_cache_key(request, view)
        if isinstance(credential, AccessToken):
            client = credential.client_id
            name = ("client", client) if client else ("subject", credential.subject or "")
            source = credential.issuer
        else:
            name, source = ("principal", credential.subject or ""), credential.scheme
        digest = hashlib.sha256(json.dumps([source, *name]).encode()).hexdigest()
        return self.cache_format % {"scope": self.scope, "ident": digest}
