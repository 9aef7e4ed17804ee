"""The API behind a gateway. It records each request byte for byte, and answers."""

from __future__ import annotations

import contextlib
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha1

from tests.integration.servers.loopback import LoopbackServer, Peer

WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
ECHO = b"said over the websocket"


@dataclass(frozen=True)
class Arrived:
    """One request as the API sees it; header names as they came, duplicates kept."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    trailers: tuple[tuple[str, str], ...] = ()

    def values(self, name: str) -> list[str]:
        """Return all values of the header `name`, in any case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Connection:
    """One connection of a gateway."""

    def __init__(self, peer: Peer, heard: bytearray) -> None:
        self.peer = peer
        self._heard = heard
        self._unread = b""

    def line(self) -> bytes | None:
        while b"\r\n" not in self._unread:
            if not self._fill():
                return None
        found, _, self._unread = self._unread.partition(b"\r\n")
        return found

    def exactly(self, length: int) -> bytes:
        while len(self._unread) < length and self._fill():
            pass
        found, self._unread = self._unread[:length], self._unread[length:]
        return found

    def fields(self) -> tuple[tuple[str, str], ...]:
        found = []
        while line := self.line():
            name, _, value = line.decode("latin-1").partition(":")
            found.append((name, value.strip()))
        return tuple(found)

    def request(self) -> Arrived | None:
        first = self.line()
        if not first:
            return None
        method, target, _ = first.decode("latin-1").split(" ", 2)
        headers = self.fields()
        named = {name.lower(): value for name, value in headers}
        if named.get("expect", "").lower() == "100-continue":
            self.peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if named.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while (length := int((self.line() or b"0").partition(b";")[0], 16)) > 0:
                body += self.exactly(length)
                self.line()
            return Arrived(method, target, headers, body, self.fields())
        return Arrived(method, target, headers, self.exactly(int(named.get("content-length", "0"))))

    def echo(self) -> None:
        """Send back everything until the gateway closes the connection."""
        while self._unread or self._fill():
            self.peer.send(self._unread)
            self._unread = b""

    def _fill(self) -> bool:
        more = self.peer.socket.recv(65_536)
        self._heard += more
        self._unread += more
        return bool(more)


@dataclass
class Upstream:
    """An API on a free port of loopback that changes the protocol on every request for it, and then
    echoes.

    `/…/answers-N` answers with status N, a body and its own challenge, also to a request for
    another protocol.

    Attributes:
        arrived: All requests, in order.
        heard: All bytes of all connections.
    """

    arrived: list[Arrived] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.server = LoopbackServer(self._serve)
        self.port = self.server.port

    def forget(self) -> None:
        """Clear the recorded requests."""
        self.arrived.clear()
        self.heard.clear()

    def come_back(self) -> None:
        """Start again at the same port, after `server.stop()`."""
        self.server = LoopbackServer(self._serve, port=self.port)

    def _serve(self, peer: Peer) -> None:
        connection = Connection(peer, self.heard)
        with contextlib.suppress(ConnectionError):
            while (request := connection.request()) is not None:
                self.arrived.append(request)
                if "/answers-" not in request.target and (
                    request.values("upgrade") or request.method == "CONNECT"
                ):
                    self._upgrade(connection, request)
                    return
                self._answer(peer, request)

    def _answer(self, peer: Peer, request: Arrived) -> None:
        path = request.target.partition("?")[0]
        status = path.rpartition("/answers-")[2] if "/answers-" in path else "200"
        body = f"{request.method} from the API".encode()
        head = [
            f"HTTP/1.1 {status} X",
            "Content-Type: text/plain",
            f"Content-Length: {len(body)}",
            'WWW-Authenticate: ApiKey realm="own"',
        ]
        peer.send(
            "\r\n".join([*head, "", ""]).encode() + (b"" if request.method == "HEAD" else body)
        )

    def _upgrade(self, connection: Connection, request: Arrived) -> None:
        if request.method == "CONNECT":
            connection.peer.send(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            wanted = [
                word.strip() for value in request.values("upgrade") for word in value.split(",")
            ]
            upgrade = next((word for word in wanted if word.lower() == "h2c"), wanted[0])
            key = (request.values("sec-websocket-key") or [""])[0] + WEBSOCKET_GUID
            accept = b64encode(sha1(key.encode(), usedforsecurity=False).digest()).decode()
            head = [
                "HTTP/1.1 101 Switching Protocols",
                f"Upgrade: {upgrade}",
                "Connection: Upgrade",
                f"Sec-WebSocket-Accept: {accept}",
            ]
            connection.peer.send("\r\n".join([*head, "", ""]).encode())
        connection.echo()
