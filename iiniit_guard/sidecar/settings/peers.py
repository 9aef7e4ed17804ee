"""The network peers that may call the gateway listener.

The guard identifies the gateway by the peer address of the socket, never by a header.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from iiniit_guard.adapting.types import ReadState
from iiniit_guard.core.http.trusted_peers import UNIX, TrustedPeers, network_fault

__all__ = ["DEFAULT_PEERS", "Peers", "network_fault"]

DEFAULT_PEERS: Final = ("127.0.0.0/8", "::1/128", UNIX)


class Peers:
    """The trusted network peers.

    Args:
        networks: Addresses, networks, and `unix` for every process that may open the Unix socket.
    """

    def __init__(self, networks: Iterable[str] = DEFAULT_PEERS) -> None:
        self._peers = TrustedPeers(networks)
        self._trusts_address = self._peers.trusts_address

    def trusts(self, scope: ReadState) -> bool:
        """Return whether the peer of the connection is trusted."""
        client = scope.get("client")
        if client:
            return self._trusts_address(client[0])
        # For a Unix socket, `server` of ASGI is (path, None). A TCP connection without a peer
        # address has already been lost.
        server = scope.get("server")
        return self._peers.includes_unix and server is not None and server[1] is None
