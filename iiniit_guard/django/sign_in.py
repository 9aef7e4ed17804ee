"""Where users sign in, for the OpenAPI documents of frameworks on top of Django."""

from __future__ import annotations

import logging
from typing import Final
from weakref import WeakSet

from iiniit_guard.adapting.admission import engine_of
from iiniit_guard.core.sign_in import SignInEndpoints
from iiniit_guard.django.settings import load
from iiniit_guard.guard import Guard

_log: Final = logging.getLogger("iiniit_guard")
# A client decides how often it requests the document, so the guard warns once.
_warned: Final[WeakSet[Guard]] = WeakSet()


def find_endpoints(issuer: str | None = None) -> SignInEndpoints | None:
    """Return the endpoints in the metadata of an issuer, which the guard caches.

    Args:
        issuer: The issuer; None means the only one of the guard of the settings.

    Returns:
        The endpoints, or None if the metadata is unavailable or does not name them.
    """
    guard = load()[0]
    found = engine_of(guard).sign_in_endpoints(issuer)
    if isinstance(found, SignInEndpoints):
        return found
    if guard not in _warned:
        _warned.add(guard)
        _log.warning("the OpenAPI document does not say where users sign in: %s", found.detail)
    return None
