"""An authorization server on loopback that counts its requests, and can hang or fail."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

from iiniit_guard import ClientSecretBasic, Guard
from iiniit_guard.testing import Issuer
from tests.load.benchmarks.tokens import AUDIENCE, SCOPE

HANG_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 0.05


class Upstream(ThreadingHTTPServer):
    """An authorization server whose keys can hang or fail."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.issuer = Issuer(self.url, AUDIENCE, algorithm="EdDSA")
        self.calls: Counter[str] = Counter()
        self.keys_hang = False
        self.keys_fail = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing about clients that disconnected."""


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    # its name in the base class
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""

    def do_GET(self) -> None:
        self.server.calls["keys" if "jwks" in self.path else "metadata"] += 1
        if self.server.keys_hang:
            time.sleep(HANG_SECONDS)
        if self.server.keys_fail:
            self._answer(500, {})
        elif "jwks" in self.path:
            self._answer(200, self.server.issuer.jwk_set())
        else:
            self._answer(200, {"issuer": self.server.url, "jwks_uri": f"{self.server.url}/jwks"})

    def do_POST(self) -> None:
        self.server.calls["introspection"] += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(_ANSWER_SECONDS)
        now = int(time.time())
        members = {
            "iss": self.server.url,
            "aud": AUDIENCE,
            "client_id": "client-1",
            "sub": "user-1",
            "iat": now,
            "exp": now + 3600,
        }
        self._answer(200, {"active": True, "scope": SCOPE, **members})

    def _answer(self, status: int, members: dict[str, Any]) -> None:
        body = json.dumps(members).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def upstream() -> Iterator[Upstream]:
    """Run an authorization server."""
    server = Upstream()
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def guard_for(url: str, **settings: Any) -> Guard:
    """Create a guard that calls it."""
    places: dict[str, Any] = {
        "jwks_uri": f"{url}/jwks",
        "introspection_endpoint": f"{url}/introspect",
    }
    return Guard(
        issuer=url,
        audience=AUDIENCE,
        introspection=ClientSecretBasic("api", "secret"),
        **places,
        **settings,
    )
