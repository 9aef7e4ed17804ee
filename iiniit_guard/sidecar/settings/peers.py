"""Who may ask: the gateway, known by the address of its socket and by nothing that it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any, Final

UNIX: Final = "unix"
DEFAULT_PEERS: Final = ("127.0.0.0/8", "::1/128", UNIX)
_KEPT: Final = 1024


def network_fault(value: object) -> str | None:
    """Tell why `value` names no network, or None."""
    if value == UNIX:
        return None
    try:
        ip_network(str(value))
    except ValueError:
        return f"{value!r} is neither a network like 10.0.0.0/8 nor {UNIX!r}"
    return None


class Peers:
    """The peers that are heard.

    Args:
        networks: Addresses, networks, and `unix` for whoever may open our Unix socket.
    """

    def __init__(self, networks: Iterable[str] = DEFAULT_PEERS) -> None:
        wanted = tuple(networks)
        self._unix = UNIX in wanted
        self._networks = [ip_network(each) for each in wanted if each != UNIX]
        self._known: dict[str, bool] = {}

    def trusts(self, scope: Mapping[str, Any]) -> bool:
        """Tell whether the other end of the connection may ask."""
        client = scope.get("client")
        if not client:
            # ASGI names a Unix socket's server (path, None). A TCP connection without a peer is one that was lost already.
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
        mapped = getattr(peer, "ipv4_mapped", None)  # what a socket for both families makes of an IPv4 peer
        return any((mapped or peer) in network for network in self._networks)
