"""The static frontends of a FastAPI application (`app.frontend()`), which are not in its routes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def frontends(app: Any) -> Iterator[tuple[str, Any, Any]]:
    """Return the path, the static files and the group (with `dependant`) of each frontend.

    FastAPI has no public list of them.
    """
    router = getattr(app, "router", app)
    groups = [(group, "", group) for group in getattr(router, "_low_priority_routes", ())]
    for route in getattr(router, "routes", ()):
        groups += [
            (context.original_route, context.frontend_prefix, context)
            for context in getattr(route, "effective_low_priority_routes", tuple)()
        ]
    for group, prefix, guarded in groups:
        for frontend in group.routes:
            yield prefix + frontend.path.rstrip("/") + "/{path}", frontend.app, guarded
