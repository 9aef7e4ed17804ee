"""Checks of views that a framework on top of Django adds to those of `manage.py check`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

ViewCheck: TypeAlias = Callable[[Any], Iterable[Any]]
"""Return the faults of one view of the URL configuration: messages of `django.core.checks`."""

view_checks: Final[list[ViewCheck]] = []
"""The checks of the frameworks in this process. Each adds its own when it is imported."""

IsGuarded: TypeAlias = Callable[[Any], bool]
"""Return whether a view of the URL configuration uses the guard, and so needs its middleware."""

guarded_views: Final[list[IsGuarded]] = []
"""The same for the frameworks in this process."""
