"""uvicorn's httptools protocol with bounds: it would read a head, or a trailer, without end, and copy all of it anew for each piece.

`RequestResponseCycle` stays uvicorn's own, which `wire` asks for.
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from iiniit_guard.sidecar.server.connection_limits import Bounded

LONGEST_HEAD: Final = 65536
"""Bytes that may come without completing a head, a piece of a body or a message."""

_PIECE: Final = 16384
_MOST_FIELDS: Final = 256  # of a head that is not complete: five bytes on the wire are a hundred in memory
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _Nowhere(list[tuple[bytes, bytes]]):
    """Where trailers go. RFC 9110 §6.5.1: they must not be merged into the header section."""

    def append(self, _: tuple[bytes, bytes]) -> None:
        """Keep nothing."""


_NOWHERE: Final = _Nowhere()


class BoundedHttpTools(Bounded, HttpToolsProtocol):
    """A connection whose heads end in time and in size."""

    headers: Any
    _begun = False  # a head has
    _inside = False  # between the end of a head and the end of its message
    _moved = False  # the last piece completed something
    _size = 0  # since it did

    def data_received(self, data: bytes) -> None:
        """Read on, in pieces small enough to notice in time what does not end."""
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
        """Note that a head has begun."""
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that it is complete; what looks like a header from here on is none."""
        self._begun, self._inside, self._moved = False, True, True
        self._head_came()
        super().on_headers_complete()
        self.headers = _NOWHERE

    def on_body(self, body: bytes) -> None:
        """Note that the body goes on."""
        self._moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the message is complete."""
        self._inside, self._moved = False, True
        super().on_message_complete()

    def _refuse(self) -> None:
        if not (self.transport.is_closing() or self._answers()):  # the client would take it for the answer to an earlier request
            self.transport.write(_TOO_LARGE)
        self.transport.close()
