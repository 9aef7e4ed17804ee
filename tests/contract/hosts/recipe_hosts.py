"""One builder per recipe of docs/how-to/recipes: the routes of `builders`, with the page's code."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from functools import cache
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from iiniit_guard.core.model.policy import Policy
from tests.contract.hosts import builders
from tests.contract.hosts.builders import Host, Site
from tests.contract.hosts.calling import Answer, Lines, answer_of, drive, joined
from tests.contract.hosts.handlers import POLICIES

if TYPE_CHECKING:
    from iiniit_guard.guard import Guard

PAGES: Final = Path(__file__).parents[3] / "docs" / "how-to" / "recipes"
TOKEN: Final = "iiniit_guard.access_token"
GUARDED: Final[Mapping[str, Policy]] = {
    path: policy for path, policy in POLICIES.items() if path != "/token"
}
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
RAN: Final[list[str | None]] = []
"""The subjects for whom a handler has run."""
_BLOCK: Final = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_numbers: Final = count(1)


def blocks_of(page: str) -> list[str]:
    """Return the python blocks of a recipe that run."""
    return _BLOCK.findall((PAGES / f"{page}.md").read_text(encoding="utf-8"))


@cache
def code_of(page: str, *blocks: int) -> Any:
    """Run the first python block of a recipe, or the blocks with these numbers; return its names.

    The framework is imported here, not with the tests.
    """
    found = blocks_of(page)
    names: dict[str, Any] = {"__name__": f"recipe_{page}"}
    for number in blocks or (0,):
        exec(compile(found[number], f"{page}.md", "exec"), names)
    return SimpleNamespace(**names)


def seen(token: Any) -> bytes:
    """Return the response of every handler, and record that one has run."""
    RAN.append(None if token is None else token.subject)
    return builders.seen(token)


def arguments_of(policy: Policy) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the arguments of a recipe's `require_scope` for a policy."""
    more = {"match": policy.match, "acr_values": policy.acr_values, "max_age": policy.max_age}
    return policy.scopes, {**more, "demands": policy.demands}


def decorated(require_scope: Callable[..., Any], handler: Callable[[], Any]) -> dict[str, Any]:
    """Return the handlers by path, each a new function."""
    found = {"/token": handler(), "/public": handler()}
    for path, policy in GUARDED.items():
        scopes, more = arguments_of(policy)
        found[path] = require_scope(*scopes, **more)(handler())
    return found


def middleware_of(middleware: Mapping[str, Any]) -> dict[str, Any]:
    return {**middleware, "public": (*middleware.get("public", ()), "/public")}


# WSGI


def _call_wsgi(app: Any) -> Site:
    from webtest import TestApp, TestRequest

    client = TestApp(app)

    def call(method: str, path: str, headers: Lines, query: str) -> Answer:
        environ = {"REQUEST_METHOD": method, "QUERY_STRING": query, "PATH_INFO": path}
        request = TestRequest.blank("/", {**environ, **joined(headers)})
        answer = client.do_request(request, expect_errors=True)
        return answer_of(answer.status_int, answer.headerlist, answer.body)

    return call


def build_bottle(guard: Guard, middleware: Mapping[str, Any]) -> Site:
    from bottle import Bottle, request, response

    recipe = code_of("bottle")

    def handler() -> Any:
        def view() -> bytes:
            response.content_type = "application/json"
            return seen(request.environ[TOKEN])

        return view

    app = Bottle()
    for path, view in decorated(recipe.require_scope, handler).items():
        app.route(path, list(METHODS), view)
    return _call_wsgi(recipe.GuardMiddleware(app, guard, **middleware_of(middleware)))


def _falcon_resource(responder: Any) -> Any:
    names = [f"on_{method.lower()}" for method in METHODS]
    return type("Resource", (), dict.fromkeys(names, responder))()


def build_falcon(guard: Guard, middleware: Mapping[str, Any]) -> Site:
    import falcon

    recipe = code_of("falcon")

    def handler() -> Any:
        def respond(resource: Any, req: Any, resp: Any) -> None:
            resp.data, resp.content_type = seen(req.env[TOKEN]), "application/json"

        return respond

    app = falcon.App()
    for path, responder in decorated(recipe.require_scope, handler).items():
        app.add_route(path, _falcon_resource(responder))
    return _call_wsgi(recipe.GuardMiddleware(app, guard, **middleware_of(middleware)))


def build_pyramid(guard: Guard, middleware: Mapping[str, Any]) -> Site:
    recipe = code_of("pyramid")
    from pyramid.response import Response

    def view(request: Any) -> Any:
        return Response(seen(request.environ[TOKEN]), content_type="application/json", charset=None)

    with recipe.Configurator() as config:
        config.add_view_deriver(recipe.token_view, under=recipe.INGRESS, over="secured_view")
        for path in (*POLICIES, "/public"):
            config.add_route(path[1:], path)
            config.add_view(view, route_name=path[1:], token=GUARDED.get(path))
        app = config.make_wsgi_app()
    return _call_wsgi(recipe.GuardMiddleware(app, guard, **middleware_of(middleware)))


# ASGI


def _call_asgi(app: Any) -> Site:
    return lambda method, path, headers, query: drive(app, method, path, headers, query)


