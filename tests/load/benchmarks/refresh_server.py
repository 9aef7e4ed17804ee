"""The HTTP server of the refresh benchmark."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from iiniit_guard.testing import Issuer
from tests.load.benchmarks.tokens import AUDIENCE

SETS: Final = 2
_LIFETIME: Final = 3_600


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # otherwise the body waits for the acknowledgement of the head
    server: Documents

    # its name in the base class
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""

    def do_GET(self) -> None:
        if self.path == "/rotate":
            self.server.turn += 1
        document = (
            self.server.sets[self.server.turn % SETS]
            if self.path == "/jwks"
            else self.server.metadata
        )
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", f"max-age={_LIFETIME}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Documents(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, sets: list[Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.sets = sets
        self.turn = 0
        self.metadata = {
            **Issuer(self.url, AUDIENCE).metadata_document(),
            "jwks_uri": f"{self.url}/jwks",
        }

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing about connections that the guard closed."""
