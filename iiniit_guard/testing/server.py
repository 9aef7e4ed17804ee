"""An issuer on a loopback socket, for tests in other processes and in other languages."""

from __future__ import annotations

import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Final, Self

from iiniit_guard.core.issuer.metadata import is_loopback
from iiniit_guard.core.model.flow import Connection, HttpRequest, HttpResponse
from iiniit_guard.testing.clock import MachineClock
from iiniit_guard.testing.control import control
from iiniit_guard.testing.issuer import Issuer
from iiniit_guard.testing.page import mint_page, minted_page
from iiniit_guard.testing.token_endpoint import form_of, mint, revoke, token_response

_MAX_BODY_BYTES: Final = 65_536
_PLAIN: Final = (("content-type", "text/plain; charset=utf-8"),)
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
)
_PAGE: Final = (
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", _POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
)


class IssuerServer:
    """An `Issuer` behind a socket on this machine. No other machine can reach it.

    >>> from iiniit_guard.testing import IssuerServer
    >>> with IssuerServer() as server:
    ...     server.issuer.issuer == server.url
    True

    Attributes:
        issuer: The issuer. Its failures (`down`, `slow`, `fail`) apply to the socket too.
        url: The issuer identifier.
        client_secret: The secret of the client `api`, which may introspect.
    """

    def __init__(
        self,
        audience: str = "https://api.test",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        algorithm: str = "ES256",
        client_secret: str = "dev-secret",
    ) -> None:
        """Open the socket. `start` or `serve` answers requests.

        Args:
            audience: The audience of the tokens.
            host: A loopback address.
            port: 0 chooses a free port.
            algorithm: The algorithm of the signing key.
            client_secret: The secret of the client `api`.

        Raises:
            ValueError: The host is not a loopback address.
            OSError: The port is in use.
        """
        if not is_loopback(host):
            raise ValueError(f"{host} is not a loopback address; the server has no access control")
        self._server = (_Server6 if ":" in host else _Server)((host, port), _Handler)
        self._lock = Lock()
        self._clock = MachineClock()
        self._thread: Thread | None = None
        chosen = self._server.server_address[1]
        name = f"[{host}]" if ":" in host else host
        self.url: str = f"http://{name}:{chosen}"
        self.client_secret: str = client_secret
        self.issuer: Issuer = Issuer(
            self.url,
            audience,
            algorithm=algorithm,
            clock=self._clock,
            client_secret=client_secret,
        )
        self.issuer.metadata = {
            "revocation_endpoint": f"{self.url}/revoke",
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "authorization_endpoint": None,
        }
        self._server.owner = self
        self.hosts: frozenset[str] = frozenset(
            f"{each}:{chosen}" for each in (name, "localhost", "127.0.0.1", "[::1]")
        )
        """The accepted values of `Host`: a web page on another name cannot use the server."""

    def serve(self) -> None:
        """Answer requests until `close` is called."""
        self._server.serve_forever(poll_interval=0.1)

    def start(self) -> Self:
        """Answer requests in a thread."""
        self._thread = Thread(target=self.serve, name="iiniit_guard-dev-issuer", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop answering, and close the socket."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def respond(
        self, request: HttpRequest, host: str | None, origin: str | None
    ) -> HttpResponse | None:
        """Return the response to a request; None if the connection must be closed without one.

        Args:
            request: Its URL begins with `url`.
            host: The field `Host`.
            origin: The field `Origin`, which browsers send with forms.
        """
        if host not in self.hosts:
            return HttpResponse(421, _PLAIN, b"Host is not the address of this server\n")
        if origin is not None and origin.partition("://")[2] not in self.hosts:
            return HttpResponse(403, _PLAIN, b"the request comes from another site\n")
        answer = self._own_response(request)
        if answer is not None:
            return answer
        with self._lock:
            # The issuer advances its clock for a slow answer. A socket waits instead.
            before = self._clock.added
            # The caller decides how long it waits, so a slow answer is sent however late it is.
            patience = Connection(timeout_seconds=max(5.0, self.issuer.slow_seconds + 1))
            reply = self.issuer.handle(replace(request, connection=patience))
            late = self._clock.added - before
            self._clock.advance(-late)
        time.sleep(late)
        return reply if isinstance(reply, HttpResponse) else None

    def _own_response(self, request: HttpRequest) -> HttpResponse | None:
        """Return the response of an endpoint that `Issuer` does not have; None for the others."""
        path = request.url.removeprefix(self.url)
        if path == "/":
            text = (
                mint_page(self.issuer)
                if request.method == "GET"
                else minted_page(self.issuer, mint(self.issuer, request), form_of(request))
            )
            return HttpResponse(200, _PAGE, text.encode())
        if request.method == "POST" and path == "/token":
            return token_response(self.issuer, request)
        if request.method == "POST" and path == "/revoke":
            return revoke(self.issuer, request)
        if request.method == "POST" and path == "/control":
            return control(self.issuer, request)
        return None


class _Server(ThreadingHTTPServer):
    owner: IssuerServer
    daemon_threads = True


class _Server6(_Server):
    address_family = AF_INET6


class _Handler(BaseHTTPRequestHandler):
    """Passes each request to the `IssuerServer`. `http.server` requires these names of methods."""

    server_version = "iiniit_guard-dev-issuer"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        """Answer a GET request."""
        self._answer("GET", b"")

    def do_POST(self) -> None:
        """Answer a POST request."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MAX_BODY_BYTES:
            self.close_connection = True
            self._send(HttpResponse(411, _PLAIN, b"Content-Length is missing or too large\n"))
            return
        self._answer("POST", self.rfile.read(int(length)))

    def _answer(self, method: Any, body: bytes) -> None:
        owner = self._owner
        headers = tuple((name.lower(), value) for name, value in self.headers.items())
        path = self.path.partition("?")[0]
        request = HttpRequest(method, owner.url + path, headers, body)
        reply = owner.respond(request, self.headers.get("Host"), self.headers.get("Origin"))
        if reply is None:
            self.close_connection = True
        else:
            self._send(reply)

    @property
    def _owner(self) -> IssuerServer:
        server: Any = self.server
        owner: IssuerServer = server.owner
        return owner

    def _send(self, reply: HttpResponse) -> None:
        self.send_response(reply.status)
        caching = any(name == "cache-control" for name, _ in reply.headers)
        further = () if caching else (("cache-control", "no-store"),)
        length = ("content-length", str(len(reply.body)))
        for name, value in (*reply.headers, *further, length):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is required
        """Log nothing: the request line may hold a token."""
