"""The network peers that may call the gateway listener.

The guard identifies the gateway by the peer address of the socket, never by a header.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Final

from iiniit_guard.adapting.types import ReadState

UNIX: Final = "unix"
DEFAULT_PEERS: Final = ("127.0.0.0/8", "::1/128", UNIX)
_KEPT: Final = 1024


def network_fault(value: object) -> str | None:
    """Return why `value` is not a network, or None if it is one."""
    if value == UNIX:
        return None
    try:
        ip_network(str(value))
    except ValueError:
        return f"{value!r} must be a network like 10.0.0.0/8, or {UNIX!r}"
    return None


class Peers:
    """The trusted network peers.

    Args:
        networks: Addresses, networks, and `unix` for every process that may open the Unix socket.
    """

    def __init__(self, networks: Iterable[str] = DEFAULT_PEERS) -> None:
        wanted = tuple(networks)
        self._unix = UNIX in wanted
        self._networks = [ip_network(each) for each in wanted if each != UNIX]
        self._known: dict[str, bool] = {}

    def trusts(self, scope: ReadState) -> bool:
        """Return whether the peer of the connection is trusted."""
        client = scope.get("client")
        if not client:
            # For a Unix socket, `server` of ASGI is (path, None). A TCP connection without a peer
            # address has already been lost.
            server = scope.get("server")
            return self._unix and server is not None and server[1] is None
        address: str = client[0]
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            known = self._known[address] = self._contains(address)
        return known

    def _contains(self, address: str) -> bool:
        try:
            peer = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(peer, "ipv4_mapped", None)  # an IPv4 peer of a dual-stack socket
        return any((mapped or peer) in network for network in self._networks)
