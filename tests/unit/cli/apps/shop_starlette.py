"""A Starlette application with one unguarded route, `POST /orders`."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Host, Mount, Route, WebSocketRoute

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.starlette import require_scope, require_token
from iiniit_guard.testing import Issuer

guard = Issuer().guard()


@require_scope("orders:read")
async def orders(request):
    return JSONResponse({})


async def planted(request):
    return JSONResponse({})


async def files(scope, receive, send):
    raise AssertionError


class Profile(HTTPEndpoint):
    @require_token(acr_values=["gold"])
    async def get(self, request):
        return JSONResponse({})


class Feed(WebSocketEndpoint):
    @require_scope("feed:read")
    async def on_connect(self, websocket):
        await websocket.accept()


admin = Starlette(
    routes=[Route("/users", planted)],
    middleware=[
        Middleware(GZipMiddleware),
        Middleware(GuardMiddleware, guard=guard, public=["/ping"]),
    ],
)
app = Starlette(
    routes=[
        Route("/orders", orders),
        Route("/orders", planted, methods=["POST"]),
        Route("/profile", Profile),
        WebSocketRoute("/feed", Feed),
        Mount("/admin", admin),
        Host("admin.example", app=admin),
        Route("/one", planted, middleware=[Middleware(GuardMiddleware, guard=guard)]),
    ]
)
site = GuardMiddleware(
    Starlette(
        routes=[
            Mount("/static", app=files),
            WebSocketRoute("/socket", planted),
            Mount("/api", routes=[Route("/orders/{number:int}", orders)]),
        ]
    ),
    guard,
    public=["/static/*"],
    optional_token=True,
)
