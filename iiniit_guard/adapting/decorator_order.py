"""On which side of a route decorator a guard's decorator stands, as far as that can be seen when the application starts."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from types import FunctionType, MethodType
from weakref import WeakKeyDictionary, ref


def function_of(handler: object) -> object:
    """Give the function behind a bound method or `functools.partial`; other objects as they are."""
    while isinstance(handler, partial):
        handler = handler.func
    return handler.__func__ if isinstance(handler, MethodType) else handler


# Which functions a decorator wrapped, and in what. A wrapper may be gone already (a local name of an application factory).
_wrapped: WeakKeyDictionary[FunctionType, list[ref[object]]] = WeakKeyDictionary()


def remember_wrapped(handler: object, wrapper: object) -> None:
    """Remember that a decorator turned `handler` into `wrapper`, for `misplaced`."""
    for inner in _chain(handler):
        # Some frameworks decorate at every request, and drop the wrapper afterwards (Flask-RESTX, `method_decorators`).
        alive = [known for known in _wrapped.get(inner, ()) if known() is not None]
        _wrapped[inner] = [*alive, ref(wrapper)]


def misplaced(registered: Iterable[object]) -> list[str]:
    """Name the registered handlers whose decorator stands on the wrong side of the route decorator.

    `@require_scope` above `@app.get` decorates what is left after the undecorated function was registered. Whoever registers
    both, one of them on purpose unguarded, is not meant; nor is a function that a module still has under its own name, since it
    was decorated by a call and not by `@`.
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
    """Give the function that `handler` is and those it wraps, as far as `functools.wraps` left word of them."""
    links: list[FunctionType] = []
    link = function_of(handler)
    while isinstance(link, FunctionType) and link not in links:
        links.append(link)
        link = function_of(getattr(link, "__wrapped__", None))
    return links
