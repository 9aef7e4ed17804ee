"""The form of a resource URI that every reader interprets alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from iiniit_guard.core.model.path_ambiguity import is_ambiguous_text

# RFC 3986 §6.2.2.1: scheme and host in lower case are the normal form. Some readers encode or drop
# hosts that are not ASCII, empty parts, zeros before a port, and characters that no URI has.
_URI: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.\-]*):(?P<authority>//(?P<user>[A-Za-z0-9\-._~!$&'()*+,;=]+@)?"
    r"(?P<host>[a-z0-9\-._~!$&'()*+,;=]*|\[[0-9a-f:.]+\])(?P<port>:[1-9][0-9]*)?(?=[/?#]|\Z))?"
    r"(?P<path>[A-Za-z0-9\-._~!$&'()*+,;=:@/%?#\[\]]*)"
)
# URL standard, "special scheme". Readers of these schemes add or remove slashes before the host,
# remove this port, and write numbers as addresses.
_SPECIAL: Final[Mapping[str, str | None]] = {
    "http": ":80",
    "https": ":443",
    "ws": ":80",
    "wss": ":443",
    "ftp": ":21",
    "file": None,
}
# A client may send a URI as long as a message, and each escape is read on its own.
_MAX_LENGTH: Final = 8192
_NAME: Final = re.compile(r"(?:[a-z0-9\-_]+\.)*[a-z][a-z0-9\-_]*")
_ESCAPE: Final = re.compile("%(..)?", re.DOTALL)
# Only characters that a path cannot contain unencoded have an escape in the normal form (RFC 3986
# §6.2.2.2). An encoded slash, backslash or percent sign is a delimiter to some readers.
_NEEDLESS: Final = re.compile(r"[A-Za-z0-9\-._~/\\%]")
_HEX: Final = re.compile("[0-9A-F]{2}")


def is_plain_uri(uri: str) -> bool:
    """Return whether no reader would change `uri` before it uses it.

    Otherwise a rule for `file:///private/*` would not see `file:///public/../private/key`.
    """
    found = _URI.fullmatch(uri) if len(uri) <= _MAX_LENGTH else None
    if found is None or (found["scheme"] in _SPECIAL and not _has_plain_authority(found)):
        return False
    path = found["path"].partition("#")[0].partition("?")[0]
    return not is_ambiguous_text(path) and all(
        _is_needed(digits) for digits in _ESCAPE.findall(path)
    )


def _has_plain_authority(uri: re.Match[str]) -> bool:
    """Return whether no reader would change the authority of a URI with a special scheme."""
    scheme, host, port = uri["scheme"], uri["host"], uri["port"]
    if uri["authority"] is None or uri["user"] is not None or uri["path"][:1] != "/":
        return False
    if scheme == "file":  # RFC 8089 §2: `localhost` is the empty host
        return port is None and (host == "" or (host != "localhost" and _is_plain_host(host)))
    return port != _SPECIAL[scheme] and _is_plain_host(host)


def _is_plain_host(host: str) -> bool:
    if _NAME.fullmatch(host):
        return True
    address = host.strip("[]")
    try:
        return str(ip_address(address)) == address
    except ValueError:
        return False


def _is_needed(digits: str) -> bool:
    return _HEX.fullmatch(digits) is not None and _NEEDLESS.fullmatch(chr(int(digits, 16))) is None
