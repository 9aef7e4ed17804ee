"""Goal 2: a whole request through Starlette, without server and socket."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from starlette.applications import Starlette
from starlette.authentication import AuthenticationBackend, requires
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.starlette import require_scope
from iiniit_guard.testing import Issuer
from tests.load.benchmarks import peers
from tests.load.benchmarks.floors import remembering
from tests.load.benchmarks.measure import BARE, BESIDE, OVER_BARE, Row, compare, floor_note, step
from tests.load.benchmarks.tokens import SCOPE, WANTED, make_guard, make_issuer, scope_of, token_of


def measure(rounds: int) -> list[Row]:
    """Compare with the floor: the same application, guarded by hand-written code."""
    issuer = make_issuer()
    token = token_of(issuer)
    guard, heard = make_guard(issuer), make_guard(issuer, on_event=lambda event: None)
    guard.verify(token)
    heard.verify(token)
    guarded = require_scope(WANTED)(me)
    able, unable = peers.split(
        {name: _call_of(app, token) for name, app in _peer_apps(issuer, token).items()}
    )
    measured = compare(
        request(_floor(token), token),
        {
            "ours": request(GuardMiddleware(application(guarded), guard), token),
            "with a listener": request(GuardMiddleware(application(guarded), heard), token),
            BARE: request(application(me), token),
            **able,
        },
        rounds=rounds,
        quotients={OVER_BARE: ("ours", BARE)},
    )
    return [
        Row(
            goal=2,
            name="Starlette, token cached, scope checked",
            limit=1.20,
            ours=measured["ours"],
            peers={**{name: measured[name] for name in able}, **unable},
            beside={name: measured[name] for name in BESIDE},
            note=floor_note(measured),
        )
    ]


async def me(request: Request) -> JSONResponse:
    """Return the response of an API."""
    return JSONResponse(
        {"name": "Aino Esimerkki", "email": "aino@example.com", "groups": ["readers", "writers"]}
    )


def application(endpoint: Callable[..., Any]) -> Starlette:
    """Create the application."""
    return Starlette(routes=[Route("/me", endpoint)])


def request(app: Any, token: str) -> Callable[[], object]:
    """Return a function that sends a request with `token` through `app` and checks the status."""
    scope = scope_of(token)
    messages: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    def ask() -> object:
        messages.clear()
        step(app({**scope}, receive, send))
        if messages[0]["status"] != 200:
            raise RuntimeError(f"status {messages[0]['status']}")
        return messages

    return ask


def _call_of(app: Any, token: str) -> Any:
    return app if isinstance(app, str) else request(app, token)


def _floor(token: str) -> Any:
    recall = remembering(token, SCOPE)
    wanted = frozenset({WANTED})

    def guarded(handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def wrapper(request: Request) -> Any:
            return (
                await handler(request)
                if wanted <= request.scope["held"].scopes
                else JSONResponse({}, 403)
            )

        return wrapper

    app = application(guarded(me))

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        for name, value in scope["headers"]:
            if name == b"authorization":
                scope["held"] = recall(value)
        await (app if scope.get("held") is not None else JSONResponse({}, 401))(
            scope, receive, send
        )

    return middleware


def _peer_apps(issuer: Issuer, token: str) -> dict[str, Any]:
    class Nobody(AuthenticationBackend):
        async def authenticate(self, conn: Any) -> None:
            return None

    def authenticated(backend: Any) -> Any:
        return AuthenticationMiddleware(application(requires(WANTED)(me)), backend=backend)

    def fastmcp(verifier: Any) -> Any:
        return authenticated(
            import_module("mcp.server.auth.middleware.bearer_auth").BearerAuthBackend(verifier)
        )

    def with_pyjwt() -> Any:
        check = peers.pyjwt(issuer)

        async def handler(request: Request) -> JSONResponse:
            claims: Any = check(request.headers["authorization"][7:])
            return await me(request) if WANTED in claims["scope"].split() else JSONResponse({}, 403)

        return application(handler)

    return {
        "AuthenticationMiddleware doing nothing": AuthenticationMiddleware(
            application(me), backend=Nobody()
        ),
        "fastmcp, introspection cached": peers.peer(
            lambda: fastmcp(peers.fastmcp_introspection(issuer, token))
        ),
        "PyJWT in the handler": peers.peer(with_pyjwt),
        "fastmcp, JWT": peers.peer(lambda: fastmcp(peers.fastmcp_verifier(issuer))),
    }
