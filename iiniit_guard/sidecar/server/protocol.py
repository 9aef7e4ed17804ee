"""uvicorn's httptools protocol, with limits on the size of a request.

Without the limits, the protocol reads a request head or trailer section of any length, and copies
all of it again for each chunk. `RequestResponseCycle` stays the class of uvicorn, because
`gateway.wire` requires exactly that class.
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from iiniit_guard.sidecar.server.connection_limits import Bounded

LONGEST_HEAD: Final = 65536
"""Maximum number of bytes that may arrive without completing a head, a body part or a message."""

_PIECE: Final = 16384
# Maximum number of fields in an incomplete head. Five bytes on the wire use a hundred in memory.
_MOST_FIELDS: Final = 256
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: "
    b"close\r\n\r\n"
)


class _Nowhere(list[tuple[bytes, bytes]]):
    """A list that discards trailers. RFC 9110 §6.5.1: do not merge them into the header section."""

    def append(self, _: tuple[bytes, bytes]) -> None:
        """Discard the field."""


_NOWHERE: Final = _Nowhere()


class BoundedHttpTools(Bounded, HttpToolsProtocol):
    """A connection with limits on the time and the size of request heads."""

    headers: Any
    _begun = False  # a head has begun and is not complete
    _inside = False  # between the end of a head and the end of its message
    _moved = False  # the last chunk completed a head, a body part or a message
    _size = 0  # bytes received since `_moved` was last true

    def data_received(self, data: bytes) -> None:
        """Parse the data in chunks, so that the limits are checked after each chunk."""
        start = 0
        while start < len(data) and not self.transport.is_closing():
            piece = data[start : start + min(_PIECE, LONGEST_HEAD - self._size)]
            start += len(piece)
            self._moved = False
            super().data_received(piece)
            self._size = 0 if self._moved else self._size + len(piece)
            if self._begun or not (self._moved or self._inside):
                self._expect_head()
            if self._size >= LONGEST_HEAD or (self._begun and len(self.headers) > _MOST_FIELDS):
                self._refuse()

    def on_message_begin(self) -> None:
        """Record that a head has begun."""
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Record that the head is complete, and discard all later fields: they are trailers."""
        self._begun, self._inside, self._moved = False, True, True
        self._head_came()
        super().on_headers_complete()
        self.headers = _NOWHERE

    def on_body(self, body: bytes) -> None:
        """Record that a part of the body was received."""
        self._moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Record that the message is complete."""
        self._inside, self._moved = False, True
        super().on_message_complete()

    def _refuse(self) -> None:
        # While a response to an earlier request is in progress, the client would take the 431 as
        # part of it.
        if not (self.transport.is_closing() or self._answers()):
            self.transport.write(_TOO_LARGE)
        self.transport.close()