def build_falcon_asgi(guard: Guard, middleware: Mapping[str, Any]) -> Site:
    recipe = code_of("falcon", 0, 2)

    def handler() -> Any:
        async def respond(resource: Any, req: Any, resp: Any) -> None:
            resp.data, resp.content_type = seen(req.scope[TOKEN]), "application/json"

        return respond

    app = recipe.falcon.asgi.App()
    for path, responder in decorated(recipe.require_scope_async, handler).items():
        app.add_route(path, _falcon_resource(responder))
    return _call_asgi(recipe.AsgiGuardMiddleware(app, guard, **middleware_of(middleware)))


def build_litestar(guard: Guard, middleware: Mapping[str, Any]) -> Site:
    from litestar import Litestar, Response, route
    from litestar import Request as LitestarRequest

    recipe = code_of("litestar")

    async def handler(request: LitestarRequest[Any, Any, Any]) -> Response[bytes]:
        scope: Any = request.scope
        return Response(seen(scope[TOKEN]), media_type="application/json", status_code=200)

    handler.__annotations__ = {"request": LitestarRequest, "return": Response}
    routes = []
    for path in (*POLICIES, "/public"):
        scopes, more = arguments_of(POLICIES.get(path, Policy()))
        guards = [recipe.require_scope(*scopes, **more)] if path in GUARDED else []
        routes.append(route(path, http_method=list(METHODS), guards=guards)(handler))
    app = recipe.GuardMiddleware(
        Litestar(routes, openapi_config=None, logging_config=None),
        guard,
        **middleware_of(middleware),
    )
    return _call_asgi(app)


def build_quart(guard: Guard, middleware: Mapping[str, Any]) -> Site:
    recipe = code_of("quart")

    def handler() -> Any:
        async def view() -> Any:
            return seen(recipe.request.scope[TOKEN]), {"Content-Type": "application/json"}

        return view

    app = recipe.Quart("profile")
    app.asgi_app = recipe.GuardMiddleware(app.asgi_app, guard, **middleware_of(middleware))
    for path, view in decorated(recipe.require_scope, handler).items():
        app.add_url_rule(path, path[1:], view, methods=METHODS, provide_automatic_options=False)
    return _call_asgi(app)


def build_sanic(guard: Guard, middleware: Mapping[str, Any]) -> Site:
    from sanic.response import raw

    recipe = code_of("sanic")

    def handler() -> Any:
        async def view(request: Any) -> Any:
            return raw(seen(request.scope[TOKEN]), content_type="application/json")

        return view

    app = recipe.Sanic(f"profile-{next(_numbers)}", configure_logging=False)
    for path, view in decorated(recipe.require_scope, handler).items():
        app.add_route(view, path, methods=list(METHODS), name=path[1:])
    guarded = recipe.GuardMiddleware(app, guard, **middleware_of(middleware))

    async def started(scope: Any, receive: Any, send: Any) -> None:
        await app(
            {"type": "lifespan", "asgi": {"version": "3.0"}},
            _messages({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}),
            _ignore,
        )
        await guarded(scope, receive, send)

    return _call_asgi(started)


def _messages(*messages: Any) -> Callable[[], Any]:
    waiting = list(messages)

    async def receive() -> Any:
        return waiting.pop(0)

    return receive


async def _ignore(message: Any) -> None:
    pass


# aiohttp


def build_aiohttp(guard: Guard, middleware: Mapping[str, Any]) -> Site:
    from aiohttp import web
    from aiohttp.test_utils import TestClient, TestServer

    recipe = code_of("aiohttp")
    assert not middleware

    def handler() -> Any:
        async def view(request: web.Request) -> web.Response:
            return web.Response(
                body=seen(request.get(recipe.TOKEN)), content_type="application/json"
            )

        return view

    def application() -> web.Application:
        app = web.Application(middlewares=[recipe.guard_middleware(guard)])
        for path, view in decorated(recipe.require_scope, handler).items():
            app.router.add_route("*", path, view)
        return app

    async def once(method: str, path: str, headers: Lines, query: str) -> Answer:
        async with TestClient(TestServer(application())) as client:
            url = f"{path}?{query}" if query else path
            lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
            answer = await client.request(method, url, headers=lines)
            return answer_of(answer.status, list(answer.headers.items()), await answer.read())

    return lambda *call: asyncio.run(once(*call))


RECIPES: Final = (
    Host("bottle", build_bottle, frozenset({"wsgi", "bottle"}), knows_policy=False),
    Host("falcon", build_falcon, frozenset({"wsgi", "falcon"}), knows_policy=False),
    Host("pyramid", build_pyramid, frozenset({"wsgi", "pyramid"}), knows_policy=False),
    Host("falcon asgi", build_falcon_asgi, frozenset({"asgi", "falcon"}), knows_policy=False),
    Host("litestar", build_litestar, frozenset({"asgi", "litestar"}), knows_policy=False),
    Host("quart", build_quart, frozenset({"asgi", "quart"}), knows_policy=False),
    Host("sanic", build_sanic, frozenset({"asgi", "sanic"}), knows_policy=False),
    Host("aiohttp", build_aiohttp, frozenset({"aiohttp"})),
)
