"""An HTTP client that sends exact bytes, including requests that libraries refuse to send."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any, Final

Fields = Iterable[tuple[str, str]]
PATIENCE_SECONDS: Final = 45.0


@dataclass(frozen=True)
class Answered:
    """One response; status 0 if the gateway closed the connection without one."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    seconds: float

    def values(self, name: str) -> list[str]:
        """Return all values of the header `name`, in any case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def varies_by(self) -> set[str]:
        """Field names in Vary, in lower case; an intermediary may write the list in its own way."""
        return {name.strip().lower() for value in self.values("vary") for name in value.split(",")}

    @property
    def problem(self) -> dict[str, Any]:
        """The body as RFC 9457 has it."""
        told = json.loads(self.body)
        return told if isinstance(told, dict) else {}


def request_bytes(method: str, target: str, headers: Fields = (), body: bytes = b"") -> bytes:
    """Return the bytes of a request; Host is added, and Content-Length if there is a body and no
    length.
    """
    written = list(headers)
    names = {name.lower() for name, _ in written}
    if "host" not in names:
        written.insert(0, ("Host", "api.example"))
    if body and not names & {"content-length", "transfer-encoding"}:
        written.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in written)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def send(port: int, sent: bytes) -> Answered:
    """Send bytes on a connection of their own and read one answer."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as opened:
        with contextlib.suppress(
            BrokenPipeError, ConnectionResetError
        ):  # it has responded before it read everything
            opened.sendall(sent)
        answer = HTTPResponse(opened, method=sent.partition(b" ")[0].decode("latin-1"))
        try:
            answer.begin()
            body = answer.read()
        except (HTTPException, ConnectionResetError):
            return Answered(0, (), b"", time.monotonic() - begun)
        return Answered(answer.status, tuple(answer.getheaders()), body, time.monotonic() - begun)


def converse(port: int, sent: bytes) -> bytes:
    """Send bytes and read everything until the gateway closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as opened:
        received = b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            opened.sendall(sent)
            while more := opened.recv(65_536):
                received += more
        return received


def talk(port: int, sent: bytes, said: bytes) -> tuple[bytes, bytes]:
    """Open a WebSocket, send a message, and return the head of the response and what came back."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as opened:
        opened.sendall(sent)
        received = b""
        while b"\r\n\r\n" not in received and (more := opened.recv(65_536)):
            received += more
        head, _, rest = received.partition(b"\r\n\r\n")
        if b" 101 " in head.partition(b"\r\n")[0]:
            opened.sendall(said)
            while len(rest) < len(said) and (more := opened.recv(65_536)):
                rest += more
        return head, rest


def converse_twice(port: int, first: bytes, second: bytes, patience_seconds: float = 0.25) -> bytes:
    """Send bytes, wait for the head of an answer, send further bytes, and read what comes.

    Args:
        port: Of the gateway.
        first: Sent at once.
        second: Sent after the response, through a tunnel if there is one; an echo of it ends the
            reading.
        patience_seconds: How long to read if nothing comes and the connection stays open.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as opened:
        received = b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
            opened.sendall(first)
            while b"\r\n\r\n" not in received and (more := opened.recv(65_536)):
                received += more
            opened.settimeout(patience_seconds)
            opened.sendall(second)
            while second not in received and (more := opened.recv(65_536)):
                received += more
        return received
