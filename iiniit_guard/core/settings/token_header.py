"""Checks of the settings `token_header` and `client_certificate_header`."""

from __future__ import annotations

import re
from typing import Final

# Without an underscore: CGI and WSGI cannot distinguish it from a hyphen, so many servers and
# proxies drop such fields.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*")
# Fields with a meaning of their own: a token does not belong there, or browsers set them.
_TAKEN: Final = frozenset(
    {
        *("cookie", "host", "connection", "transfer-encoding", "te", "upgrade"),
        *("content-length", "content-type", "proxy-authorization", "dpop"),
        *("x-iiniit-assertion", "sec-websocket-protocol"),
    }
)


def token_header_fault(value: object) -> str | None:
    """Return why `value` cannot name the field that carries the token, or None."""
    if not isinstance(value, str) or _NAME.fullmatch(value) is None:
        return "must be the name of a header field: letters, digits and single hyphens"
    if value.lower() == "authorization":
        return "Authorization is read by default; remove the setting"
    if value.lower() in _TAKEN:
        return f"{value} has another meaning; the token must be in a field of its own"
    return None


def certificate_header_fault(value: object) -> str | None:
    """Return why `value` cannot name the field with the client certificate, or None."""
    if not isinstance(value, str) or _NAME.fullmatch(value) is None:
        return "must be the name of a header field: letters, digits and single hyphens"
    if value.lower() in _TAKEN | {"authorization"}:
        return f"{value} has another meaning; the certificate must be in a field of its own"
    return None
