"""`iiniit_guard.testing.Issuer` behind a real socket. It counts its requests, and each endpoint can
fail on the wire.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias

from iiniit_guard.core.model.flow import HttpRequest, HttpResponse
from iiniit_guard.guard import Guard
from iiniit_guard.testing import Issuer, SettableClock
from iiniit_guard.testing.metadata import Kind, kind_of
from tests.integration.servers.certificates import Authority, Certificate
from tests.integration.servers.loopback import Answer, LoopbackServer, Peer, Received, Script

Fault: TypeAlias = Answer | Script
KINDS: Final[tuple[Kind, ...]] = ("discovery", "jwks", "introspection", "other")


class MachineTime(SettableClock):
    """The machine's clocks, for issuers whose guards are in other processes."""

    def wall(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class RealIssuer:
    """An authorization server on loopback.

    Args:
        authority: The authority of the TLS certificate; None for plain http.
        certificate: Used for TLS instead of a valid one.
        host: The host in the settings of the guard; it must resolve to 127.0.0.1.
        clock: None creates a stopped one.

    Attributes:
        issuer: The in-memory issuer with the tokens, keys, revocations and the clock.
        asked: How often each endpoint was called, failing or not.
        busiest: The most requests for introspection that were answered at the same time.
        delay_seconds: How long introspection takes.
        slow_token: If it is not empty, only the introspection of this token is slow.
        hold: While it is cleared, introspection waits.
    """

    def __init__(
        self,
        authority: Authority | None = None,
        certificate: Certificate | None = None,
        *,
        host: str = "127.0.0.1",
        clock: SettableClock | None = None,
        algorithm: str = "ES256",
    ) -> None:
        if certificate is None and authority is not None:
            certificate = authority.issue("127.0.0.1", "localhost")
        self._certificate = certificate
        self._ca_file = None if authority is None else authority.ca_file
        self._host = host
        self._faults: dict[Kind, tuple[Fault, int]] = {}
        self._lock = threading.Lock()
        self._inside = self.busiest = 0
        self.asked: Counter[Kind] = Counter()
        self.delay_seconds = 0.0
        self.slow_token = ""
        self.hold = threading.Event()
        self.hold.set()
        self.server = LoopbackServer(self._serve, certificate)
        self.port = self.server.port
        self.issuer = Issuer(self.url, clock=clock, algorithm=algorithm)

    @property
    def url(self) -> str:
        """The issuer identifier."""
        return f"{'http' if self._certificate is None else 'https'}://{self._host}:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.hold.set()
        self.server.stop()

    def break_at(self, fault: Fault, *kinds: Kind, after: int = 0) -> None:
        """Apply `fault` to each request to these endpoints (without names, to all) after the first
        `after` requests.
        """
        self._faults.update(dict.fromkeys(kinds or KINDS, (fault, after)))

    def mend(self) -> None:
        """End the failure."""
        self._faults.clear()

    def die(self) -> None:
        """Close every connection and the port."""
        self.server.stop()

    def come_back(self, certificate: Certificate | None = None) -> None:
        """Start again at the same port.

        Args:
            certificate: Another one than before.
        """
        self._certificate = certificate or self._certificate
        self.server = LoopbackServer(self._serve, self._certificate, port=self.port)

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return a guard's settings, with timeouts for a busy machine."""
        wired: dict[str, Any] = {
            "issuer": self.issuer.issuer,
            "audience": self.issuer.audience,
            "introspection": self.issuer.credentials("client_secret_basic"),
            "connect_timeout_seconds": 5,
            "timeout_seconds": 5,
            "ca_file": self._ca_file,
            "insecure_http_hosts": [self._host],
        }
        return {**wired, **more}

    def guard(self, **more: Any) -> Guard:
        """Create a guard that trusts this issuer and shares its clock."""
        return Guard(clock=self.issuer.clock.clock, **self.settings(**more))

    def environment(self, **more: object) -> dict[str, str]:
        """Return the same settings as environment variables for another process, with longer
        timeouts for a busy machine.
        """
        check = self.issuer.client_check
        settings = {
            "issuer": self.issuer.issuer,
            "audience": self.issuer.audience,
            "introspection_client_auth": "client_secret_basic",
            "introspection_client_id": check.client_id,
            "introspection_client_secret": check.client_secret,
            "connect_timeout_seconds": 5,
            "timeout_seconds": 15,
            **({} if self._ca_file is None else {"ca_file": self._ca_file}),
            **more,
        }
        return {f"IINIIT_GUARD_{name.upper()}": str(value) for name, value in settings.items()}

    def _serve(self, peer: Peer) -> None:
        while (received := peer.receive()) is not None:
            url = self.url + received.target
            kind = kind_of(url, self.issuer.issuer, self.issuer.metadata_document())
            with self._lock:
                self.asked[kind] += 1
                fault, after = self._faults.get(kind, (None, 0))
            if fault is None or self.asked[kind] <= after:
                peer.answer(self._answer(kind, url, received))
            elif isinstance(fault, Answer):
                peer.answer(fault)
            else:
                fault(peer)
                return

    def _answer(self, kind: Kind, url: str, received: Received) -> Answer:
        method: Literal["GET", "POST"] = "POST" if received.method == "POST" else "GET"
        with self._counted(received.body) if kind == "introspection" else contextlib.nullcontext():
            reply = self.issuer.handle(HttpRequest(method, url, received.headers, received.body))
        if not isinstance(reply, HttpResponse):
            raise TypeError("break it by break_at(): Issuer.fail() knows no socket")
        return Answer(reply.status, reply.body, reply.headers)

    @contextlib.contextmanager
    def _counted(self, body: bytes) -> Iterator[None]:
        with self._lock:
            self._inside += 1
            self.busiest = max(self.busiest, self._inside)
        try:
            self.hold.wait(20)
            if self.delay_seconds and self.slow_token.encode() in body:
                time.sleep(self.delay_seconds)
            yield
        finally:
            with self._lock:
                self._inside -= 1
