"""The Token Status List that the issuer for tests publishes."""

from __future__ import annotations

import json
import zlib
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

from iiniit_guard.core.issuer.status_list import MEDIA_TYPE, TYPE
from iiniit_guard.core.jose.encodings import decode_base64url
from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.testing.jws import encode
from iiniit_guard.testing.keys import without_none

if TYPE_CHECKING:
    from collections.abc import Callable

    from iiniit_guard.adapting.types import JsonObject, Members

_REVOKED: Final = 1
_SUSPENDED: Final = 2


class Signing(Protocol):
    """What a status list needs of `Issuer`."""

    issuer: str

    @property
    def now(self) -> float:
        """The time of the server."""
        ...

    def sign(self, payload: JsonObject, header: JsonObject) -> str:
        """Return a signed JWT."""
        ...


class PublishedStatusList:
    """The statuses of the tokens of one issuer.

    Attributes:
        uri: The URL of the list.
        bits: Bits of one status: 1, 2, 4 or 8.
        size: The number of statuses.
        ttl: How many seconds the list may be cached; None omits the claim.
        expires_in: Seconds from now; None omits `exp`.
        statuses: The statuses other than 0 (valid), by index.
        claims: Claims to replace or add; None removes one.
        header: Header parameters to replace or add; None removes one.
    """

    def __init__(self, uri: str) -> None:
        """Create a list in which every token is valid."""
        self.uri = uri
        self.bits = 2
        self.size = 1024
        self.ttl: float | None = 60
        self.expires_in: float | None = 3600
        self.statuses: dict[int, int] = {}
        self.claims: JsonObject = {}
        self.header: JsonObject = {}
        self._numbers = count()

    def entry(self) -> JsonObject:
        """Return the claim `status` of a new token."""
        return {"status_list": {"idx": next(self._numbers), "uri": self.uri}}

    def octets(self) -> bytes:
        """Return the statuses, not compressed."""
        content = bytearray((self.size * self.bits + 7) // 8)
        for index, status in self.statuses.items():
            octet, place = divmod(index * self.bits, 8)
            content[octet] |= status << place
        return bytes(content)

    def response(self, issuer: Signing) -> HttpResponse:
        """Return the list as `issuer` publishes it now."""
        expires = None if self.expires_in is None else issuer.now + self.expires_in
        lst = encode(zlib.compress(self.octets(), 9))
        usual = {
            "iss": issuer.issuer,
            "sub": self.uri,
            "iat": issuer.now,
            "exp": expires,
            "ttl": self.ttl,
            "status_list": {"bits": self.bits, "lst": lst},
        }
        claims = without_none({**usual, **self.claims})
        body = issuer.sign(claims, {"typ": TYPE, **self.header})
        return HttpResponse(200, (("content-type", MEDIA_TYPE),), body.encode())


class StatusListing:
    """The part of `Issuer` that issues tokens with a status, and changes it."""

    status_list: PublishedStatusList

    token: Callable[..., str]

    def listed_token(self, scope: str | None = "user:read", **more: object) -> str:
        """Issue a JWT whose status is in `status_list`.

        >>> from iiniit_guard.testing import Issuer
        >>> issuer = Issuer()
        >>> guard = issuer.guard(status_list="required")
        >>> token = issuer.listed_token()
        >>> guard.verify(token).subject
        'user-1'
        >>> issuer.revoke(token)  # the guard refuses it after the ttl of the list
        >>> guard.close()

        Args:
            scope: As in `token()`.
            more: As in `token()`.
        """
        return self.token(scope, **{"status": self.status_list.entry(), **more})

    def suspend(self, token: str) -> None:
        """Report a token as suspended (2) in the status list, until `reinstate`."""
        self.set_status(token, _SUSPENDED)

    def reinstate(self, token: str) -> None:
        """Report a token as valid (0) in the status list from now on."""
        self.set_status(token, 0)

    def set_status(self, token: str, status: int) -> None:
        """Change the status of a token in the status list.

        Args:
            token: The token. Nothing happens if it names no status list.
            status: The status, from 0 to 2 ** `status_list.bits` - 1.
        """
        index = _index_of(token)
        if index is not None:
            self.status_list.statuses[index] = status

    def _revoke_in_list(self, token: str) -> None:
        self.set_status(token, _REVOKED)


def _index_of(token: str) -> int | None:
    """Return the index of a token in its status list; None without one."""
    parts = token.encode("ascii", "replace").split(b".")
    payload = decode_base64url(parts[1]) if len(parts) == 3 else None
    try:
        claims: Members = json.loads(payload or b"{}")
        index: int = claims["status"]["status_list"]["idx"]
    except (ValueError, LookupError, TypeError):
        return None
    return index
