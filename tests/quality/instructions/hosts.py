"""One request through each host: an application that answers at once, with a scope required."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final, TypeAlias

from iiniit_guard.testing import Issuer
from tests.load.benchmarks.tokens import environ_of, scope_of

SCOPE: Final = "user:read"
Send: TypeAlias = Callable[[str], object]
"""Send one request with a token; raise if it is refused."""

MakeHost: TypeAlias = Callable[[Issuer], Send]
"""Create an application that a guard of this issuer guards."""


def verify(issuer: Issuer) -> Send:
    return issuer.guard().verify


def wsgi(issuer: Issuer) -> Send:
    from iiniit_guard.wsgi import GuardMiddleware

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "0")])
        return []

    return _sent_to_wsgi(GuardMiddleware(application, issuer.guard()))


def flask(issuer: Issuer) -> Send:
    from flask import Flask

    from iiniit_guard.flask import IiniitGuard, require_scope

    app = Flask("counted")
    app.add_url_rule("/me", "me", require_scope(SCOPE)(lambda: ""))
    IiniitGuard(app, issuer.guard())
    return _sent_to_wsgi(app)


def django(issuer: Issuer) -> Send:
    import django
    from django.conf import settings
    from django.core.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.urls import path

    from iiniit_guard.django import require_scope

    urls: Any = ModuleType("tests.quality.instructions.urls")
    sys.modules[urls.__name__] = urls
    urls.urlpatterns = [path("me", require_scope(SCOPE)(lambda request: HttpResponse()))]
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"],
            MIDDLEWARE=["iiniit_guard.django.GuardMiddleware"],
            ROOT_URLCONF=urls.__name__,
            SECRET_KEY="only for counting",
        )
        django.setup()
    django.urls.clear_url_caches()
    settings.IINIIT_GUARD = issuer.guard()
    return _sent_to_wsgi(WSGIHandler())


def asgi(issuer: Issuer) -> Send:
    from iiniit_guard.asgi import GuardMiddleware

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return _sent_to_asgi(GuardMiddleware(application, issuer.guard()))


def starlette(issuer: Issuer) -> Send:
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    from iiniit_guard.asgi import GuardMiddleware
    from iiniit_guard.starlette import require_scope

    @require_scope(SCOPE)
    async def me(request: Any) -> Response:
        return Response()

    return _sent_to_asgi(GuardMiddleware(Starlette(routes=[Route("/me", me)]), issuer.guard()))


def sidecar(issuer: Issuer) -> Send:
    from iiniit_guard.sidecar.apps.build import make_app
    from tests.integration.sidecar.sites import make_sidecar, question

    app = make_app(
        make_sidecar(issuer, rules=[{"method": "GET", "path": "/me", "scope": SCOPE}]), "gateway"
    )
    method, path, _, lines = question("nginx", "GET", "/me", host="api.example.com")
    return _sent_to_asgi(app, method=method, path=path, more=lines[1:])  # `scope_of` has a Host


HOSTS: Final[Mapping[str, MakeHost]] = {
    "ASGI": asgi,
    "Django": django,
    "Flask": flask,
    "Guard.verify": verify,
    "Starlette": starlette,
    "WSGI": wsgi,
    "sidecar /auth": sidecar,
}


def _sent_to_wsgi(app: Any) -> Send:
    def send(token: str) -> None:
        statuses: list[str] = []
        body = app(environ_of(token), lambda status, *more: statuses.append(status))
        list(body)
        if hasattr(body, "close"):
            body.close()
        if statuses != ["200 OK"]:
            raise RuntimeError(f"the status is {statuses}")

    return send


def _sent_to_asgi(app: Any, more: Any = (), **changes: Any) -> Send:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def whole(token: str) -> None:
        messages: list[Any] = []

        async def send(message: Any) -> None:
            messages.append(message)

        scope = scope_of(token)
        await app({**scope, **changes, "headers": [*more, *scope["headers"]]}, receive, send)
        if messages[0]["status"] != 200:
            raise RuntimeError(f"the status is {messages[0]['status']}")

    return lambda token: asyncio.run(whole(token))
