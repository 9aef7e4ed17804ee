"""A server on loopback that runs a script for each connection: answer, send slowly, hang, reset,
send invalid data.

    with LoopbackServer(answering(Answer(200, b"{}"))) as server:
        ...                        # call server.url; then check server.requests and
        server.connections

A script is called once for each connection, in a thread of its own, with a `Peer`. When it returns,
the connection is closed. The usual ones are in `scripts.py`.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.integration.servers.certificates import Certificate


@dataclass(frozen=True)
class Received:
    """One request, as it came: header names in lower case, duplicates kept."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of the header `name` (lower-case), or None."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True)
class Answer:
    """One answer; its Content-Length is written for it unless `headers` has one or says
    `transfer-encoding`.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = field(default=())

    def encode(self) -> bytes:
        """Return the bytes of the response."""
        names = {name.lower() for name, _ in self.headers}
        own = (
            ()
            if names & {"content-length", "transfer-encoding"}
            else (("Content-Length", str(len(self.body))),)
        )
        lines = [
            f"HTTP/1.1 {self.status} X",
            *(f"{name}: {value}" for name, value in (*self.headers, *own)),
        ]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


class Peer:
    """The server's side of one connection.

    Attributes:
        number: 1 for the server's first connection, 2 for the next, and so on.
        sent: How many bytes were sent so far.
        socket: For actions without a method.
    """

    def __init__(self, server: LoopbackServer, opened: socket.socket, number: int) -> None:
        self.number = number
        self.sent = 0
        self.socket = opened
        self._server = server
        self._unread = b""

    def receive(self) -> Received | None:
        """Read one request, None when the client has closed the connection."""
        head = self._read_until(b"\r\n\r\n")
        if head is None:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = tuple(
            (name.lower(), value.strip())
            for name, _, value in (line.partition(":") for line in lines if line)
        )
        length = int(dict(headers).get("content-length", "0"))
        while len(self._unread) < length:
            more = self.socket.recv(65_536)
            if not more:
                return None
            self._unread += more
        body, self._unread = self._unread[:length], self._unread[length:]
        request = Received(method, target, headers, body)
        self._server.requests.append(request)
        return request

    def send(self, data: bytes) -> None:
        """Send `data` in one piece."""
        self.socket.sendall(data)
        self.sent += len(data)

    def answer(self, answer: Answer) -> None:
        """Send an answer."""
        self.send(answer.encode())

    def drip(self, data: bytes, every_seconds: float) -> None:
        """Send `data` byte by byte."""
        for byte in data:
            self.send(bytes([byte]))
            if self._server.ending.wait(every_seconds):
                return

    def hang(self) -> None:
        """Do nothing until the server is stopped."""
        self._server.ending.wait()

    def reset(self) -> None:
        """Close with a RST instead of a FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def start_tls(self, certificate: Certificate) -> None:
        """Become a TLS server on this connection, as behind a CONNECT."""
        self.socket = _server_context(certificate, None).wrap_socket(self.socket, server_side=True)
        self._server._open.append(self.socket)

    @property
    def ended(self) -> bool:
        """Whether the server is being stopped."""
        return self._server.ending.is_set()

    def _read_until(self, end: bytes) -> bytes | None:
        while end not in self._unread:
            more = self.socket.recv(65_536)
            if not more:
                return None
            self._unread += more
        head, _, self._unread = self._unread.partition(end)
        return head


Script = Callable[[Peer], object]


class LoopbackServer:
    """A server on a free port of 127.0.0.1.

    Args:
        script: Called for each connection.
        certificate: For TLS; None for plain http.
        client_ca_file: Require a client certificate of this authority (RFC 8705).
        port: The port; 0 means any free one.

    Attributes:
        requests: All that were read, in order.
        connections: How many were accepted so far.
        tls: The settings of its side of TLS, None without.
        ending: Set when the server stops, so that waiting scripts can return.
        faults: What scripts raised, other than connection errors; `stop` raises the first.
    """

    def __init__(
        self,
        script: Script,
        certificate: Certificate | None = None,
        client_ca_file: str | None = None,
        *,
        port: int = 0,
    ) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self.ending = threading.Event()
        self.faults: list[Exception] = []
        self._script = script
        self.tls = None if certificate is None else _server_context(certificate, client_ca_file)
        self._listening = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port: int = self._listening.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def url(self) -> str:
        """The URL of the server, without a path."""
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close every connection and the port. Further connections are refused."""
        if self.ending.is_set():
            return
        self.ending.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._acceptor.join(5)
        self._listening.close()
        for opened in self._open:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for opened in self._open:
            opened.close()
        if self.faults:
            raise self.faults[0]

    def wait_for_scripts(self) -> None:
        """Wait until every script has returned. A script that hangs does not return."""
        for thread in list(self._threads):
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                opened, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(opened)
            thread = threading.Thread(
                target=self._serve, args=(opened, self.connections), daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _serve(self, opened: socket.socket, number: int) -> None:
        peer = None
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is not None:
                opened = self._handshake(self.tls, opened)
            peer = Peer(self, opened, number)
            self._script(peer)
        except OSError:
            pass  # the client went away, or a test wants it so
        except Exception as error:
            self.faults.append(error)
        finally:
            (opened if peer is None else peer.socket).close()

    def _handshake(self, tls: ssl.SSLContext, opened: socket.socket) -> ssl.SSLSocket:
        wrapped = tls.wrap_socket(opened, server_side=True, do_handshake_on_connect=False)
        self._open.append(wrapped)
        try:
            wrapped.do_handshake()
        except ssl.SSLError:
            wrapped.settimeout(5)
            while socket.socket.recv(
                wrapped, 65_536
            ):  # closing with unread bytes would send a RST that can overtake the TLS alert
                pass
            wrapped.close()
            raise
        return wrapped


def closed_port() -> int:
    """Return a port of 127.0.0.1 on which no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _server_context(certificate: Certificate, client_ca_file: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate_file, certificate.key_file)
    if client_ca_file is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca_file)
    return context
