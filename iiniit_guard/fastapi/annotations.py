"""Detect dependencies that FastAPI silently ignores, because it cannot resolve their annotation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ForwardRef

from iiniit_guard.errors import UsageError
from iiniit_guard.fastapi.routes import all_routes

if TYPE_CHECKING:
    from fastapi.dependencies.models import Dependant


def check_annotations(app: Any) -> None:
    """Check that FastAPI resolved every annotation of the handlers and dependencies.

    An annotation is text in a module with `from __future__ import annotations`, and if it is
    quoted. FastAPI resolves it with the global names of the module. If it cannot, because the
    scheme is a local name, it takes the parameter for one of the query: the dependency never runs.

    Raises:
        UsageError: It could not; the message names the handlers and the parameters.
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
