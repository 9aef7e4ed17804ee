"""One action of one version of the package, timed on request: the child of `versions.py`.

The child runs with the package of another checkout, so it uses only public names that both have.
Each line on its standard input is a number of calls; it replies with their CPU time in seconds.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from iiniit_guard import Guard
from iiniit_guard.testing import Issuer

_SCOPE: Final = "user:read"
_BATCH: Final = 256
_FILLED: Final = 20_000


def _issuer(algorithm: str = "RS256") -> Issuer:
    return Issuer("https://auth.example.com", "https://api.example.com", algorithm=algorithm)


def _guard(issuer: Issuer, **settings: Any) -> Guard:
    wired = {"issuer": issuer.issuer, "audience": issuer.audience, "transport": issuer.handle}
    return Guard(**{**wired, **settings})


def _token(issuer: Issuer, number: int = 0) -> str:
    return issuer.token(
        "user:read user:write",
        expires_in=3600,
        subject=f"user-{number:04}",
        jti=f"token-{number:04}",
        filling="x" * 250,
    )


def lookup() -> Callable[[], object]:
    issuer = _issuer()
    guard, token = _guard(issuer), _token(issuer)
    return lambda: guard.verify(token)


def starlette() -> Callable[[], object]:
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from iiniit_guard.asgi import GuardMiddleware
    from iiniit_guard.starlette import require_scope

    @require_scope(_SCOPE)
    async def me(request: Any) -> JSONResponse:
        return JSONResponse({"name": "Aino Esimerkki"})

    issuer = _issuer()
    app = GuardMiddleware(Starlette(routes=[Route("/me", me)]), _guard(issuer))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/me",
        "raw_path": b"/me",
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"api.example.com"),
            (b"accept", b"application/json"),
            (b"authorization", b"Bearer " + _token(issuer).encode()),
        ],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8_000),
    }
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def once() -> None:
        await app({**scope, "state": {}}, receive, send)

    import asyncio

    asyncio.run(once())  # the first request fetches keys; no later one waits

    def call() -> object:
        statuses.clear()
        coroutine = once()
        try:
            coroutine.send(None)
        except StopIteration:
            return _expect(statuses, [200])
        raise RuntimeError("the request waits")

    return call


def flask() -> Callable[[], object]:
    from flask import Flask

    from iiniit_guard.flask import IiniitGuard, require_scope

    issuer = _issuer()
    app = Flask("compared")
    app.add_url_rule("/me", "me", require_scope(_SCOPE)(lambda: {"name": "Aino Esimerkki"}))
    IiniitGuard(app, _guard(issuer))
    return _wsgi_call(app, _token(issuer))


def django() -> Callable[[], object]:
    import django
    from django.conf import settings
    from django.core.wsgi import WSGIHandler
    from django.http import JsonResponse
    from django.urls import path

    issuer = _issuer()
    urls: Any = ModuleType("compared_urls")
    sys.modules[urls.__name__] = urls
    settings.configure(
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=["iiniit_guard.django.GuardMiddleware"],
        ROOT_URLCONF=urls.__name__,
        IINIIT_GUARD=_guard(issuer),
        SECRET_KEY="only for comparing",
    )
    django.setup()
    from iiniit_guard.django import require_scope

    view = require_scope(_SCOPE)(lambda request: JsonResponse({"name": "Aino Esimerkki"}))
    urls.urlpatterns = [path("me", view)]
    return _wsgi_call(WSGIHandler(), _token(issuer))


def _wsgi_call(app: Any, token: str) -> Callable[[], object]:
    import io

    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/me",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "api.example.com",
        "HTTP_ACCEPT": "application/json",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
    }
    statuses: list[str] = []

    def call() -> object:
        statuses.clear()
        body = app({**environ}, lambda status, *more: statuses.append(status))
        list(body)
        if hasattr(body, "close"):
            body.close()
        return _expect(statuses, ["200 OK"])

    return call


def _expect(found: list[Any], expected: list[Any]) -> None:
    if found != expected:
        raise RuntimeError(f"the response is {found}")


class New:
    """Verify tokens that are new to the guard, with room in its cache."""

    def __init__(self, algorithm: str) -> None:
        self._issuer = _issuer(algorithm)
        self._tokens = [_token(self._issuer, number) for number in range(_BATCH)]
        self.prepare()

    def prepare(self) -> None:
        """Replace the guard, and let it fetch the keys with the last token."""
        self._verify = _guard(self._issuer).verify
        self._verify(self._tokens[-1])
        self._turn = iter(self._tokens)

    def __call__(self) -> object:
        return self._verify(next(self._turn))


def full() -> Callable[[], object]:
    """Verify tokens in turn; the cache holds a quarter of them, so each is new."""
    issuer = _issuer()
    guard = _guard(issuer, max_cached_tokens=_BATCH // 4)
    tokens = cycle([_token(issuer, number) for number in range(_BATCH)])
    return lambda: guard.verify(next(tokens))


def first() -> Callable[[], object]:
    """Create a guard, which fetches metadata and keys for its first token."""
    issuer = _issuer()
    token = _token(issuer)
    return lambda: _guard(issuer).verify(token)


def opaque() -> Callable[[], object]:
    issuer = _issuer()
    guard = _guard(
        issuer,
        max_cached_tokens=_BATCH // 4,
        introspection=issuer.credentials("client_secret_basic"),
    )
    tokens = cycle([issuer.opaque_token(_SCOPE, expires_in=3600) for _ in range(_BATCH)])
    return lambda: guard.verify(next(tokens))


def memory() -> float:
    """Return how many bytes the process grows for each cached token of eight claims."""
    issuer = _issuer("EdDSA")
    guard = _guard(issuer)
    now = int(time.time())

    def verify(number: int) -> None:
        claims = {
            "iss": issuer.issuer,
            "sub": f"user-{number}",
            "aud": issuer.audience,
            "client_id": f"client-{number % 200}",
            "scope": "user:read user:write",
            "iat": now,
            "exp": now + 3600 + number % 1000,
            "jti": f"{number:032x}",
        }
        guard.verify(issuer.sign(claims)).claims  # noqa: B018  # a handler reads them

    for number in range(200):
        verify(number)
    before = _resident()
    for number in range(200, 200 + _FILLED):
        verify(number)
    return (_resident() - before) / _FILLED


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


ACTIONS: Final[dict[str, Callable[[], Callable[[], object]]]] = {
    "lookup": lookup,
    "starlette": starlette,
    "flask": flask,
    "django": django,
    "RS256": lambda: New("RS256"),
    "ES256": lambda: New("ES256"),
    "EdDSA": lambda: New("EdDSA"),
    "full": full,
    "first": first,
    "opaque": opaque,
}


def main(action: str) -> None:
    if action == "memory":
        print(memory())
        return
    call = ACTIONS[action]()
    prepare = getattr(call, "prepare", lambda: None)
    for _ in range(3):
        prepare()
        for _ in range(_BATCH - 1):
            call()
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    for line in sys.stdin:
        calls = range(int(line))
        prepare()
        gc.collect()  # a server does not replace its guard, so the collector removes none
        started = time.process_time()
        for _ in calls:
            call()
        print(time.process_time() - started, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
