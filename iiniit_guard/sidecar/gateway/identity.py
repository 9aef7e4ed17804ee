"""What the upstream is told about the caller: four headers, all of them always there."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeAlias
from urllib.parse import quote

from iiniit_guard.core.model.access_token import AccessToken, Principal

Header: TypeAlias = tuple[bytes, bytes]

# Visible ASCII but the percent sign: what is escaped can be told from what is not, and no two values look alike.
_PLAIN: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")
_NAMES: Final = (b"x-iiniit-subject", b"x-iiniit-client", b"x-iiniit-scope", b"x-iiniit-issuer")

NOBODY: Final[tuple[Header, ...]] = tuple((name, b"") for name in _NAMES)
"""What goes with a request that needed no credential: empty headers, since a missing one would let a client's own through."""


def identity_headers(who: AccessToken | Principal | None) -> tuple[Header, ...]:
    """Give the four headers, names lower-case."""
    if isinstance(who, AccessToken):
        return _written(who.subject, who.client_id, who.scopes, who.issuer)
    return NOBODY if who is None else _written(who.subject, None, who.scopes, None)


@lru_cache(maxsize=4096)
def _written(subject: str | None, client_id: str | None, scopes: frozenset[str], issuer: str | None) -> tuple[Header, ...]:
    scope = b" ".join(escaped(scope) for scope in sorted(scopes))
    return tuple(zip(_NAMES, (escaped(subject or ""), escaped(client_id or ""), scope, escaped(issuer or "")), strict=True))


def escaped(value: str) -> bytes:
    """Write a claim as a header value: visible ASCII as it is; `%`, spaces, controls and all else as percent-escapes of UTF-8.

    A claim with a line break or with letters beyond ASCII is legal in a token, so it is not refused; as a header it would be read
    differently by every server. One rule undoes it: `urllib.parse.unquote`.
    """
    return quote(value, safe=_PLAIN).encode("ascii")
