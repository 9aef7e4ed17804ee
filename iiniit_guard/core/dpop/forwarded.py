"""The scheme, host and path prefix that a client used, as trusted proxies report them.

Only the values of trusted proxies count. A proxy appends to these fields, so the right-most value
is the one of the proxy that connected to this server. If the sender that it names is a trusted
proxy too, the value before it counts.

Spec: RFC 7239 (Forwarded); the fields X-Forwarded-For, -Proto, -Host, -Port and -Prefix have no
    specification.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from iiniit_guard.core.http.trusted_peers import TrustedPeers
from iiniit_guard.core.model.request import Request

MAX_HOPS: Final = 32
"""Maximum number of values that are read of one field."""
HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~]+)(:[0-9]{1,5})?")
"""A host, perhaps with a port: no character in it begins a path, a query or a fragment."""

_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PAIR: Final = re.compile(rf'[ \t]*({_TOKEN})=(?:({_TOKEN})|"((?:[^"\\,;]|\\.)*)")[ \t]*')
_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9\-._~!$&'()*+;=:@%]+)+")
_SCHEMES: Final = frozenset({"http", "https", "ws", "wss"})
_FORWARDED: Final = b"forwarded"
_FOR, _PROTO, _FORWARDED_HOST, _PORT, _FORWARDED_PREFIX = (
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-forwarded-prefix",
)
_OTHERS: Final = (_PROTO, _FORWARDED_HOST, _PORT, _FORWARDED_PREFIX)


@dataclass(frozen=True, slots=True)
class Reported:
    """What trusted proxies report about a request. None means that they do not report it.

    Attributes:
        scheme: `http`, `https`, `ws` or `wss`.
        host: The host, with a port if there was one.
        prefix: A prefix of the path that a proxy removed; empty if there was none.
    """

    scheme: str | None = None
    host: str | None = None
    prefix: str = ""


NOTHING: Final = Reported()


def reported_by_proxies(request: Request, trusted: TrustedPeers) -> Reported | None:
    """Return what the trusted proxies report about the request of the client.

    Args:
        request: The request. Its fields are ignored unless a trusted proxy sent it.
        trusted: The trusted proxies.

    Returns:
        None if the fields are malformed, or can be read in more than one way.
    """
    if not trusted or not trusted.trusts(request):
        return NOTHING
    standard = _values(request, _FORWARDED)
    if len(standard) > MAX_HOPS:
        return None
    others = {name: _values(request, name) for name in _OTHERS}
    senders = _values(request, _FOR)
    if standard and (senders or any(others.values())):
        return None  # two sources, of which the client may have written one
    if standard:
        return _read_forwarded(standard, trusted)
    return _read_others(others, senders, trusted)


def _values(request: Request, name: bytes) -> list[str]:
    """Return the members of a list field, which may occupy several lines (RFC 9110 §5.3)."""
    lines = request.header_values(name)
    return [part.strip(" \t") for line in lines for part in line.decode("latin-1").split(",")]


def _read_forwarded(elements: list[str], trusted: TrustedPeers) -> Reported | None:
    pairs = None
    for element in reversed(elements):
        pairs = _pairs(element)
        sender = None if pairs is None else _address(pairs.get("for", ""))
        if sender is None or not trusted.trusts_address(sender):
            break
    return None if pairs is None else _checked(pairs.get("proto"), pairs.get("host"), None, "")


def _pairs(element: str) -> dict[str, str] | None:
    """Return the parameters of one element of Forwarded (RFC 7239 §4), or None if malformed."""
    pairs: dict[str, str] = {}
    for written in element.split(";"):
        match = _PAIR.fullmatch(written)
        if match is None:
            return None
        name = match[1].lower()
        if name in pairs:  # RFC 7239 §4: each parameter at most once
            return None
        pairs[name] = match[2] if match[2] is not None else re.sub(r"\\(.)", r"\1", match[3])
    return pairs


def _read_others(
    fields: dict[bytes, list[str]], senders: list[str], trusted: TrustedPeers
) -> Reported | None:
    if len(senders) > MAX_HOPS:
        return None
    # The number of values from the right that trusted proxies wrote, beyond the right-most one.
    hops = 0
    for sender in reversed(senders[1:]):
        address = _address(sender)
        if address is None or not trusted.trusts_address(address):
            break
        hops += 1
    chosen: list[str | None] = []
    for name in _OTHERS:
        values = fields[name]
        # A proxy that replaces the field leaves one value. Otherwise each proxy appended its own.
        if len(values) > 1 and len(values) != len(senders):
            return None
        chosen.append(values[-1 - hops] if len(values) > 1 else values[0] if values else None)
    scheme, host, port, prefix = chosen
    return _checked(scheme, host, port, (prefix or "").rstrip("/"))


def _checked(
    scheme: str | None, host: str | None, port: str | None, prefix: str
) -> Reported | None:
    if scheme is not None and (scheme := scheme.lower()) not in _SCHEMES:
        return None
    match = None if host is None else HOST.fullmatch(host)
    if host is not None and match is None:
        return None
    if prefix and _PREFIX.fullmatch(prefix) is None:
        return None
    if port is not None:
        if not port.isdecimal() or not port.isascii() or len(port) > 5:
            return None
        if match is not None and match[2] is None:
            host = f"{host}:{port}"
        elif match is not None and match[2] != f":{port}":
            return None
    return Reported(scheme, host, prefix)


def _address(node: str) -> str | None:
    """Return the IP address of a node, without port (RFC 7239 §6); None if it has none."""
    if node.startswith("["):
        return node[1:].partition("]")[0]
    if node.count(":") == 1:
        node = node.partition(":")[0]
    return node if node[:1].isalnum() or node[:1] == ":" else None
