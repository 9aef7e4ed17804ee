"""Use of each adapter, checked by mypy and pyright in strict mode: decorators keep signatures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Annotated, assert_type

from fastapi import FastAPI, Security
from flask import Flask
from mcp.server.mcpserver import MCPServer
from ninja import NinjaAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse

import iiniit_guard.asgi
import iiniit_guard.django
import iiniit_guard.fastapi
import iiniit_guard.flask
import iiniit_guard.mcp
import iiniit_guard.ninja
import iiniit_guard.rest_framework
import iiniit_guard.starlette
import iiniit_guard.wsgi
from iiniit_guard import AccessToken, Allow, Decision, Guard, Policy
from iiniit_guard.testing import Issuer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

issuer = Issuer()
guard = issuer.guard()
assert_type(guard, Guard)
assert_type(issuer.token(), str)
assert_type(issuer.opaque_token(scope="user:read"), str)


def plain_wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b""]


wrapped_mcp = iiniit_guard.mcp.guard_mcp(
    MCPServer("notes").streamable_http_app(), guard, scopes="a", tools={"x": ("b", "c"), "*": "d"}
)
assert_type(wrapped_mcp, iiniit_guard.asgi.Application)
wrapped_wsgi = iiniit_guard.wsgi.GuardMiddleware(plain_wsgi, guard, public=("/healthz",))

policy = Policy(scopes=("user:read",))
authorize_wsgi: Callable[..., Decision] = iiniit_guard.wsgi.authorize
authorize_asgi: Callable[..., Awaitable[Decision]] = iiniit_guard.asgi.authorize
authorized = iiniit_guard.wsgi.authorize({}, policy, host="own")
if isinstance(authorized, Allow):
    assert_type(authorized.token, AccessToken | None)

starlette_application = Starlette(
    middleware=[Middleware(iiniit_guard.asgi.GuardMiddleware, guard=guard, public=("/healthz",))]
)
wrapped_asgi = iiniit_guard.asgi.GuardMiddleware(
    starlette_application, guard, enforce="declared", preflights="guard"
)


@iiniit_guard.starlette.require_scope("user:read")
async def starlette_profile(request: Request) -> JSONResponse:
    token = iiniit_guard.starlette.access_token(request)
    assert_type(token, AccessToken)
    return JSONResponse({"subject": token.subject})


asynchronous: Callable[[Request], Awaitable[JSONResponse]] = starlette_profile


@iiniit_guard.starlette.require_any_scope(
    "user:read", "profile", acr_values="urn:example:strong", max_age=300
)
def starlette_threaded(request: Request) -> JSONResponse:
    return JSONResponse({})


threaded: Callable[[Request], JSONResponse] = starlette_threaded


@iiniit_guard.starlette.require_actor("billing", profile="service", issuer="https://sts.test")
@iiniit_guard.starlette.forbid_actor("ai_agent")
@iiniit_guard.starlette.require_authorization_details(
    "payment_initiation", lambda detail: "initiate" in detail.actions
)
async def starlette_payment(request: Request) -> JSONResponse:
    token = iiniit_guard.starlette.access_token(request)
    assert_type(token.actors[0].subject, str | None)
    assert_type(token.details_of("payment_initiation")[0].actions, tuple[str, ...])
    return JSONResponse({})


paying: Callable[[Request], Awaitable[JSONResponse]] = starlette_payment

fastapi_application = FastAPI()
scheme = iiniit_guard.fastapi.install(
    fastapi_application, guard, public=["/healthz"], public_docs=True, client_id="docs"
)
assert_type(scheme, iiniit_guard.fastapi.GuardScheme)
Reader = Annotated[AccessToken, Security(scheme, scopes=["user:read"])]
MaybeReader = Annotated[
    AccessToken | None,
    Security(iiniit_guard.fastapi.GuardScheme(optional=True), scopes=["user:read"]),
]


@fastapi_application.get("/v1/user/profile")
async def fastapi_profile(token: Reader) -> dict[str, str | None]:
    assert_type(token, AccessToken)
    return {"id": token.subject}


@fastapi_application.get("/v1/news")
def fastapi_news(token: MaybeReader) -> dict[str, str | None]:
    assert_type(token, AccessToken | None)
    return {"for": None if token is None else token.subject}


injected: Callable[[AccessToken], Awaitable[dict[str, str | None]]] = fastapi_profile
iiniit_guard.fastapi.describe(FastAPI(), guard, scopes={"user:read": "See your profile"})
for operation in iiniit_guard.fastapi.operations(fastapi_application):
    assert_type(operation, iiniit_guard.fastapi.Operation)
    assert_type(operation.is_open, bool)

flask_application = Flask(__name__)
iiniit_guard.flask.IiniitGuard(flask_application, guard)


@flask_application.get("/users/<int:number>")
@iiniit_guard.flask.require_scope("user:read")
def flask_user(number: int) -> dict[str, object]:
    token = iiniit_guard.flask.access_token()
    assert_type(token, AccessToken)
    return {"number": number, "subject": token.subject}


flask_view: Callable[[int], dict[str, object]] = flask_user


@iiniit_guard.flask.public
def flask_health() -> str:
    return "ok"


flask_public: Callable[[], str] = flask_health


@iiniit_guard.django.require_token()
def django_number(number: int) -> int:
    return number


django_view: Callable[[int], int] = django_number


@iiniit_guard.django.public
async def django_health(number: int) -> int:
    return number


django_public: Callable[[int], Awaitable[int]] = django_health


permissions: list[iiniit_guard.rest_framework.RequireScope] = [
    iiniit_guard.rest_framework.RequireScope("user:read"),
    iiniit_guard.rest_framework.RequireAnyScope("user:read", "profile", max_age=300),
    iiniit_guard.rest_framework.RequireToken(acr_values="urn:example:strong"),
]


class ByName(iiniit_guard.rest_framework.GuardAuthentication):
    def get_user(self, token: AccessToken) -> object:
        return iiniit_guard.rest_framework.TokenUser(token)


class Burst(iiniit_guard.rest_framework.ClientRateThrottle):
    rate = "60/min"


for view_operation in iiniit_guard.rest_framework.operations_of(django_view):
    assert_type(view_operation, iiniit_guard.rest_framework.ViewOperation)
    assert_type(view_operation.is_open, bool)

ninja_api = NinjaAPI(auth=iiniit_guard.ninja.GuardAuth())
iiniit_guard.ninja.describe(ninja_api, scopes={"user:read": "See your profile"})


@ninja_api.get("/x", auth=iiniit_guard.ninja.GuardAuth("user:read", match="any", optional=True))
def ninja_profile(request: object) -> dict[str, str]:
    return {}
