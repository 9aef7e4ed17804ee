"""The operations of django-ninja behind a callback of the URL configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from ninja.operation import Operation, PathView

from iiniit_guard.adapting.closures import closure_of


def path_view_of(view: Any) -> PathView | None:
    """Return what django-ninja calls for a path; None if `view` is not one of its views.

    django-ninja keeps it in the closure of the callback. A decorator around the callback keeps the
    callback in `__wrapped__`.
    """
    while view is not None:
        for inner in closure_of(view):
            if isinstance(inner, PathView):
                return inner
        view = getattr(view, "__wrapped__", None)
    return None


def callbacks_after(auth: object, request: HttpRequest) -> list[Callable[..., Any]]:
    """Return the callbacks that django-ninja calls after `auth` if `auth` admits no one."""
    view = path_view_of(getattr(request.resolver_match, "func", None))
    operations = [] if view is None else view.operations
    for operation in operations:
        if request.method in operation.methods:  # as django-ninja chooses the operation
            return _after(auth, operation)
    return []


def _after(auth: object, operation: Operation) -> list[Callable[..., Any]]:
    callbacks = list(operation.auth_callbacks)
    places = [place for place, callback in enumerate(callbacks) if callback is auth]
    return callbacks[places[0] + 1 :] if places else []
