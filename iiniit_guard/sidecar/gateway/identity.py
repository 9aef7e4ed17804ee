"""The four identity headers that describe the caller to the upstream. All are always present."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeAlias
from urllib.parse import quote

from iiniit_guard.core.model.access_token import AccessToken, Principal

Header: TypeAlias = tuple[bytes, bytes]

# Visible ASCII except the percent sign. Escaping "%" as well keeps the encoding unambiguous: two
# different claims never produce the same header value.
_PLAIN: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")
_NAMES: Final = (b"x-iiniit-subject", b"x-iiniit-client", b"x-iiniit-scope", b"x-iiniit-issuer")

NOBODY: Final[tuple[Header, ...]] = tuple((name, b"") for name in _NAMES)
"""Identity headers of a request that needed no credential.

The headers are empty instead of missing: with a missing header, the gateway could forward a header
of the same name that the client sent.
"""


def identity_headers(who: AccessToken | Principal | None) -> tuple[Header, ...]:
    """Return the four identity headers, with names in lower case."""
    if isinstance(who, AccessToken):
        return _written(who.subject, who.client_id, who.scopes, who.issuer)
    return NOBODY if who is None else _written(who.subject, None, who.scopes, None)


@lru_cache(maxsize=4096)
def _written(
    subject: str | None, client_id: str | None, scopes: frozenset[str], issuer: str | None
) -> tuple[Header, ...]:
    scope = b" ".join(escaped(scope) for scope in sorted(scopes))
    return tuple(
        zip(
            _NAMES,
            (escaped(subject or ""), escaped(client_id or ""), scope, escaped(issuer or "")),
            strict=True,
        )
    )


def escaped(value: str) -> bytes:
    """Return a claim as a header value.

    Visible ASCII stays as it is. `%`, spaces, control characters and all other characters become
    percent-escapes of UTF-8. A token may contain a claim with a line break or non-ASCII letters,
    so the guard does not refuse it. Unescaped in a header, servers would read it in different
    ways. `urllib.parse.unquote` reverses the escaping.
    """
    return quote(value, safe=_PLAIN).encode("ascii")
