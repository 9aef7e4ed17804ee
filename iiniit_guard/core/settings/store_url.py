"""Checks of the setting `store_url`. No fault quotes it, because it may contain a password."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

_DATABASE: Final = re.compile(r"/?|/[0-9]{1,9}", re.ASCII)
# The options that a URL may set. They exclude timeouts, retries and the format of responses, and
# none weakens TLS.
_OPTIONS: Final = {
    "redis": frozenset({"db", "client_name"}),
    "unix": frozenset({"db", "client_name", "username", "password"}),
}
_OPTIONS_OF: Final = {
    **_OPTIONS,
    "rediss": _OPTIONS["redis"] | {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"},
}
_ESCAPES: Final = "in a password, / ? # and @ are written %2F %3F %23 and %40"


def store_url_fault(value: object) -> str | None:
    """Return why `value` is not the URL of a store, or None.

    Args:
        value: `redis://host:port/0`, `rediss://…` or `unix:///path`, with user name and password
            before an `@` if they are needed.
    """
    if not isinstance(value, str) or not value.startswith(("redis://", "rediss://", "unix://")):
        return "must be a URL that begins with redis://, rediss:// or unix://"
    if not value.isascii() or not value.isprintable() or " " in value or "#" in value:
        return f"not a URL; {_ESCAPES}"
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")  # reject a host name that DNS cannot resolve
    except ValueError:
        return f"not a URL; {_ESCAPES}"
    if parts.scheme == "unix":
        if host or parts.path in ("", "/"):
            return "must be unix:// and the absolute path of a socket: unix:///run/redis.sock"
    elif not host or port == 0:
        return f"must contain a host; {_ESCAPES}"
    elif not _DATABASE.fullmatch(parts.path):
        return f"the path must be the number of a database, or absent; {_ESCAPES}"
    return _option_fault(parts)


def _option_fault(parts: SplitResult) -> str | None:
    known = _OPTIONS_OF[parts.scheme]
    try:
        options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        return f"the query is malformed; {_ESCAPES}"
    names = [name for name, _ in options]
    if not known.issuperset(names) or len(set(names)) < len(names):
        return f"the query may have only the options {', '.join(sorted(known))}, each at most once"
    values = dict(options)
    return (
        None
        if all(values.values()) and values.get("db", "0").isdecimal()
        else "an option is empty, or db is not a number"
    )
