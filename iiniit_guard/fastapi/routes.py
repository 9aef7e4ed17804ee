"""Every route of a FastAPI application: of included routers, mounted applications and frontends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from fastapi.routing import iter_route_contexts
from starlette.routing import Host, Mount, WebSocketRoute

from iiniit_guard.adapting.admission import Admission
from iiniit_guard.adapting.handlers import name_of
from iiniit_guard.adapting.middleware_entries import admission_of, entries_of
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.fastapi.frontends import frontends

Kind: TypeAlias = Literal["http", "websocket", "mount"]
Around: TypeAlias = tuple[tuple[str, Admission], ...]
_MAX_DEPTH: Final = 20  # of mounts; an application may mount itself


class Found(NamedTuple):
    """One route.

    Attributes:
        kind: See `Operation`.
        path: The path from the root of the application, with its parameters in braces.
        route: Has the attributes `methods`, `dependant` and `include_in_schema`, each optional.
        handler: The endpoint, or the application of a mount.
        around: The middlewares of the guard that contain the route, each as the path below which
            the middleware guards, and its settings.
    """

    kind: Kind
    path: str
    route: Any
    handler: Any
    around: Around

    @property
    def name(self) -> str:
        """The module and the name of the handler."""
        return name_of(self.handler)


def all_routes(app: Any) -> Iterator[Found]:
    """Return every route of an application, in their order."""
    return _routes(app, "", (), _MAX_DEPTH)


def _routes(app: Any, prefix: str, around: Around, depth: int) -> Iterator[Found]:
    while isinstance(app, GuardMiddleware):
        around, app = (*around, (prefix, app.admission)), app.app
    around = (
        *around,
        *((prefix, admission_of(entry)) for entry in entries_of(app, GuardMiddleware)),
    )
    for route in iter_route_contexts(getattr(app, "routes", ())):
        original, path = route.original_route, prefix + (route.path_format or route.path or "")
        inner = getattr(original, "app", None)
        if isinstance(original, Mount | Host):
            below = path.removesuffix("/{path}") if isinstance(original, Mount) else prefix
            if depth and (isinstance(inner, GuardMiddleware) or getattr(inner, "routes", None)):
                yield from _routes(inner, below, around, depth - 1)
            else:
                yield Found("mount", path, route, inner, around)
        elif isinstance(original, WebSocketRoute):
            yield Found("websocket", path, route, route.endpoint, around)
        elif route.endpoint is not None:
            yield Found("http", path, route, route.endpoint, around)
        else:  # a route type of another package
            yield Found("mount", path, route, original, around)
    for path, static, group in frontends(app):
        yield Found("mount", prefix + path, group, static, around)
