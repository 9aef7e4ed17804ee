"""The responses of the gateway listener, and the key under which a gateway caches a grant."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, TypeAlias

from iiniit_guard.sidecar.gateway.identity import Header
from iiniit_guard.sidecar.gateway.refusal_header import VARY

if TYPE_CHECKING:
    from iiniit_guard.adapting.types import ReadState
    from iiniit_guard.core.model.decision import Allow, Refusal
    from iiniit_guard.sidecar.settings.dialects import Original

Reply: TypeAlias = tuple[int, list[Header], bytes]
"""A response: status, headers (names in lower case) and body."""

_OVERRIDES: Final = (
    b"x-http-method-override",
    b"x-http-method",
    b"x-method-override",
)  # in the order of the recipes' cache keys


def reply_of(refusal: Refusal, scope: ReadState) -> Reply:
    """Return a refusal as a response to the gateway.

    The gateway may call with a method other than the client's, so HEAD is checked in `scope`.
    """
    length = ("Content-Length", str(len(refusal.body)))
    named = (
        refusal.headers
        if scope["method"] == "HEAD"
        else [length if name == length[0] else (name, text) for name, text in refusal.headers]
    )
    return (
        refusal.status,
        [*((name.lower().encode("ascii"), text.encode("ascii")) for name, text in named), VARY],
        refusal.body,
    )


def cache_key(original: Original) -> bytes:
    """Return the key under which a gateway may cache a grant.

    The key covers everything that can change the decision, and does not expose the token: it is
    the hexadecimal SHA-256 over the following values, each followed by a line break: method,
    scheme, host, target, Authorization, and the three headers that override a method (empty if
    missing).
    """
    fields = dict(original.headers)
    parts = [
        original.method.encode("ascii"),
        original.scheme.encode("ascii"),
        original.host,
        original.target.encode("latin-1"),
    ]
    parts += [original.authorization or b"", *(fields.get(name, b"") for name in _OVERRIDES)]
    return sha256(b"".join(part + b"\n" for part in parts)).hexdigest().encode("ascii")


def client_headers(decision: Allow | None) -> list[Header]:
    """Return the fields of a grant that the gateway passes to the client: a fresh `DPoP-Nonce`."""
    return [
        (name.lower().encode(), value.encode())
        for name, value in (() if decision is None else decision.headers)
        if name != "Cache-Control"  # every response of `/auth` has its own
    ]
