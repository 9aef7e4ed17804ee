"""Forward proxy: plain requests, and the tunnel for TLS (RFC 9110 §9.3.6).

The tunnels of httpcore2 are not used: if the TLS handshake in a tunnel fails, httpcore2 keeps the
connection in its pool permanently, as a connection in use.
"""

from __future__ import annotations

from typing import Final

import httpcore2

from iiniit_guard.core.issuer.forward_proxy import ForwardProxy

_MAX_HEAD_BYTES: Final = 16_384


def for_plain_http(proxy: ForwardProxy) -> httpcore2.Proxy:
    """Return the httpcore2 form of a proxy for plain http requests (RFC 9112 §3.2.2)."""
    headers = [] if proxy.authorization is None else [("Proxy-Authorization", proxy.authorization)]
    url = httpcore2.URL(
        scheme=b"http", host=proxy.host.encode("ascii"), port=proxy.port, target=b"/"
    )
    return httpcore2.Proxy(url, headers=headers)


class Tunnel:
    """A tunnel that is being opened: send `request`, then pass what is read to `take`.

    Attributes:
        request: The bytes to send to the proxy.
        opened: The proxy has agreed. All further bytes belong to the server behind it.
    """

    def __init__(self, proxy: ForwardProxy, host: str, port: int) -> None:
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
        if proxy.authorization is not None:
            lines.append(f"Proxy-Authorization: {proxy.authorization}")
        self.request: bytes = "\r\n".join([*lines, "", ""]).encode("ascii")
        self.opened: bool = False
        self._head = b""

    def take(self, data: bytes) -> None:
        """Process bytes from the proxy.

        Raises:
            httpcore2.ProxyError: The proxy refuses, closes the connection or sends something else.
        """
        self._head += data
        if not data or len(self._head) > _MAX_HEAD_BYTES:
            raise httpcore2.ProxyError("the proxy closed the connection without a response")
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            return
        version, _, status = head.partition(b" ")
        # A TLS server waits for the client, so no bytes may follow the header.
        if version not in (b"HTTP/1.1", b"HTTP/1.0") or not status.startswith(b"2") or rest:
            raise httpcore2.ProxyError("the proxy refused to open a tunnel")
        self.opened = True
