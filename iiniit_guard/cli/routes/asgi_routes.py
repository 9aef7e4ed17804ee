"""The routes of ASGI applications: Starlette, FastAPI, and the middleware and mounts around."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from iiniit_guard.adapting.decorator_order import function_of
from iiniit_guard.adapting.decorators import policies_of
from iiniit_guard.adapting.handlers import methods_of_class, name_of
from iiniit_guard.adapting.middleware_entries import admission_of, entries_of
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.cli.routes.handlers import DECORATOR, place_of
from iiniit_guard.cli.routes.mcp_messages import layer_of, message_routes
from iiniit_guard.cli.routes.route import Kind, Layer, Route
from iiniit_guard.cli.routes.wsgi_routes import wsgi_routes

_MAX_DEPTH: Final = 20  # of mounts; an application may mount itself


def asgi_routes(
    app: Any, prefix: str = "", layers: tuple[Layer, ...] = (), depth: int = _MAX_DEPTH
) -> Iterator[Route]:
    """Return the routes of an ASGI application, through its middleware and its mounts.

    Args:
        app: A Starlette or FastAPI application or router, or an ASGI application around one.
        prefix: The path at which it is mounted.
        layers: The guard's middlewares around it.
        depth: How many more mounts are followed.
    """
    while getattr(app, "routes", None) is None:
        if isinstance(app, GuardMiddleware):
            layers = (*layers, layer_of(app, prefix))
            yield from message_routes(app)
        inner = getattr(app, "app", None)
        if inner is None:  # Django, or Flask inside a bridge from WSGI, or an unknown application
            yield from wsgi_routes(app, prefix, layers)
            return
        app = inner
    layers = (*layers, *_added_layers(app, prefix))
    for context, route in _contexts(app.routes):
        yield from _routes_of(context, route, prefix, layers, depth)
    if "fastapi" in sys.modules:
        yield from _frontends(app, prefix, layers)


def _contexts(routes: Any) -> Iterator[tuple[Any, Any]]:
    """Return each route with the object that has its effective path and dependencies.

    FastAPI 0.165 stores the routes of included routers in trees.
    """
    if "fastapi" not in sys.modules:
        yield from ((route, route) for route in routes)
        return
    from fastapi.routing import iter_route_contexts

    for context in iter_route_contexts(routes):
        yield context, context.original_route


def _frontends(app: Any, prefix: str, layers: tuple[Layer, ...]) -> Iterator[Route]:
    from iiniit_guard.fastapi.frontends import frontends

    for path, static, group in frontends(app):
        found = Route("mount", (), prefix + path, name_of(static), place_of(static), layers=layers)
        yield _with_dependencies(found, group)


def _added_layers(app: Any, prefix: str) -> Iterator[Layer]:
    """Return the guard's middlewares in the middleware list of an application."""
    for entry in entries_of(app, GuardMiddleware):
        yield Layer(prefix, admission_of(entry))


def _routes_of(
    context: Any, route: Any, prefix: str, layers: tuple[Layer, ...], depth: int
) -> Iterator[Route]:
    path = prefix + (getattr(context, "path_format", None) or getattr(context, "path", None) or "")
    endpoint = getattr(context, "endpoint", None)
    inner = getattr(route, "app", None)
    if endpoint is None:
        host = getattr(route, "host", None)
        below = path.removesuffix("/{path}") if host is None else f"{host}{prefix}"
        target = route if inner is None else inner
        if depth and target is not route:
            yield from asgi_routes(target, below, layers, depth - 1)
        else:
            yield Route("mount", (), path, name_of(target), place_of(target), layers=layers)
        return
    around = (*layers, *_layers_of_route(inner, prefix))
    methods = getattr(context, "methods", None)
    kind: Kind = "websocket" if methods is None and "WebSocket" in type(route).__name__ else "http"
    whole = Route(kind, _sorted(methods), path, name_of(endpoint), place_of(endpoint))
    whole = _with_dependencies(replace(whole, layers=around), context)
    if isinstance(endpoint, type):
        yield from _endpoint_class(whole, endpoint)
    else:
        yield whole.requiring(policies_of(function_of(endpoint)), DECORATOR)


def _layers_of_route(app: Any, prefix: str) -> Iterator[Layer]:
    """Return the guard's middlewares of a single route, `Route(middleware=[...])`."""
    for _ in range(_MAX_DEPTH):
        if isinstance(app, GuardMiddleware):
            yield layer_of(app, prefix)
        app = getattr(app, "app", None)


def _endpoint_class(whole: Route, endpoint: type) -> Iterator[Route]:
    """Return the routes of an endpoint class, whose methods may have decorators of their own."""
    if whole.kind == "websocket":
        # A check of each message does not stop the handler of the connection.
        connect = getattr(endpoint, "on_connect", None)
        yield whole.requiring((*policies_of(endpoint), *policies_of(connect)), DECORATOR)
        return
    guarded = whole.requiring(policies_of(endpoint), DECORATOR)
    for method, function, policies in methods_of_class(endpoint):
        one = replace(guarded, methods=(method,), declared=place_of(function))
        yield one.requiring(policies, DECORATOR)


def _with_dependencies(route: Route, context: Any) -> Route:
    """Return a route with the policies of its dependencies in FastAPI."""
    dependant = getattr(context, "dependant", None)
    if dependant is None:
        return route
    from iiniit_guard.fastapi.requirements import guarding_dependencies

    policies = tuple(policy for policy, _ in guarding_dependencies(dependant))
    return route.requiring(policies, "dependency")


def _sorted(methods: Any) -> tuple[str, ...]:
    # Starlette adds HEAD to every GET.
    names = set(methods or ())
    return tuple(sorted(names - {"HEAD"} if "GET" in names else names))
