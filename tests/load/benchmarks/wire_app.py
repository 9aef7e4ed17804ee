"""The applications that uvicorn serves for goal 5 and for the empty endpoint of goal 6. `WIRE_KEYS`
names a file with the issuer's keys.
"""

from __future__ import annotations

import json
import os
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from tests.load.benchmarks.floors import remembering
from tests.load.benchmarks.starlette_host import application, me
from tests.load.benchmarks.tokens import AUDIENCE, ISSUER, SCOPE, WANTED


def bare() -> Any:
    """The application alone."""
    return application(me)


def cached() -> Any:
    """The guarded application, with default settings."""
    return _guarded()


def cold() -> Any:
    """The guarded application, with a cache that evicts each token before its next use, so every
    request includes an eviction.
    """
    return _guarded(max_cached_tokens=64)


def _guarded(**settings: Any) -> Any:
    from iiniit_guard import Guard
    from iiniit_guard.asgi import GuardMiddleware
    from iiniit_guard.starlette import require_scope

    guard = Guard(issuer=ISSUER, audience=AUDIENCE, jwks_file=os.environ["WIRE_KEYS"], **settings)
    return GuardMiddleware(application(require_scope(WANTED)(me)), guard)


def floor() -> Any:
    """The application with hand-written checks of one token."""
    recall = remembering(os.environ["WIRE_TOKEN"], SCOPE)
    wanted, app = frozenset({WANTED}), application(me)

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            value = next(value for name, value in scope["headers"] if name == b"authorization")
            held = recall(value)
            if held is None or not wanted <= held.scopes:
                await JSONResponse({}, 401)(scope, receive, send)
                return
        await app(scope, receive, send)

    return middleware


def pyjwt() -> Any:
    """PyJWT in the handler, its key an object."""
    import jwt

    with open(os.environ["WIRE_KEYS"]) as file:  # noqa: PTH123 - as short as can be
        key = jwt.PyJWK(json.load(file)["keys"][0]).key

    async def handler(request: Request) -> JSONResponse:
        claims = jwt.decode(
            request.headers["authorization"][7:],
            key,
            algorithms=["RS256"],
            audience=AUDIENCE,
            issuer=ISSUER,
        )
        return await me(request) if WANTED in claims["scope"].split() else JSONResponse({}, 403)

    return application(handler)


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """Answer every request with 200."""
    if scope["type"] == "http":
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
        )
        await send({"type": "http.response.body", "body": b""})
