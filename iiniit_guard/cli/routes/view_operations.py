"""The routes of a view of Django REST framework or django-ninja."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from iiniit_guard.adapting.handlers import METHODS
from iiniit_guard.cli.routes.handlers import place_of
from iiniit_guard.cli.routes.route import Route

if TYPE_CHECKING:
    from iiniit_guard.django.operations import ViewOperation


_JOINED_BY: Final = {"permission_classes": " and ", "auth": " or "}


def operation_routes(callback: Any, path: str) -> list[Route]:
    """Return the routes of the operations of a view; empty if it is a view of Django alone.

    The answer of Django REST framework itself to OPTIONS is left out if it is open, or requires
    what another method of the view requires.
    """
    found: dict[Route, list[str]] = {}
    for source, list_operations in _frameworks():
        operations = list_operations(callback)
        for each in sorted(operations, key=_place_of_method):
            if not _is_automatic(each) or (not each.is_open and _differs(each, operations)):
                route = _route(each, getattr(callback, "cls", None), path, source)
                found.setdefault(route, []).append(each.method)
    return [replace(route, methods=tuple(sorted(methods))) for route, methods in found.items()]


def _frameworks() -> Iterator[tuple[str, Callable[[Any], list[ViewOperation]]]]:
    """Return the frameworks in this process, with the name of the attribute that guards a view.

    The views of a project import their framework, so one that is not imported has none.
    """
    if "rest_framework.views" in sys.modules:
        from iiniit_guard.rest_framework import operations_of as of_rest_framework

        yield "permission_classes", of_rest_framework
    if "ninja.operation" in sys.modules:
        from iiniit_guard.ninja import operations_of as of_ninja

        yield "auth", of_ninja


def _route(operation: ViewOperation, owner: Any, path: str, source: str) -> Route:
    """Return the route of an operation, without its method."""
    # The policies alone do not say what the permissions and callbacks of other packages require.
    checks = _JOINED_BY[source].join(operation.permissions)
    checks = checks if () in operation.alternatives else ""
    sources = [*operation.declared, *([source] if checks and not operation.is_open else [])]
    return Route(
        "http",
        (),
        path,
        operation.handler,
        # The methods of generic views are code of the framework; their class is not.
        place_of(owner if _is_of_framework(operation) else operation.function),
        operation.alternatives,
        operation.is_public,
        sources=tuple(dict.fromkeys(sources)),
        is_open=operation.is_open,
        checks=checks,
        fault=operation.fault,
    )


def _place_of_method(operation: ViewOperation) -> int:
    method = operation.method
    return METHODS.index(method) if method in METHODS else len(METHODS)


def _is_of_framework(operation: ViewOperation) -> bool:
    return str(operation.function.__module__).startswith("rest_framework.")


def _is_automatic(operation: ViewOperation) -> bool:
    return operation.method == "OPTIONS" and _is_of_framework(operation)


def _differs(operation: ViewOperation, others: list[ViewOperation]) -> bool:
    """Return whether an operation has other requirements than all `others`."""
    required = [
        (each.alternatives, each.permissions, each.fault)
        for each in (operation, *(other for other in others if other is not operation))
    ]
    return required[0] not in required[1:]
