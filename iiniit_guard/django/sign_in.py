"""Where users sign in, for the OpenAPI documents of frameworks on top of Django."""

from __future__ import annotations

import logging
from typing import Final

from iiniit_guard.adapting.middleware import engine_of
from iiniit_guard.core.sign_in import SignInEndpoints
from iiniit_guard.django.settings import load

_log: Final = logging.getLogger("iiniit_guard")


class SignIn:
    """The endpoints of an issuer at which users sign in.

    Args:
        issuer: The issuer; None means the only one of the guard.
        configured: The endpoints of the settings; None to fetch the metadata of the issuer.
    """

    def __init__(self, issuer: str | None, configured: SignInEndpoints | None) -> None:
        self._issuer = issuer
        self._configured = configured
        self._fetched: SignInEndpoints | None = None
        self._has_warned = False

    def known(self) -> SignInEndpoints | None:
        """Return the endpoints without a request; None if they are not known yet."""
        return self._configured or self._fetched

    def fetch(self) -> SignInEndpoints | None:
        """Return the endpoints, from the metadata if necessary; None if it is unavailable."""
        if self._configured is None:
            found = engine_of(load()[0]).sign_in_endpoints(self._issuer)
            if isinstance(found, SignInEndpoints):
                self._fetched = found
            elif self._fetched is None and not self._has_warned:
                self._has_warned = True  # once: a client decides how often it requests the document
                _log.warning(
                    "the OpenAPI document does not say where users sign in: %s", found.detail
                )
        return self.known()
