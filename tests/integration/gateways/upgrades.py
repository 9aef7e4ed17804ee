"""The attack table, part 4: fields that would change the protocol of a connection, and fields that
it would drop.
"""

from __future__ import annotations

from typing import Final

from tests.integration.gateways.spoofs import LIE

SETTINGS: Final = ("HTTP2-Settings", "AAMAAABkAAQCAAAAAAIAAAAA")
_WEBSOCKET_KEY: Final = (
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)

NAMED: Final = {
    "h2c": ("h2c",),
    "h2c in capitals": ("H2C",),
    "h2c, then websocket": ("h2c", "websocket"),
    "websocket, then h2c": ("websocket", "h2c"),
    "websocket around h2c": ("websocket", "h2c", "websocket"),
    "h2c around websocket": ("h2c", "WebSocket", "h2c"),
    "a list, h2c first": ("h2c, websocket",),
    "a list, websocket first": ("websocket, h2c",),
    "a list without spaces": ("websocket,h2c",),
    "a list behind a tab": ("\twebsocket,\th2c",),
    "a list that begins empty": (",websocket,h2c",),
    "a list and a line": ("websocket, h2c", "websocket"),
    "an empty line, then h2c": ("", "h2c"),
    "h2c, then an empty line": ("h2c", ""),
    "websocket with a version": ("websocket/13, h2c",),
    "TLS": ("TLS/1.0",),
    "TLS beside websocket": ("websocket", "TLS/1.0"),
    "HTTP/2.0": ("HTTP/2.0",),
    "a tunnel of UDP": ("connect-udp",),
    "a protocol of one's own": ("tunnel/1.0",),
}
"""Values of Upgrade, one a line: none of them is a client's wish for a WebSocket alone."""

NOMINATED: Final = {
    "as clients send it": ("Upgrade, HTTP2-Settings",),
    "alone": ("Upgrade",),
    "in two lines": ("upgrade", "HTTP2-Settings"),
    "with close": ("close, UPGRADE, HTTP2-Settings",),
    "with keep-alive": ("HTTP2-Settings, keep-alive", "Upgrade"),
    "not at all": (),
}
"""Values of Connection, one a line."""


def upgrading(upgrade: str, connection: str) -> tuple[tuple[str, str], ...]:
    """Return the fields of one attack."""
    return (
        *(("Connection", value) for value in NOMINATED[connection]),
        *(("Upgrade", value) for value in NAMED[upgrade]),
        SETTINGS,
        *_WEBSOCKET_KEY,
    )


SUBJECT: Final = "X-Iiniit-Subject"
NOMINATIONS: Final = {
    "it": (SUBJECT,),
    "it behind close": (f"close, {SUBJECT}",),
    "it before close": (f"{SUBJECT}, close",),
    "it between": (f"keep-alive, {SUBJECT}, close",),
    "it in odd letters": ("close, x-IINIIT-sUBJECT",),
    "it in lower case, behind a tab": (f"keep-alive,\t{SUBJECT.lower()}",),
    "it in a second line": ("keep-alive", SUBJECT),
    "it in a first line": (SUBJECT, "close"),
    "it in three lines": ("close", SUBJECT, "keep-alive"),
    "it after an empty one": (f", ,{SUBJECT}",),
    "it after a hundred others": (
        ", ".join([*(f"X-Other-{number}" for number in range(100)), SUBJECT]),
    ),
    "all four": ("close, X-Iiniit-Subject, X-Iiniit-Client, X-Iiniit-Scope, X-Iiniit-Issuer",),
    "all four in as many lines": (
        "X-Iiniit-Subject",
        "X-Iiniit-Client",
        "X-Iiniit-Scope",
        "X-Iiniit-Issuer",
    ),
    "the assertion": ("close, X-Iiniit-Assertion",),
    "it as if it were an upgrade": (f"Upgrade, {SUBJECT}",),
}
"""Values of Connection, one a line: what they name would be dropped, here or by the API's own
server.
"""

HIDDEN: Final = (
    f"GET /v1/elsewhere HTTP/1.1\r\nHost: api.example\r\n{SUBJECT}: {LIE}\r\nConnection: "
    f"close\r\n\r\n"
).encode()
"""What goes through a tunnel, if there is one; a gateway that reads it as a request refuses it."""
