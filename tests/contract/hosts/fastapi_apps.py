"""A guarded FastAPI application with every kind of operation, and its clients."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Security, WebSocket
from fastapi.security import SecurityScopes
from fastapi.testclient import TestClient

from iiniit_guard import AccessToken
from iiniit_guard.fastapi import GuardScheme, install

scheme = GuardScheme()
optional = GuardScheme(optional=True)
either = GuardScheme(match="any")
Reader = Annotated[AccessToken, Security(scheme, scopes=["user:read"])]


async def current_user(
    token: Annotated[AccessToken, Security(scheme, scopes=["user:read"])],
) -> str | None:
    """Return the subject, as applications do in a dependency of their own."""
    return token.subject


def fields(lines: Any) -> dict[str, str]:
    """Return header fields as the test client takes them."""
    return {name.decode(): value.decode() for name, value in lines}


def make_app(guard: Any, **options: Any) -> FastAPI:
    """Return an application with every kind of operation."""
    app = FastAPI()

    @app.get("/async")
    async def asynchronous(token: Reader) -> str | None:
        return token.subject

    @app.get("/sync")
    def synchronous(token: Reader) -> str | None:
        return token.subject

    @app.get("/either")
    async def with_either(
        token: Annotated[AccessToken, Security(either, scopes=["user:write", "user:read"])],
    ) -> str | None:
        return token.subject

    @app.get("/optional")
    async def with_optional(
        token: Annotated[AccessToken | None, Security(optional, scopes=["user:read"])],
    ) -> str | None:
        return None if token is None else token.subject

    @app.get("/nested")
    async def nested(user: Annotated[str, Security(current_user, scopes=["user:write"])]) -> str:
        return user

    @app.get("/route", dependencies=[Security(scheme, scopes=["user:read"])])
    async def on_the_route() -> str:
        return "route"

    @app.get("/undecorated")
    async def undecorated() -> str:
        return "undecorated"

    router = APIRouter(
        prefix="/router", dependencies=[Security(scheme, scopes=["user:read"])], tags=["router"]
    )

    @router.get("/x/{number}")
    async def on_the_router(number: int) -> int:
        return number

    @router.delete("/x/{number}")
    async def delete(token: Annotated[AccessToken, Security(scheme, scopes=["admin"])]) -> Any:
        return token.subject

    app.include_router(router, prefix="/v1")

    @app.websocket("/ws")
    async def socket(websocket: WebSocket, token: Reader) -> None:
        await websocket.accept()
        await websocket.send_text(str(token.subject))
        async for _ in websocket.iter_text():
            await scheme(websocket, SecurityScopes(["user:read"]))
            await websocket.send_text("again")

    sub = FastAPI(dependencies=[Security(scheme, scopes=["user:read"])])

    @sub.get("/inner")
    async def inner(user: Annotated[str, Depends(current_user)]) -> str:
        return user

    @sub.get("/plain")
    async def plain() -> str:
        return "plain"

    app.mount("/sub", sub)
    install(app, guard, **options)
    return app


def client_of(app: Any) -> TestClient:
    """Return a client that gets a 500 instead of the exception."""
    return TestClient(app, raise_server_exceptions=False)
