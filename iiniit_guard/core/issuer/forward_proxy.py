"""Parser for the URL of a forward proxy."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class ForwardProxy:
    """Address and credentials of a forward proxy.

    Attributes:
        host: A host name or an address; IPv6 without brackets.
        authorization: The value of `Proxy-Authorization`; None without credentials.
    """

    host: str
    port: int
    authorization: str | None = field(repr=False)


def parse_proxy(url: str) -> ForwardProxy | str:
    """Parse the setting `http_proxy`.

    Returns:
        The proxy, or the fault. The fault never quotes the URL. TLS to the proxy is a fault,
        because blocking sockets of Python do not support TLS inside TLS.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        return "is not a URL"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")  # raises for a name that cannot be resolved
    except ValueError:
        return "is not a URL"
    if parts.scheme != "http" or not host or port == 0:
        return "is not an http:// URL"
    if parts.path not in ("", "/") or "?" in url or "#" in url:
        return (
            "has more than a host and a port; in a password, / ? and # are written %2F %3F and %23"
        )
    authorization = None
    if parts.username or parts.password:
        userinfo = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(userinfo.encode()).decode("ascii")
    return ForwardProxy(host, port or 80, authorization)


def proxy_fault(value: object) -> str | None:
    """Return why `value` cannot be the setting `http_proxy`, or None."""
    if not isinstance(value, str):
        return "must be an http:// URL"
    proxy = parse_proxy(value)
    return proxy if isinstance(proxy, str) else None
