"""The URI of a request as its client wrote it. `htu` of a proof is compared with it.

Spec: RFC 9449 §4.3 item 9, §11.2; RFC 9110 §7.1.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from iiniit_guard.core.dpop.forwarded import HOST, reported_by_proxies
from iiniit_guard.core.http.trusted_peers import TrustedPeers
from iiniit_guard.core.model.request import Request

# RFC 3986 §3.3: pchar without "%".
_SAFE: Final = "/-._~!$&'()*+,;=:@"


class RequestUri:
    """Builds the URI of a request, without query, from trusted values only.

    Args:
        public_url: The setting `public_url`.
        trusted: The proxies whose forwarded fields are read if `public_url` is not set.
    """

    def __init__(self, public_url: str | None, trusted: TrustedPeers) -> None:
        self._base = None if public_url is None else public_url.rstrip("/")
        self._trusted = trusted

    def of(self, request: Request) -> str | None:
        """Return the URI of `request`; None if it is unknown."""
        path = target_path(request)
        # RFC 9112 §3.2: a target in another form has no path, and "#" is in none. Appended to a
        # host, its first characters would name another one; "#" would hide the rest of the path.
        if "#" in path or (path and path[0] != "/"):
            return None
        if self._base is not None:
            return f"{self._base}{path}"
        reported = reported_by_proxies(request, self._trusted)
        if reported is None:
            return None
        host = reported.host or _host(request)
        scheme = reported.scheme or request.scheme
        return None if host is None else f"{scheme}://{host}{reported.prefix}{path}"


def target_path(request: Request) -> str:
    """Return the path of a request as the client wrote it, with the prefix of a mount.

    The path before decoding is used where the server passes it. Otherwise the decoded path is
    encoded again: it does not show whether the client escaped a reserved character.
    """
    if request.target is not None:
        return request.target.partition("?")[0]
    native = request.native
    if not isinstance(native, dict):
        return quote(request.path, safe=_SAFE)
    if "type" not in native:
        return _path_of_environ(native)
    raw = native.get("raw_path")
    if raw:
        return str(raw.partition(b"?")[0], "latin-1")
    path, root = native["path"], native.get("root_path", "")
    return quote(path if path.startswith(root) else root + path, safe=_SAFE)


def _path_of_environ(environ: dict[str, Any]) -> str:
    # Not in PEP 3333, but most servers pass it: Gunicorn RAW_URI; uWSGI, mod_wsgi, Waitress and
    # Werkzeug REQUEST_URI. An absolute URI (RFC 9112 §3.2.2) names a host too, so it is not used.
    for name in ("REQUEST_URI", "RAW_URI"):
        written = environ.get(name)
        if isinstance(written, str) and written.startswith("/"):
            return written.partition("?")[0]
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    return quote(path.encode("latin-1", "replace"), safe=_SAFE)


def _host(request: Request) -> str | None:
    """Return the value of `Host`, or the server's own name; None if neither is usable."""
    values = request.header_values(b"host")
    if values:
        host = values[0].decode("latin-1")
        # The client writes it. With "/", "?" or "#" in it, the path would be another one.
        return host if len(values) == 1 and HOST.fullmatch(host) is not None else None
    native = request.native
    if not isinstance(native, dict):
        return None
    if "type" in native:
        server = native.get("server")
        name, port = server or (None, None)
    else:
        name, port = native.get("SERVER_NAME"), native.get("SERVER_PORT")
    if not name or port is None:  # a Unix socket has no port
        return None
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
