"""Tokens for all benchmarks: an in-memory issuer, and tokens in the format of real issuers."""

from __future__ import annotations

import time
from typing import Any, Final

from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.presented import Presented
from iiniit_guard.guard import Guard
from iiniit_guard.testing import Issuer

SCOPE: Final = "user:read user:write"
WANTED: Final = "user:read"
ISSUER: Final = "https://auth.example.com"
AUDIENCE: Final = "https://api.example.com"
SYSTEM_CLOCK: Final = Clock(time.time, time.monotonic)
TOKEN_BYTES: Final = 900

BROWSER: Final = (
    (b"host", b"api.example.com"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept", b"application/json"),
    (b"accept-encoding", b"gzip, deflate, br"),
)
"""What else a client sends."""


def make_issuer(algorithm: str = "RS256") -> Issuer:
    """Create an issuer that uses the machine's clock."""
    return Issuer(ISSUER, AUDIENCE, algorithm=algorithm)


def make_guard(issuer: Issuer, **settings: Any) -> Guard:
    """Create a guard with default settings that reads the machine's clocks and calls `issuer`
    without a socket.
    """
    return issuer.guard(clock=SYSTEM_CLOCK, **settings)


def cached(guard: Guard, authorization: bytes) -> object:
    """Look up a token as adapters do first, before they create a `Request`."""
    return guard._engine.begin(Presented(authorization, b"", _no_request, None, "guard"))


def _no_request(_: object) -> Request:
    raise RuntimeError("the token is not cached")


def token_of(issuer: Issuer, *, size: int = TOKEN_BYTES, number: int = 0, **claims: Any) -> str:
    """Issue a JWT of about `size` bytes with eight claims and, as filling, a ninth."""
    usual: dict[str, Any] = {
        "expires_in": 3600,
        "subject": f"user-{number}",
        "jti": f"token-{number}",
        **claims,
    }
    bare = issuer.token(SCOPE, **usual)
    missing = (size - len(bare)) * 3 // 4 - 12
    return issuer.token(SCOPE, **usual, filling="x" * missing) if missing > 0 else bare


def scope_of(token: str, path: str = "/me") -> dict[str, Any]:
    """Return the ASGI scope of a GET with `token`."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [*BROWSER, (b"authorization", b"Bearer " + token.encode())],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8_000),
        "state": {},
    }


def environ_of(token: str, path: str = "/me") -> dict[str, Any]:
    """Return the WSGI environ of a GET with `token`, as gunicorn makes it."""
    import io
    import sys

    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "RAW_URI": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "HTTP_HOST": "api.example.com",
        **{
            f"HTTP_{name.decode().upper().replace('-', '_')}": value.decode()
            for name, value in BROWSER[1:]
        },
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
