"""A refusal has the same bytes in every layout of a Starlette or FastAPI application."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, Router

from iiniit_guard.adapting.admission import Enforce
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.request import Request as GuardRequest
from iiniit_guard.starlette import require_scope
from tests.contract.hosts.calling import drive

ORIGIN = ((b"origin", b"https://app.example"),)


class RequestIdentifier(BaseHTTPMiddleware):
    """Adds a field to every response, as a task of its own."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["x-request-id"] = "7"
        return response


async def catches_all(request: Request, error: Exception) -> Response:
    return PlainTextResponse("caught", 200, {"content-language": "en"})


def catches_in_a_thread(request: Request, error: Exception) -> Response:
    return JSONResponse({"caught": True}, 200)


HANDLERS: dict[str, dict[Any, Any]] = {
    "no handler": {},
    "Exception": {Exception: catches_all},
    "HTTPException": {HTTPException: catches_all},
    "statuses": {401: catches_in_a_thread, 403: catches_in_a_thread, 500: catches_all},
    "all of them": {Exception: catches_all, HTTPException: catches_in_a_thread, 403: catches_all},
}
FRAMEWORKS = {"Starlette": Starlette, "FastAPI": FastAPI}


def routes_of(kind: str, framework: str, ran: list[str]) -> tuple[Any, list[Any]]:
    """Return the endpoint of one kind, and the dependencies of its FastAPI route."""

    @require_scope("admin")
    async def dependency(request: Request) -> None:
        ran.append("dependency")

    @require_scope("admin")
    def dependency_in_a_thread(request: Request) -> None:
        ran.append("dependency")

    @require_scope("admin")
    async def decorated(request: Request) -> Response:
        ran.append("handler")
        return PlainTextResponse("secret")

    @require_scope("admin")
    class Decorated(HTTPEndpoint):
        async def get(self, request: Request) -> Response:
            ran.append("handler")
            return PlainTextResponse("secret")

    async def undecorated(request: Request) -> Response:
        ran.append("handler")
        return PlainTextResponse("secret")

    async def asks_and_drops(request: Request) -> Response:
        try:
            await dependency(request)
        except HTTPException:
            ran.append("dropped")
        return PlainTextResponse("public")

    if kind == "decorator":
        return decorated, []
    if kind == "class":
        return Decorated, []
    if (
        kind == "dropped by the handler" or framework == "Starlette"
    ):  # Starlette has no dependencies: a handler calls one
        return asks_and_drops, []
    return undecorated, [Depends(dependency if kind == "dependency" else dependency_in_a_thread)]


def application(
    framework: str,
    handlers: Any,
    middleware: list[Middleware],
    endpoint: Any,
    dependencies: list[Any],
    *,
    place: str,
) -> Any:
    """Return an application with the endpoint at `/x` below `place`."""
    if place == "plain":
        return with_route(
            FRAMEWORKS[framework](exception_handlers=handlers, middleware=middleware),
            "/x",
            endpoint,
            dependencies,
        )
    if place == "mounted":
        inner = with_route(
            FRAMEWORKS[framework](exception_handlers=handlers), "/x", endpoint, dependencies
        )
        return Starlette(
            routes=[Mount("/sub", app=inner)], exception_handlers=handlers, middleware=middleware
        )
    if place == "sub-application":
        app = FRAMEWORKS[framework](exception_handlers=handlers, middleware=middleware)
        app.mount(
            "/sub",
            with_route(
                FRAMEWORKS[framework](exception_handlers=handlers), "/x", endpoint, dependencies
            ),
        )
        return app
    app = FRAMEWORKS[framework](exception_handlers=handlers, middleware=middleware)
    if isinstance(app, FastAPI):
        app.include_router(
            with_route(APIRouter(), "/x", endpoint, []), prefix="/sub", dependencies=dependencies
        )
    else:
        app.mount("/sub", Router([Route("/x", endpoint)]))
    return app


def with_route(app: Any, path: str, endpoint: Any, dependencies: list[Any]) -> Any:
    if isinstance(app, FastAPI | APIRouter) and not isinstance(endpoint, type):
        app.add_api_route(path, endpoint, dependencies=dependencies, methods=["GET"])
    else:
        app.routes.append(Route(path, endpoint))
    return app


LAYOUTS = [
    layout
    for layout in itertools.product(
        FRAMEWORKS,
        ("guard inside", "guard outside", "guard inside and outside"),
        ("plain", "mounted", "sub-application", "router"),
        HANDLERS,
        ("dependency", "dependency in a thread", "decorator", "class", "dropped by the handler"),
    )
    if not (layout[0] == "Starlette" and layout[4].startswith("dependency"))
]


@pytest.fixture
def own(guard, bearer):
    """Return the guard's own refusals: of a token without the scope, and of no token."""
    policy = make_policy(["admin"])
    return {
        "missing_scope": guard.authenticate(
            GuardRequest("GET", "/x", headers=[*bearer(), *ORIGIN]), policy
        ),
        "no_token": guard.authenticate(GuardRequest("GET", "/x", headers=ORIGIN), policy),
    }


@pytest.mark.parametrize(("framework", "side", "place", "handlers", "kind"), LAYOUTS)
def test_a_refusal_is_the_same_bytes_in_every_layout(
    guard, bearer, own, framework, side, place, handlers, kind
):
    ran: list[str] = []
    endpoint, dependencies = routes_of(kind, framework, ran)
    requests: tuple[tuple[Enforce, Any, str], ...] = (
        ("all", bearer(), "missing_scope"),
        ("declared", bearer(), "missing_scope"),
        ("declared", [], "no_token"),
    )
    for enforce, lines, reason in requests:
        inside = (
            [Middleware(GuardMiddleware, guard=guard, enforce=enforce)] if "inside" in side else []
        )
        cors = Middleware(CORSMiddleware, allow_origins=["https://app.example"])
        layers = [
            cors,
            *inside,
            Middleware(GZipMiddleware, minimum_size=1),
            Middleware(RequestIdentifier),
        ]
        app = application(
            framework, HANDLERS[handlers], layers, endpoint, dependencies, place=place
        )
        if "outside" in side:
            app = GuardMiddleware(app, guard, enforce=enforce)

        answer = drive(
            app,
            "GET",
            "/x" if place == "plain" else "/sub/x",
            (*lines, *ORIGIN, (b"accept-encoding", b"gzip")),
        )

        decision = own[reason]
        assert decision.reason == reason
        assert (answer.status, answer.body) == (decision.status, decision.body)
        for name, value in decision.headers:
            assert answer.header(name.lower()) == value
        assert answer.header("access-control-allow-origin") == "https://app.example"
        assert answer.header("x-request-id") == "7"
        assert [answer.header(name) for name in ("content-encoding", "content-language")] == [
            None,
            None,
        ]
        assert set(ran) <= {"dropped"}
