"""Detect decorators of the guard that stand above a route decorator and therefore guard nothing."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from types import FunctionType, MethodType
from weakref import WeakKeyDictionary, ref


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
