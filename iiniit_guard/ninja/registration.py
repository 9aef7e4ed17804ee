"""What this package adds to that of Django: checks of the middleware and of the decorators."""

from __future__ import annotations

from typing import Any

from iiniit_guard.django.view_checks import guarded_views, handlers_of
from iiniit_guard.ninja.operations import is_guarded
from iiniit_guard.ninja.path_views import path_view_of


def register() -> None:
    """Register the checks. Called once, when the package is imported."""
    guarded_views.append(is_guarded)
    handlers_of.append(_handlers_of)


def _handlers_of(view: Any) -> list[object]:
    found = path_view_of(view)
    return [] if found is None else [operation.view_func for operation in found.operations]
