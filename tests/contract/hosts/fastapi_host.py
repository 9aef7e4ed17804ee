"""The application of the host `fastapi` of the matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from fastapi import FastAPI, Request, Response, Security
from starlette.routing import BaseRoute

from iiniit_guard.fastapi import GuardScheme, install
from tests.contract.hosts.handlers import PARTNER, may_send


def application(
    guard: Any,
    middleware: Mapping[str, Any],
    seen: Callable[[Any], bytes],
    methods: Sequence[str],
) -> FastAPI:
    """Return the application, whose handlers answer with what `seen` makes of their token."""
    app = FastAPI(openapi_url=None)
    install(app, guard, **{**middleware, "public": (*middleware.get("public", ()), "/public")})
    app.router.routes.extend(_routes(seen, tuple(methods)))
    return app


@cache
def _routes(seen: Callable[[Any], bytes], methods: tuple[str, ...]) -> list[BaseRoute]:
    # FastAPI builds a model for each parameter, in longer than all else of a row. Routes know
    # nothing of the guard, so all applications have the same.
    app = FastAPI(openapi_url=None)

    def open_handler(request: Request) -> Response:
        token = request.scope["iiniit_guard.access_token"]
        return Response(seen(token), media_type="application/json")

    def add(path: str, scheme: GuardScheme, *scopes: str) -> None:
        wanted = Security(scheme, scopes=scopes)

        async def handler(token: Any = wanted) -> Any:
            return Response(seen(token), media_type="application/json")

        app.api_route(path, methods=list(methods))(handler)

    add("/read", GuardScheme(), "user:read")
    add("/both", GuardScheme(), "user:read", "user:write")
    add("/either", GuardScheme(match="any"), "user:write", "user:read")
    add("/strong", GuardScheme(acr_values=("gold", "silver")))
    add("/recent", GuardScheme(max_age=300), "user:read")
    add("/delegated", GuardScheme(require_actor=True))
    add("/billing", GuardScheme(require_actor=("billing", "payroll")))
    add("/direct", GuardScheme(forbid_actor=True))
    add("/people", GuardScheme(forbid_actor=("ai_agent", "robot")))
    add("/partner", GuardScheme(require_actor={"subjects": "billing", "issuer": PARTNER}))
    add("/agents", GuardScheme(require_actor={"profile": ("ai_agent", "service")}))
    add("/payments", GuardScheme(authorization_details="payment_initiation"))
    add("/transfers", GuardScheme(authorization_details={"transfer": may_send}))
    for path in ("/token", "/protectedresource", "/public"):
        app.add_route(path, open_handler, methods=list(methods))
    return app.router.routes
