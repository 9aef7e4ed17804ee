"""The operations of a FastAPI application, each with the policies that the guard applies."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import Host, Mount, WebSocketRoute

from iiniit_guard.adapting.admission import Admission
from iiniit_guard.adapting.decorator_order import function_of
from iiniit_guard.adapting.decorators import policies_of
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.fastapi.frontends import frontends
from iiniit_guard.fastapi.requirements import (
    admission_of,
    admits,
    guard_entries,
    guarding_dependencies,
)

Kind: TypeAlias = Literal["http", "websocket", "mount"]
_Middleware: TypeAlias = tuple[str, Admission]  # the path below which it guards, and its settings
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_MAX_DEPTH: Final = 20  # of mounts; an application may mount itself


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, and what a request needs to run it.

    Attributes:
        kind: `mount` is an application of another framework, such as static files. Its own routes
            are unknown.
        methods: The HTTP methods, sorted. Empty for a WebSocket, and for a mount, which receives
            every method.
        path: The path from the root of the application, with its parameters in braces.
        handler: The module and the name of the handler.
        policies: The policies of its dependencies and decorators. A request must satisfy all.
        schemes: The names of the security schemes of the guard that it depends on.
        admitted: Whether the middleware lets at least one request to this path pass without a
            token. Rules are evaluated with `0` in place of each parameter.
        documented: Whether the operation is in the OpenAPI document of its application.
    """

    kind: Kind
    methods: tuple[str, ...]
    path: str
    handler: str
    policies: tuple[Policy, ...]
    schemes: tuple[str, ...]
    admitted: bool
    documented: bool

    @property
    def is_open(self) -> bool:
        """Whether a request without a token reaches the handler."""
        return self.admitted and all(policy.anonymous for policy in self.policies)

    @property
    def is_guarded(self) -> bool:
        """Whether the guard decides about every request to the handler."""
        return not self.admitted or bool(self.policies)


def operations(app: Any) -> list[Operation]:
    """Return every operation of an application, in the order of its routes.

    Included routers and mounted applications are part of the list, and so are the docs pages.

    Args:
        app: A `FastAPI` application, or the `GuardMiddleware` around one.
    """
    return list(_operations(app, "", (), _MAX_DEPTH))


def _operations(
    app: Any, prefix: str, outer: tuple[_Middleware, ...], depth: int
) -> Iterator[Operation]:
    while isinstance(app, GuardMiddleware):
        outer, app = (*outer, (prefix, app.admission)), app.app
    outer = (*outer, *((prefix, admission_of(entry)) for entry in guard_entries(app)))
    for route in iter_route_contexts(getattr(app, "routes", ())):
        original, path = route.original_route, prefix + (route.path_format or route.path or "")
        inner = getattr(original, "app", None)
        if isinstance(original, Mount | Host):
            below = path.removesuffix("/{path}") if isinstance(original, Mount) else prefix
            if depth and (isinstance(inner, GuardMiddleware) or getattr(inner, "routes", None)):
                yield from _operations(inner, below, outer, depth - 1)
            else:
                yield _operation("mount", route, path, outer, inner)
        elif isinstance(original, WebSocketRoute):
            yield _operation("websocket", route, path, outer, route.endpoint)
        elif route.endpoint is not None:
            yield from _http_operations(route, path, outer)
        else:  # a route type of another package
            yield _operation("mount", route, path, outer, original)
    for path, static, guarded in frontends(app):
        yield _operation("mount", guarded, prefix + path, outer, static)


def _http_operations(
    route: RouteContext, path: str, outer: tuple[_Middleware, ...]
) -> Iterator[Operation]:
    endpoint: Any = route.endpoint
    if not isinstance(endpoint, type):
        yield _operation("http", route, path, outer, endpoint)
        return
    for method in _METHODS:  # an `HTTPEndpoint`, whose methods may have decorators of their own
        function = getattr(endpoint, method.lower(), None)
        if function is not None:
            whole = _operation("http", route, path, outer, endpoint)
            policies = (*whole.policies, *policies_of(function))
            yield replace(whole, methods=(method,), policies=policies)


def _operation(
    kind: Kind, route: Any, path: str, outer: tuple[_Middleware, ...], handler: object
) -> Operation:
    methods = tuple(sorted(getattr(route, "methods", None) or ()))
    found = list(guarding_dependencies(getattr(route, "dependant", None)))
    named = _named(handler)
    return Operation(
        kind,
        methods,
        path,
        f"{named.__module__}.{named.__qualname__}",
        (*(policy for policy, _ in found), *policies_of(handler)),
        tuple(dict.fromkeys(scheme for _, scheme in found if scheme is not None)),
        all(admits(admission, path[len(base) :], methods) for base, admission in outer),
        kind == "http" and bool(getattr(route, "include_in_schema", False)),
    )


def _named(handler: Any) -> Any:
    """Return the function or class whose name describes a handler."""
    handler = function_of(handler)
    handler = inspect.unwrap(handler) if callable(handler) else handler
    return handler if hasattr(handler, "__qualname__") else type(handler)
