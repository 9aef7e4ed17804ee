"""Check how an application is built: the order of its decorators and of its middleware.

A decorator of the guard that stands above a route decorator guards nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from types import FunctionType, MethodType
from typing import Final
from weakref import WeakKeyDictionary, ref

from iiniit_guard.errors import UsageError

_log: Final = logging.getLogger("iiniit_guard")
_MAX_PARTS: Final = 100_000  # ends the search in objects that have every attribute


def check_application(app: object) -> None:
    """Check the order of decorators and middleware in `app`, and log what cannot work as expected.

    Starlette and frameworks that are built on it store the inner application in `.app` and the
    routes in `.routes`, each with a handler in `.endpoint`. FastAPI 0.165 stores the routes of an
    included router in `.original_router`. Other applications are not inspected.

    Raises:
        UsageError: A decorator of the guard stands above a route decorator.
    """
    endpoints, names, has_root_path = _inspect(app)
    require_order(endpoints)
    if any(name.endswith("CORSMiddleware") for name in names):
        _log.warning(
            "the CORS middleware is inside the guard: refusals will not reach scripts of other "
            "origins; put it outside"
        )
    if has_root_path:
        _log.warning(
            "root_path: the guarded application sets it itself, so the guard decides on "
            "another path than the application routes; set root_path in the server, or add "
            "the guard to the application with add_middleware"
        )


def check_decorators(app: object) -> None:
    """Check the order of decorators alone, for a tool that only reads the application.

    Raises:
        UsageError: A decorator of the guard stands above a route decorator.
    """
    require_order(_inspect(app)[0])


def _inspect(app: object) -> tuple[list[object], list[str], bool]:
    """Return the handlers and middleware names of `app`, and whether it sets `root_path`."""
    endpoints: list[object] = []
    names: list[str] = []
    has_root_path, seen = False, set[int]()
    waiting: list[tuple[object, bool]] = [(app, True)]
    while waiting and len(seen) < _MAX_PARTS:
        part, is_layer = waiting.pop()  # a layer is reached through `.app` alone
        if part is None or id(part) in seen:
            continue
        seen.add(id(part))
        if hasattr(part, "endpoint"):
            endpoints.append(part.endpoint)
        waiting.append((getattr(part, "original_router", None), False))
        waiting.extend((route, False) for route in getattr(part, "routes", None) or ())
        waiting.append((getattr(part, "app", None), is_layer))
        if is_layer:
            added = [getattr(entry, "cls", None) for entry in getattr(part, "user_middleware", ())]
            names += [str(getattr(each, "__name__", "")) for each in (type(part), *added)]
            # FastAPI(root_path=...) sets root_path in the scope itself.
            root_path = getattr(part, "root_path", "")
            has_root_path |= isinstance(root_path, str) and root_path != ""
    return endpoints, names, has_root_path


def function_of(handler: object) -> object:
    """Return the function behind a bound method or `functools.partial`; other objects unchanged."""
    while isinstance(handler, partial):
        handler = handler.func
    return handler.__func__ if isinstance(handler, MethodType) else handler


# The wrappers of each decorated function. The references are weak, because a wrapper may be
# garbage by now: it can be a local name of an application factory.
_wrapped: WeakKeyDictionary[FunctionType, list[ref[object]]] = WeakKeyDictionary()


def remember_wrapped(handler: object, wrapper: object) -> None:
    """Store that a decorator wrapped `handler` in `wrapper`, for `find_misordered`."""
    for inner in _chain(handler):
        # Some frameworks decorate at every request and discard the wrapper afterwards, for example
        # Flask-RESTX with `method_decorators`. Dead references must not accumulate.
        alive = [known for known in _wrapped.get(inner, ()) if known() is not None]
        _wrapped[inner] = [*alive, ref(wrapper)]


def require_order(registered: Iterable[object]) -> None:
    """Check that no decorator of the guard stands above the route decorator of a handler.

    Raises:
        UsageError: At least one decorator does; the exception names the handlers.
    """
    names = find_misordered(registered)
    if names:
        raise UsageError(
            "the guard's decorator is above the route decorator and has no effect; "
            f"move it below: {', '.join(names)}"
        )


def find_misordered(registered: Iterable[object]) -> list[str]:
    """Return the names of the registered handlers whose decorator stands above the route decorator.

    `@require_scope` above `@app.get` has no effect on the route, because `@app.get` has already
    registered the undecorated function. Two cases are intended, and are not reported. An
    application may register both the guarded and the unguarded function. A function that its module
    still has under its own name was decorated by a call, not by `@`.
    """
    chains = [chain for chain in map(_chain, registered) if chain]
    reachable = {id(link) for chain in chains for link in chain}
    return sorted(
        {
            f"{chain[0].__module__}.{chain[0].__qualname__}"
            for chain in chains
            if chain[0] in _wrapped
            and chain[0].__globals__.get(chain[0].__qualname__) is not chain[0]
            and reachable.isdisjoint(id(wrapper()) for wrapper in _wrapped[chain[0]])
        }
    )


def _chain(handler: object) -> list[FunctionType]:
    """Return the function of `handler`, followed by those to which `__wrapped__` links."""
    links: list[FunctionType] = []
    link = function_of(handler)
    while isinstance(link, FunctionType) and link not in links:
        links.append(link)
        link = function_of(getattr(link, "__wrapped__", None))
    return links
