"""Normal form of an HTTP URI, so that two spellings of one URI compare equal.

Spec: RFC 3986 §6.2.2 (case, percent-encoding, dot segments), §6.2.3 (scheme: port, empty path);
    RFC 9449 §4.3 item 9 (without query and fragment).
"""

from __future__ import annotations

import re
from typing import Final

_UNRESERVED: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
)
# RFC 3986 appendix A. User information is not allowed: it does not identify a resource, and parsers
# disagree about its end.
_CHARACTERS: Final = r"[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2}"
_URI: Final = re.compile(
    r"([A-Za-z]+)://"
    rf"(\[[0-9A-Fa-f:.]{{2,64}}\]|(?:{_CHARACTERS}){{1,255}}+)"
    r"(?::([0-9]{0,5}))?"
    rf"((?:/(?:{_CHARACTERS}|[:@/])*+)?)"
    r"(?:[?#].*)?",
    re.DOTALL,
)
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
# The handshake of a WebSocket is an HTTP request (RFC 6455 §3, §4.1). Clients write either scheme.
_HTTP_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


def normalize(uri: str) -> str | None:
    """Return the normal form of an absolute HTTP URI without its query and fragment.

    Args:
        uri: As received. The caller has limited its length; the time is linear in it.

    Returns:
        None for a text that is not an absolute URI of HTTP, or that has user information.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        return None
    scheme = _HTTP_SCHEMES.get(match[1].lower())
    if scheme is None:
        return None
    host, port, path = match[2], match[3], match[4]
    if "%" in host:
        host = _ESCAPE.sub(_plain, host)
    if "%" in path:
        path = _ESCAPE.sub(_plain, path)
    host = _ESCAPE.sub(_upper, host.lower())
    authority = host if not port or port == _DEFAULT_PORTS[scheme] else f"{host}:{port}"
    return f"{scheme}://{authority}{_without_dots(path) if '/.' in path else path or '/'}"


def _plain(escape: re.Match[str]) -> str:
    """Return an unreserved character itself; otherwise the escape in upper case (§6.2.2.2)."""
    octet = int(escape[1], 16)
    return chr(octet) if octet in _UNRESERVED else escape[0].upper()


def _upper(escape: re.Match[str]) -> str:
    return escape[0].upper()


def _without_dots(path: str) -> str:
    """Remove the dot segments of an absolute path (RFC 3986 §5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
