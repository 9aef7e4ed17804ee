"""Starlette applications: mounts, CORS outside and inside, FastAPI on top."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.errors import UsageError
from iiniit_guard.starlette import access_token, require_scope
from tests.contract.hosts.starlette_handlers import Whole, by_name, clients, threaded


@pytest.fixture
def client(guard):
    return clients(guard)


def test_a_mounted_application_is_guarded(client, bearer):
    inner = Starlette(
        routes=[Route("/x", by_name), Route("/open", lambda request: Response("open"))]
    )
    application = client(Mount("/sub", app=inner), public=("/sub/open",))

    assert application.get("/sub/x").status_code == 401
    assert application.get("/sub/x", headers=bearer(subject="alice")).text == "alice"
    assert application.get("/sub/open").text == "open"
    assert application.get("/sub/nowhere").status_code == 401


def test_a_mounted_guard_does_not_leak_what_it_noted(guard, issuer, bearer):
    seen = []

    async def outer_handler(request):
        seen.append(request.scope["iiniit_guard.engine"])
        return Response("")

    with issuer.guard() as inner:
        sub = GuardMiddleware(Starlette(routes=[Route("/x", by_name)]), inner)

        async def cascade(scope, receive, send):
            answered = []
            await sub(scope, receive, lambda message: _remember(answered, message))
            await Route("/x", outer_handler)(scope, receive, send)

        TestClient(GuardMiddleware(cascade, guard)).get("/x", headers=bearer())
    assert seen == [guard._engine]


async def _remember(where, message):
    where.append(message)


def test_without_its_middleware_a_handler_fails_and_never_runs(bearer):
    routes = [Route("/x", by_name), Route("/y", threaded), Route("/z", Whole)]
    application = TestClient(Starlette(routes=routes))

    for path in ("/x", "/y", "/z"):
        with pytest.raises(UsageError, match="without the guard's middleware"):
            application.get(path, headers=bearer())
    assert (
        TestClient(Starlette(routes=routes), raise_server_exceptions=False).get("/x").status_code
        == 500
    )


def test_cors_outside_is_fine_and_reaches_refusals(guard, caplog):
    caplog.set_level("WARNING")  # applications of other tests set the root logger to INFO
    app = Starlette(
        routes=[Route("/x", by_name)],
        middleware=[
            Middleware(CORSMiddleware, allow_origins=["*"]),
            Middleware(GuardMiddleware, guard=guard),
        ],
    )

    answer = TestClient(app).get("/x", headers={"origin": "https://app.example"})

    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == "*"
    assert caplog.records == []


@pytest.mark.parametrize("around", [False, True])
def test_cors_inside_is_warned_about(guard, caplog, around):
    cors = Middleware(CORSMiddleware, allow_origins=["*"])
    outside = GuardMiddleware(Starlette(middleware=[cors]), guard)
    inside = Starlette(middleware=[Middleware(GuardMiddleware, guard=guard), cors])

    with TestClient(outside if around else inside):
        assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_fastapi_decorators_on_the_wrong_side_are_told(guard):
    from fastapi import APIRouter, FastAPI

    router = APIRouter()

    @require_scope("user:read")
    @router.get("/wrong")
    async def wrong(request: Request):
        raise AssertionError

    @router.get("/right")
    @require_scope("user:read")
    async def right(request: Request):
        raise AssertionError

    app = FastAPI()
    app.include_router(router, prefix="/v1")
    app.add_middleware(GuardMiddleware, guard=guard)

    with pytest.raises(UsageError, match=r"wrong$"):
        TestClient(app).get("/v1/right")
    assert TestClient(app, raise_server_exceptions=False).get("/v1/wrong").status_code == 500


def test_fastapi_handlers_are_guarded(guard, bearer):
    from fastapi import FastAPI

    app = FastAPI()
    app.add_middleware(GuardMiddleware, guard=guard)

    @app.get("/users/{number}")
    @require_scope("user:read")
    def user(number: int, request: Request):
        return {"number": number, "subject": access_token(request).subject}

    client = TestClient(app)
    assert client.get("/users/7", headers=bearer(subject="alice")).json() == {
        "number": 7,
        "subject": "alice",
    }
    assert client.get("/users/7", headers=bearer("other")).status_code == 403
    assert client.get("/users/7").status_code == 401
