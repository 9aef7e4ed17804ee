"""Checks of views that a framework on top of Django adds to those of `manage.py check`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, Final, TypeAlias

from django.urls import get_resolver

from iiniit_guard.adapting.decorator_order import find_misordered, require_order
from iiniit_guard.django.url_views import views_of

ViewCheck: TypeAlias = Callable[[Any], Iterable[Any]]
"""Return the faults of one view of the URL configuration: messages of `django.core.checks`."""

view_checks: Final[list[ViewCheck]] = []
"""The checks of the frameworks in this process. Each adds its own when it is imported."""

IsGuarded: TypeAlias = Callable[[Any], bool]
"""Return whether a view of the URL configuration uses the guard, and so needs its middleware."""

guarded_views: Final[list[IsGuarded]] = []
"""The same for the frameworks in this process."""

HandlersOf: TypeAlias = Callable[[Any], Iterable[object]]
"""Return the functions that a framework registered by a route decorator for a view."""

handlers_of: Final[list[HandlersOf]] = []
"""The same for the frameworks in this process."""


def misordered() -> list[str]:
    """Return the names of the handlers whose decorator stands above their route decorator."""
    return find_misordered(_registered())


def check_order() -> None:
    """Check that no decorator of the guard stands above the route decorator of a handler.

    Raises:
        UsageError: At least one decorator does.
    """
    handlers = _registered()
    if handlers:
        require_order(handlers)


def _registered() -> list[object]:
    patterns = get_resolver().url_patterns  # imports the views, and with them the frameworks
    # Of these frameworks, only django-ninja has route decorators. Its package is built on this one,
    # and a project may use only the decorators of this one.
    if "ninja" not in sys.modules:
        return []
    import_module("iiniit_guard.ninja")
    views = [view for _, view in views_of(patterns)]
    return [handler for view in views for handlers in handlers_of for handler in handlers(view)]
