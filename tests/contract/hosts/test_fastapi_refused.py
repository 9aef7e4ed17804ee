"""A refusal of the FastAPI security scheme: what cannot drop it, and what its exception shows."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from fastapi import Depends, FastAPI, Security
from fastapi.security import SecurityScopes
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse

from iiniit_guard import AccessToken
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.core.model.decision import Response as Decision
from iiniit_guard.errors import UsageError
from iiniit_guard.fastapi import GuardScheme, install
from tests.contract.hosts.fastapi_apps import client_of, fields, make_app


def handlers_of(app: FastAPI, ran: list[str]) -> None:
    for kind in (HTTPException, Exception, 403, 401):

        @app.exception_handler(kind)
        async def handle(request: Any, error: Exception, kind: Any = kind) -> PlainTextResponse:
            ran.append(str(kind))
            return PlainTextResponse("caught", headers={"x-request-id": "7"})


@pytest.mark.parametrize("late", [True, False])
def test_no_exception_handler_of_the_application_drops_a_refusal(guard, bearer, own_refusal, late):
    ran: list[str] = []
    app = FastAPI()
    if not late:
        handlers_of(app, ran)
    admin = install(app, guard)
    if late:
        handlers_of(app, ran)

    @app.get("/x", dependencies=[Security(admin, scopes=["admin"])])
    async def handler() -> None:
        raise AssertionError

    refused = client_of(app).get("/x", headers=fields(bearer()))
    assert (refused.status_code, refused.content) == (own_refusal.status, own_refusal.body)
    assert refused.headers["www-authenticate"] == own_refusal.header("WWW-Authenticate")
    assert "HTTPException" not in "".join(ran)


def test_a_dependency_that_swallows_the_exception_drops_nothing(guard, bearer, own_refusal):
    app = FastAPI()
    admin = install(app, guard)

    async def swallowing(connection: HTTPConnection) -> None:
        with contextlib.suppress(HTTPException):
            await admin(connection, SecurityScopes(["admin"]))

    @app.get("/x", dependencies=[Depends(swallowing)])
    async def handler() -> str:
        return "secret"

    refused = client_of(app).get("/x", headers=fields(bearer()))
    assert (refused.status_code, refused.content) == (own_refusal.status, own_refusal.body)


def test_middleware_inside_the_guard_sees_the_status_of_the_refusal(guard, bearer):
    seen = []

    async def dispatch(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        seen.append((response.status_code, "www-authenticate" in response.headers))
        return response

    app = FastAPI()
    app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    admin = install(app, guard)
    app.get("/x", dependencies=[Security(admin, scopes=["admin"])])(lambda: None)

    assert client_of(app).get("/x", headers=fields(bearer())).status_code == 403
    assert seen == [(403, True)]


def test_a_dependency_without_the_middleware_is_a_usage_error(bearer):
    app = FastAPI()
    app.get("/x", dependencies=[Security(GuardScheme())])(lambda: None)

    with pytest.raises(UsageError, match="without the guard's middleware"):
        TestClient(app).get("/x", headers=fields(bearer()))


def test_the_middleware_may_also_be_around_the_application(guard, bearer):
    app = FastAPI()
    app.get("/x", dependencies=[Security(GuardScheme(), scopes=["admin"])])(lambda: "x")
    client = client_of(GuardMiddleware(app, guard))

    assert client.get("/x", headers=fields(bearer())).json()["reason"] == "missing_scope"
    assert client.get("/x", headers=fields(bearer("admin"))).json() == "x"


def test_an_outage_is_a_503(issuer, guard, bearer):
    issuer.fail("connection")

    answer = client_of(make_app(guard, enforce="declared")).get("/async", headers=fields(bearer()))

    assert (answer.status_code, answer.json()["reason"]) == (503, "issuer_unavailable")
    assert "www-authenticate" not in answer.headers
    assert answer.headers["retry-after"]


@pytest.mark.parametrize("settings", [{}, {"enforce": "declared"}], ids=str)
def test_no_frame_of_ours_holds_the_request_when_a_refusal_is_raised(guard, bearer, settings):
    raised: list[Any] = []
    causes: list[Any] = []
    app = FastAPI()
    admin = install(app, guard, **settings)

    async def reporting(connection: HTTPConnection) -> None:
        try:
            await admin(connection, SecurityScopes(["admin"]))
        except HTTPException as error:
            causes.append((error.__cause__, error.__suppress_context__))
            trace = error.__traceback__
            while trace is not None:
                raised.append((trace.tb_frame.f_globals["__name__"], dict(trace.tb_frame.f_locals)))
                trace = trace.tb_next
            raise

    app.get("/x", dependencies=[Depends(reporting)])(lambda: None)
    lines = bearer()
    assert client_of(app).get("/x", headers=fields(lines)).status_code == 403

    ours = [variables for name, variables in raised if name.startswith("iiniit_guard.")]
    assert len(ours) > 0
    assert causes == [(None, True)]
    token = lines[0][1].decode().partition(" ")[2]
    for value in (value for variables in ours for value in variables.values()):
        assert not isinstance(value, HTTPConnection | AccessToken | Decision)
        assert token not in repr(value)
    assert not {"connection", "scope"} & set(ours[-1])
