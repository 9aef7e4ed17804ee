"""Cached tokens that need no call, so that their hits are not counted as saved calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iiniit_guard.core.cache.entry import CacheEntry
    from iiniit_guard.core.resource import ProtectedResource


class LocalTokens:
    """The tokens that the guard verifies without the authorization server.

    Args:
        resource: The protected resource. The settings of the sidecar name its issuers, so they do
            not change.
    """

    def __init__(self, resource: ProtectedResource) -> None:
        self._introspected = frozenset(server.validity for server in resource.servers)
        self._both = frozenset(
            server.issuer for server in resource.servers if server.settings.jwt == "both"
        )

    def __contains__(self, entry: CacheEntry) -> bool:
        return entry.validity not in self._introspected and entry.token.issuer not in self._both
