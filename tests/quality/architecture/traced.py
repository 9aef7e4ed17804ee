"""The files of the package that one request enters."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import iiniit_guard
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.starlette import access_token, require_scope
from iiniit_guard.testing import Issuer

PACKAGE: Final = Path(iiniit_guard.__file__).parent


class Visit(NamedTuple):
    """A file that a request enters, and the first function of the file that it calls."""

    file: str
    function: str


@require_scope("user:read")
async def _profile(request: Request) -> JSONResponse:
    return JSONResponse({"id": access_token(request).subject})


async def _call(app: Starlette, token: str) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": "/profile",
        "raw_path": b"/profile",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer " + token.encode())],
        "client": ("192.0.2.1", 1),
        "server": ("api.test", 443),
    }
    await app(scope, receive, send)
    if sent[0]["status"] != 200:
        raise RuntimeError(f"the traced request was refused: {sent[0]['status']}")


def _traced(app: Starlette, token: str) -> list[Visit]:
    """Return the files of the package that one request enters, in the order of the first call."""
    first: dict[str, str] = {}

    def hook(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            file = path.relative_to(PACKAGE).as_posix()
            if not file.startswith("testing/") and not frame.f_code.co_name.startswith("<"):
                first.setdefault(file, _name(frame.f_code.co_qualname))

    async def run() -> None:
        sys.setprofile(hook)
        threading.setprofile(hook)
        try:
            await _call(app, token)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    asyncio.run(run())
    return [Visit(*each) for each in first.items()]


def _name(qualified: str) -> str:
    owner, _, name = qualified.rpartition(".")
    if name == "__init__":
        return owner
    return qualified if name.startswith("__") else name


def trace() -> dict[str, list[Visit]]:
    """Return what a cold and a cached request enter: a JWT through Starlette and a decorator."""
    visits: dict[str, list[Visit]] = {}
    # The first round imports the modules that are imported on first use.
    for _ in range(2):
        issuer = Issuer()
        app = Starlette(
            routes=[Route("/profile", _profile)],
            middleware=[Middleware(GuardMiddleware, guard=issuer.guard())],
        )
        app.middleware_stack = app.build_middleware_stack()  # otherwise the first request builds it
        token = issuer.token("user:read")
        cold = _traced(app, token)
        visits = {"cached": _traced(app, token), "cold": cold}
    return visits
