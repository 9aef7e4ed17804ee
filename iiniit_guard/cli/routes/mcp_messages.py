"""The messages that a server guarded by `iiniit_guard.mcp.guard_mcp` receives."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from iiniit_guard.adapting.admission import engine_of
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.cli.routes.route import Layer, Route
from iiniit_guard.core.model.policy import Policy

_SOURCE: Final = "guard_mcp"


def guards_messages(middleware: GuardMiddleware) -> bool:
    """Return whether a middleware is that of `guard_mcp`."""
    module = sys.modules.get("iiniit_guard.mcp.policies")
    return module is not None and isinstance(middleware.admission.rules, module.MessagePolicies)


def layer_of(middleware: GuardMiddleware, prefix: str) -> Layer:
    """Return the layer of a middleware around the applications below a path."""
    name = _SOURCE if guards_messages(middleware) else "middleware"
    return Layer(prefix, middleware.admission, name)


def message_routes(middleware: GuardMiddleware) -> Iterator[Route]:
    """Return a route for each message with a requirement of its own: its method and its name.

    Every other message requires what the route of the endpoint shows.
    """
    if not guards_messages(middleware):
        return
    # guard_mcp() demands a resource: the URL of the endpoint.
    path = urlsplit(engine_of(middleware.guard).resource.settings.resource or "").path or "/"
    rules: Any = middleware.admission.rules
    for method, name, answer in rules.entries():
        shown = path if name is None else f"{path} {name}"
        alternatives = ((answer,),) if isinstance(answer, Policy) else ()
        yield Route("message", (method,), shown, "", "", alternatives, sources=(_SOURCE,))
