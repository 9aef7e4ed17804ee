"""WSGI applications whose handlers refuse before or after the first byte: `/flask/…` in Flask,
`/plain/…` without it.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, request, send_file, stream_with_context
from werkzeug.exceptions import HTTPException

from iiniit_guard.adapting.decorators import decide
from iiniit_guard.core.model.policy import ANY_TOKEN
from iiniit_guard.core.model.request import request_from_environ
from iiniit_guard.flask import IiniitGuard, require_token
from iiniit_guard.testing import Issuer
from iiniit_guard.wsgi import GuardMiddleware

guard = Issuer().guard()
site = Flask("refusing")
site.register_error_handler(Exception, lambda error: ("swallowed", 200))
IiniitGuard(site, guard, enforce="declared")


@require_token()
def helper() -> None:
    """Refuse the request, which has no token."""


@site.get("/before")
def before() -> Any:
    with contextlib.suppress(HTTPException):
        helper()
    return "secret"


@site.get("/after")
def after() -> Any:
    def stream() -> Iterator[str]:
        yield "begun"
        with contextlib.suppress(HTTPException):
            helper()
        yield "secret"

    return Response(
        stream_with_context(stream()), headers={"Content-Length": "11"} if request.args else {}
    )


@site.get("/file")
def file() -> Any:
    found = tempfile.TemporaryFile()  # noqa: SIM115  # the server closes it
    found.write(b"0123456789")
    found.seek(0)
    return send_file(found, "text/plain")


def plain(environ: dict[str, Any], start_response: Any) -> Any:
    length = [("Content-Length", "11")] if environ["QUERY_STRING"] else []
    write = start_response("200 OK", [("Content-Type", "text/plain"), *length])
    if environ["PATH_INFO"] == "/healthz":
        return [b"ok"]
    if environ["PATH_INFO"] == "/write":
        write(b"begun")

    def body() -> Iterator[bytes]:
        if environ["PATH_INFO"] == "/after":
            yield b"begun"
        decide(environ, lambda: request_from_environ(environ), ANY_TOKEN, "wsgi")
        yield b"secret"

    return body()


guarded = GuardMiddleware(plain, guard, enforce="declared")


def app(environ: dict[str, Any], start_response: Any) -> Any:
    first, _, rest = environ["PATH_INFO"].removeprefix("/").partition("/")
    inner: Any = site if first == "flask" else guarded
    return inner({**environ, "PATH_INFO": f"/{rest or first}"}, start_response)
