"""An HTTP/2 client without TLS that sends what libraries refuse to send: forbidden fields, extended
CONNECT, trailers.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import Event, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

_LONGEST_WAIT_SECONDS: Final = 1.0
Fields = list[tuple[str, str]]


def converse_h2(
    port: int, headers: Fields, body: bytes = b"", trailers: Fields | None = None
) -> list[Event]:
    """Send one request and return what came back; empty if the gateway does not support HTTP/2
    here.
    """
    loose = H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    connection = H2Connection(loose)
    connection.initiate_connection()
    connection.send_headers(1, headers)
    if body:
        connection.send_data(1, body)
    if trailers is None:
        # The stream stays open where there is a body: a tunnel would carry on.
        if not body:
            connection.end_stream(1)
    else:
        connection.send_headers(1, trailers, end_stream=True)
    events: list[Event] = []
    with (
        socket.create_connection(("127.0.0.1", port), timeout=_LONGEST_WAIT_SECONDS) as opened,
        contextlib.suppress(OSError, ProtocolError),
    ):
        opened.sendall(connection.data_to_send())
        while more := opened.recv(65_536):
            events += connection.receive_data(more)
            opened.sendall(connection.data_to_send())
            if any(isinstance(event, StreamEnded | StreamReset) for event in events):
                break
    return events


def status_of(events: list[Event]) -> int:
    """Return the status of the response; 0 if there is none."""
    found = [dict(event.headers or []) for event in events if isinstance(event, ResponseReceived)]
    return int(found[0][b":status"]) if found else 0
