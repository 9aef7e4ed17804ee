"""The list of operations with their policies: what a command can check for open operations."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Security
from fastapi.staticfiles import StaticFiles
from starlette.endpoints import HTTPEndpoint
from starlette.routing import BaseRoute, Host, Mount

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.fastapi import GuardScheme, install, operations
from iiniit_guard.rules import Rule, Rules
from iiniit_guard.starlette import require_scope, require_token
from tests.contract.hosts.fastapi_apps import make_app

READ = Policy(("user:read",))


def by_path(app: Any) -> dict[tuple[str, str], Any]:
    return {
        (each.path, method): each
        for each in operations(app)
        for method in each.methods or (each.kind,)
    }


def test_every_operation_is_listed_with_its_policies(guard):
    found = by_path(make_app(guard))

    assert {key: each.policies for key, each in found.items() if "HEAD" not in each.methods} == {
        ("/async", "GET"): (READ,),
        ("/sync", "GET"): (READ,),
        ("/either", "GET"): (Policy(("user:write", "user:read"), "any"),),
        ("/optional", "GET"): (Policy(("user:read",), anonymous=True),),
        ("/nested", "GET"): (Policy(("user:write", "user:read")),),
        ("/route", "GET"): (READ,),
        ("/undecorated", "GET"): (),
        ("/v1/router/x/{number}", "GET"): (READ,),
        ("/v1/router/x/{number}", "DELETE"): (READ, Policy(("admin",))),
        ("/ws", "websocket"): (READ,),
        ("/sub/inner", "GET"): (READ, READ),
        ("/sub/plain", "GET"): (READ,),
    }
    assert found["/ws", "websocket"].kind == "websocket"
    assert (
        found["/nested", "GET"].handler
        == "tests.contract.hosts.fastapi_apps.make_app.<locals>.nested"
    )
    assert {key[0] for key, each in found.items() if "HEAD" in each.methods} == {
        *("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"),
        *("/sub/openapi.json", "/sub/docs", "/sub/docs/oauth2-redirect", "/sub/redoc"),
    }
    assert [each.path for each in operations(make_app(guard)) if each.is_open] == []


@pytest.mark.parametrize(
    ("settings", "opened"),
    [
        ({"enforce": "declared"}, {"/undecorated", "/optional"}),
        ({"optional_token": True}, {"/undecorated", "/optional"}),
        ({"public": ["/undecorated", "/async"]}, {"/undecorated"}),
        ({"public": ["/optional"]}, {"/optional"}),
        (
            {"public": ["/sub/*"]},
            {"/sub/docs", "/sub/openapi.json", "/sub/docs/oauth2-redirect", "/sub/redoc"},
        ),
        ({"public_docs": True}, {"/docs", "/openapi.json", "/docs/oauth2-redirect", "/redoc"}),
        (
            {
                "rules": Rules(
                    [Rule("GET", "/undecorated", public=True), Rule("GET", "/sync", public=True)]
                )
            },
            {"/undecorated"},
        ),
    ],
    ids=["declared", "optional", "paths", "one path", "subtree", "docs", "rules"],
)
def test_what_a_setting_opens_is_seen(guard, settings, opened):
    found = {each.path for each in operations(make_app(guard, **settings)) if each.is_open}

    expected = opened
    if settings.keys() & {"enforce", "optional_token"}:
        pages = ("openapi.json", "docs", "docs/oauth2-redirect", "redoc")
        expected = {*opened, *(f"{base}/{page}" for base in ("", "/sub") for page in pages)}
    assert found == expected


@pytest.mark.parametrize(
    ("path", "public", "is_open"),
    [
        ("/items/{number}", "/items/7", True),
        ("/items/{number}", "/items/*", True),
        ("/items/{number}", "/other/*", False),
        ("/items/{number}", "/items", False),
        ("/{section}/x", "/items/*", True),
        ("/files/{path:path}", "/files/a/b", True),
        ("/items/x", "/items/*", True),
        ("/items", "/items/*", False),
        ("/a.b", "/axb", False),
    ],
)
def test_a_parameter_meets_a_public_path(guard, path, public, is_open):
    app = FastAPI(openapi_url=None)
    install(app, guard, public=[public])
    app.get(path)(lambda: None)

    assert [each.is_open for each in operations(app)] == [is_open]


def test_rules_are_evaluated_for_parameters_and_methods(guard):
    app = FastAPI(openapi_url=None)
    rules = Rules([Rule("GET", "/x/<number>", public=True), Rule("POST", "/x/<number>")])
    install(app, guard, rules=rules)
    app.get("/x/{number}")(lambda: None)
    app.post("/x/{number}")(lambda: None)

    assert [(each.methods, each.is_open) for each in operations(app)] == [
        (("GET",), True),
        (("POST",), False),
    ]


@require_scope("user:read")
async def decorated(request: Request) -> None:
    raise AssertionError


class Dependency:
    @require_scope("user:read")
    async def __call__(self, request: Request) -> None:
        raise AssertionError


class Made:
    @require_scope("user:read")
    def __init__(self, request: Request) -> None:
        raise AssertionError


class Plain:
    pass


@pytest.mark.parametrize(
    ("dependency", "policies"),
    [
        (decorated, (READ,)),
        (functools.partial(decorated), (READ,)),
        (Dependency(), (READ,)),
        (Made, (READ,)),
        (Plain, ()),
        (require_token()(decorated), (ANY_TOKEN, READ)),
    ],
    ids=["function", "partial", "object", "class", "unguarded class", "stacked"],
)
def test_decorated_dependencies_are_seen(dependency, policies):
    app = FastAPI(openapi_url=None, dependencies=[Depends(dependency)])
    app.get("/x")(lambda: None)

    (operation,) = operations(app)
    assert (operation.policies, operation.is_open) == (policies, not policies)


def test_routes_of_starlette_and_other_applications_are_seen(guard, tmp_path):
    class Account(HTTPEndpoint):
        @require_scope("user:read")
        async def get(self, request: Any) -> None:
            raise AssertionError

        async def post(self, request: Any) -> None:
            raise AssertionError

    app: Any = FastAPI(openapi_url=None)
    app.add_route("/decorated", require_scope("user:read")(lambda request: None))
    app.add_route("/account", Account)
    app.mount("/static", StaticFiles(directory=tmp_path))
    app.router.routes.append(Host("api.test", FastAPI(openapi_url=None)))
    app.router.routes.append(BaseRoute())
    inner = FastAPI(openapi_url=None)
    inner.get("/x")(lambda: None)
    app.router.routes.append(Host("admin.test", inner))

    found = {(each.kind, each.path, each.methods): each for each in operations(app)}
    assert {key: (each.policies, each.is_open) for key, each in found.items()} == {
        ("http", "/decorated", ("GET", "HEAD")): ((READ,), False),
        ("http", "/account", ("GET",)): ((READ,), False),
        ("http", "/account", ("POST",)): ((), True),
        ("mount", "/static/{path}", ()): ((), True),
        ("mount", "", ()): ((), True),
        ("http", "/x", ("GET",)): ((), True),
    }
    assert found["mount", "/static/{path}", ()].handler == "starlette.staticfiles.StaticFiles"


def test_the_guard_may_be_around_or_inside(guard):
    app = FastAPI(openapi_url=None)
    app.get("/x")(lambda: None)
    around = GuardMiddleware(app, guard, public=["/y"])
    sub = FastAPI(openapi_url=None)
    install(sub, guard, public=["/x"])
    sub.get("/x")(lambda: None)
    sub.get("/y")(lambda: None)
    whole = FastAPI(openapi_url=None)
    whole.mount("/sub", sub)
    whole.mount("/around", around)

    assert [each.is_open for each in operations(around)] == [False]
    assert {each.path: each.is_open for each in operations(whole)} == {
        "/sub/x": True,
        "/sub/y": False,
        "/around/x": False,
    }


def test_an_application_that_mounts_itself_is_listed_to_a_bound(guard):
    app = FastAPI(openapi_url=None)
    app.router.routes.append(Mount("/a", app=app))

    (operation,) = operations(app)
    assert (operation.kind, operation.path.count("/a")) == ("mount", 21)


def test_frontends_are_seen(guard, tmp_path):
    app, router = FastAPI(openapi_url=None), APIRouter()
    app.frontend("/page", directory=tmp_path)
    router.frontend("/inner", directory=tmp_path)
    app.include_router(router, prefix="/router")
    guarded = APIRouter(dependencies=[Security(GuardScheme())])
    guarded.frontend("/page", directory=tmp_path)
    app.include_router(guarded, prefix="/guarded")

    assert {each.path: each.is_open for each in operations(app)} == {
        "/page/{path}": True,
        "/router/inner/{path}": True,
        "/guarded/page/{path}": False,
    }
    install(app, guard)
    assert [each.is_open for each in operations(app)] == [False, False, False]
