"""The names of authorization servers in metrics."""

from __future__ import annotations

from threading import Lock
from typing import Final
from urllib.parse import urlsplit

MOST_SERVERS: Final = 64
"""How many servers have names of their own. The names of further servers are `other`."""

_PORTS: Final = {"https": 443, "http": 80}


class ServerNames:
    """Return host and port of a URL, for a limited number of servers.

    A guard may find issuers by a callable. Then the tokens of clients determine how many there are,
    and each name would be a new time series.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: set[str] = set()

    def __call__(self, url: str) -> str:
        """Return `host:port` of the URL, or `other` if there are too many servers."""
        host, port = host_and_port(url)
        name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        with self._lock:
            if name not in self._known and len(self._known) < MOST_SERVERS:
                self._known.add(name)
            return name if name in self._known else "other"


def host_and_port(url: str) -> tuple[str, int]:
    """Return the host and the port of a URL. An unusable URL has an empty host or the port 0."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    return parts.hostname or "", _PORTS.get(parts.scheme, 0) if port is None else port
