"""Detect dependencies that FastAPI does not evaluate as they are written.

It ignores those whose annotation it cannot resolve, and it joins the scopes of nested ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ForwardRef

from iiniit_guard.errors import UsageError
from iiniit_guard.fastapi.requirements import scheme_of
from iiniit_guard.fastapi.routes import all_routes

if TYPE_CHECKING:
    from fastapi.dependencies.models import Dependant


def check_annotations(app: Any) -> None:
    """Check that FastAPI resolved every annotation of the handlers and dependencies.

    An annotation is text in a module with `from __future__ import annotations`, and if it is
    quoted. FastAPI resolves it with the global names of the module. If the scheme is a local name,
    FastAPI cannot resolve the annotation and treats the parameter as a query parameter. The
    dependency then never runs.

    Raises:
        UsageError: An annotation was not resolved; the message names the handlers and parameters.
    """
    names = [
        f"{found.name}({name})"
        for found in all_routes(app)
        for name in _unresolved(getattr(found.route, "dependant", None))
    ]
    if names:
        raise UsageError(
            "FastAPI cannot resolve the annotation of these parameters, so a dependency in it does "
            "not run; define what it names, for example the scheme, at module level: "
            f"{', '.join(dict.fromkeys(names))}"
        )


def check_alternatives(app: Any) -> None:
    """Check that no scheme with `match="any"` gets scopes of several `Security(...)`.

    FastAPI joins the scopes of a dependency and of those that enclose it into one list. All of them
    are needed. A scheme with `match="any"` cannot distinguish them, so a token with any one of them
    would pass.

    Raises:
        UsageError: At least one scheme does; the message names the handlers.
    """
    names = [
        found.name
        for found in all_routes(app)
        if _mixes_scopes(getattr(found.route, "dependant", None), frozenset())
    ]
    if names:
        raise UsageError(
            'GuardScheme(match="any"): the scopes of an enclosing Security(...) would become '
            "alternatives, so one of them would suffice; name the scopes in one Security(...), or "
            f"require those of the enclosing one by another scheme: {', '.join(names)}"
        )


def _mixes_scopes(dependant: Dependant | None, around: frozenset[frozenset[str]]) -> bool:
    for sub in () if dependant is None else dependant.dependencies:
        own = frozenset(sub.own_oauth_scopes or ())
        sets = around | {own} if own else around
        scheme = scheme_of(sub.call)
        if scheme is not None and scheme.match == "any" and len(sets) > 1:
            return True
        if _mixes_scopes(sub, sets):
            return True
    return False


def _unresolved(dependant: Dependant | None) -> Iterator[str]:
    if dependant is None:
        return
    for sub in dependant.dependencies:
        yield from _unresolved(sub)
    for field in (
        *dependant.path_params,
        *dependant.query_params,
        *dependant.header_params,
        *dependant.cookie_params,
        *dependant.body_params,
    ):
        annotation: object = field.field_info.annotation
        if isinstance(annotation, ForwardRef | str):
            yield field.name
