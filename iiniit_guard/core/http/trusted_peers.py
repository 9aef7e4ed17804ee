"""The network peers whose forwarded header fields are trusted.

A peer is identified by the address of the socket, never by a header field.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from iiniit_guard.core.model.request import Request

UNIX: Final = "unix"
_KEPT: Final = 1024
_LONGEST_ADDRESS: Final = 64  # an IPv6 address with an IPv4 part has 45, and a zone follows


def network_fault(value: object) -> str | None:
    """Return why `value` is not a network, or None if it is one."""
    if value == UNIX:
        return None
    try:
        ip_network(str(value))
    except ValueError:
        return f"{value!r} must be a network like 10.0.0.0/8, or {UNIX!r}"
    return None


def networks_fault(value: object) -> str | None:
    """Return why `value` is not a list of networks, or None if it is one."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        return "must be a list of networks"
    return next((fault for item in value if (fault := network_fault(item)) is not None), None)


class TrustedPeers:
    """The trusted network peers.

    Args:
        networks: Addresses, networks, and `unix` for every process that may open the Unix socket.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        wanted = tuple(networks)
        self.includes_unix: bool = UNIX in wanted
        self._networks: list[IPv4Network | IPv6Network] = [
            ip_network(each) for each in wanted if each != UNIX
        ]
        self.known: dict[str, bool] = {}
        """The results for addresses that were asked for; at most 1,024."""

    def __bool__(self) -> bool:
        """Return whether any peer is trusted."""
        return self.includes_unix or bool(self._networks)

    def trusts_address(self, address: str) -> bool:
        """Return whether a peer with this IP address is trusted."""
        if len(address) > _LONGEST_ADDRESS:
            return False  # a client may write any text into a forwarded field
        known = self.known.get(address)
        if known is None:
            if len(self.known) >= _KEPT:
                self.known.clear()
            known = self.known[address] = self._contains(address)
        return known

    def trusts(self, request: Request) -> bool:
        """Return whether the peer that sent `request` is trusted."""
        if request.peer is not None:
            return self.trusts_address(request.peer)
        return self.includes_unix and _is_from_unix_socket(request)

    def _contains(self, address: str) -> bool:
        try:
            peer = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(peer, "ipv4_mapped", None)  # an IPv4 peer of a dual-stack socket
        return any((mapped or peer) in network for network in self._networks)


def _is_from_unix_socket(request: Request) -> bool:
    """Return whether a request without a peer address came through a Unix socket.

    ASGI: `server` is then (path, None). WSGI: `REMOTE_ADDR` is empty.
    """
    native = request.native
    if not isinstance(native, dict):
        return False
    if "type" in native:
        server = native.get("server")
        return server is not None and server[1] is None
    return native.get("REMOTE_ADDR") == ""
