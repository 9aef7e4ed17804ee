"""A dependency whose annotation FastAPI cannot resolve would never run, so nothing is served."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security, WebSocket
from fastapi.testclient import TestClient

from iiniit_guard import AccessToken
from iiniit_guard.errors import UsageError
from iiniit_guard.fastapi import install, operations
from tests.contract.hosts.fastapi_apps import Reader, fields

NONE: Any = None  # as applications write it, typed so that mypy accepts it

# The annotations of this module are text, and `scheme` is a local name of each function.


def get(app: FastAPI, scheme: Any) -> None:
    @app.get("/x")
    async def handler(
        token: Annotated[AccessToken, Security(scheme, scopes=["admin"])] = NONE,
    ) -> str:
        return "inside"


def post(app: FastAPI, scheme: Any) -> None:
    Admin = Annotated[AccessToken, Security(scheme, scopes=["admin"])]  # noqa: N806  # a type

    @app.post("/x")
    async def handler(token: Admin) -> str:
        return "inside"


def quoted(app: FastAPI, scheme: Any) -> None:
    async def handler(token: Any = None) -> str:
        return "inside"

    handler.__annotations__["token"] = "Annotated[AccessToken, Security(scheme)]"
    app.get("/x")(handler)


def socket(app: FastAPI, scheme: Any) -> None:
    @app.websocket("/x")
    async def handler(
        websocket: WebSocket,
        token: Annotated[AccessToken, Security(scheme)] = NONE,
    ) -> None:
        raise AssertionError


def dependency(app: FastAPI, scheme: Any) -> None:
    async def handler(
        token: Annotated[AccessToken, Security(scheme)] = NONE,
    ) -> None:
        raise AssertionError

    app.get("/x", dependencies=[Depends(handler)])(lambda: "inside")


def router(app: FastAPI, scheme: Any) -> None:
    part: Any = APIRouter()
    get(part, scheme)
    app.include_router(part, prefix="/part")


def mounted(app: FastAPI, scheme: Any) -> None:
    part = FastAPI()
    get(part, scheme)
    app.mount("/part", part)


WAYS = [get, post, quoted, socket, dependency, router, mounted]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_such_an_application_serves_nothing(guard, bearer, way):
    app = FastAPI()
    way(app, install(app, guard))

    for call in (
        lambda: TestClient(app).get("/docs", headers=fields(bearer())),
        lambda: operations(app),
    ):
        with pytest.raises(UsageError, match=r"cannot resolve .* at module level: .*\((token)\)"):
            call()


def test_it_does_not_start(guard):
    app = FastAPI()
    get(app, install(app, guard))

    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send))

    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]
    assert "cannot resolve the annotation" in sent[0]["message"]


def test_names_of_the_module_are_resolved(guard, bearer):
    app = FastAPI()
    install(app, guard)

    @app.get("/x/{number}")
    async def handler(number: int, token: Reader, name: str = "") -> int:
        return number

    assert TestClient(app).get("/x/7", headers=fields(bearer())).json() == 7
    with TestClient(app) as client:
        assert client.get("/x/7", headers=fields(bearer("none"))).status_code == 403
