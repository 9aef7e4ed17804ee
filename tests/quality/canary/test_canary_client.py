"""Search for marked values in all output of the real HTTP client at DEBUG level."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from iiniit_guard import Guard
from iiniit_guard.core.issuer.client_authentication import ClientSecretBasic
from iiniit_guard.core.model.request import Request
from tests.quality.canary.marks import (
    SECRET,
    SUBJECT,
    TOKEN,
    everything_written,
    secret_spellings,
)


class Loopback(BaseHTTPRequestHandler):
    """An introspection endpoint over a real socket."""

    answer = b""
    received: list[str]

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(f"{self.headers['Authorization']} {body.decode()}")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("body", ["active", "inactive", "garbage"])
@pytest.mark.parametrize("asynchronous", [False, True], ids=["threads", "loop"])
def test_the_real_client_writes_nothing_down(body, asynchronous):
    active = {
        "active": True,
        "iss": "https://issuer.test",
        "aud": "https://api.test",
        "sub": SUBJECT,
        "scope": "a",
        "token": TOKEN,
    }
    answers = {
        "active": json.dumps(active).encode(),
        "inactive": b'{"active": false}',
        "garbage": TOKEN.encode() + SUBJECT.encode(),
    }

    class Serving(Loopback):
        answer = answers[body]
        received = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Serving)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    closed = ThreadingHTTPServer(("127.0.0.1", 0), Serving)
    closed.server_close()
    try:
        with everything_written() as written:
            logging.getLogger("httpx2").setLevel(logging.DEBUG)
            for port in (server.server_port, closed.server_port):
                ask(port, asynchronous, written)
    finally:
        server.shutdown()
        server.server_close()

    assert any(TOKEN in line for line in Serving.received), "the token went over the wire"
    assert any(spelling in line for line in Serving.received for spelling in secret_spellings())
    assert written.records > 0
    assert written.holds({TOKEN}) == []
    assert written.holds((*secret_spellings(), SUBJECT)) == []


def ask(port, asynchronous, written):
    request = Request("GET", "/", headers=[(b"authorization", b"Bearer " + TOKEN.encode())])

    async def on_a_loop(guard):
        async with guard:
            return await guard.authenticate_async(request)

    guard = Guard(
        issuer="https://issuer.test",
        audience="https://api.test",
        introspection=ClientSecretBasic("api", SECRET),
        introspection_endpoint=f"http://127.0.0.1:{port}/introspect",
        jwks_uri=f"http://127.0.0.1:{port}/jwks",
        insecure_http_hosts=("127.0.0.1",),
    )
    if asynchronous:
        decision = asyncio.run(on_a_loop(guard))
    else:
        with guard:
            decision = guard.authenticate(request)
    written.add(decision, guard)
