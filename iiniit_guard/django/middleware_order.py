"""The middleware below the guard's middleware in `settings.MIDDLEWARE`."""

from __future__ import annotations

import sys

from django.conf import settings
from django.utils.module_loading import import_string


def cors_is_inside(guard_class: type) -> bool:
    """Return whether a CORS middleware of any package is below the guard's middleware.

    See `cors_answers_below` for the argument.
    """
    return any("cors" in name.rpartition(".")[2].lower() for name in _below(guard_class))


def cors_answers_below(guard_class: type) -> bool:
    """Return whether the middleware of django-cors-headers, or a subclass, is below the guard's.

    Args:
        guard_class: The class of the guard's middleware, by which its position is found. If the
            setting names another object, for example a function that wraps the class, the position
            is unknown and the function returns False.
    """
    return any(map(_is_django_cors_headers, _below(guard_class).values()))


def is_installed(guard_class: type) -> bool:
    """Return whether the guard's middleware, or a subclass, is in `settings.MIDDLEWARE`."""
    return any(_is_a(_imported(name), guard_class) for name in settings.MIDDLEWARE)


def _below(guard_class: type) -> dict[str, object]:
    below: dict[str, object] = {}
    # Django loads middleware in reverse order, so it has already imported the entries below.
    for name in reversed(settings.MIDDLEWARE):
        middleware = _imported(name)
        if _is_a(middleware, guard_class):
            return below
        below[name] = middleware
    return {}


def _imported(name: str) -> object:
    try:
        return import_string(name)
    except ImportError:
        return None  # Django reports it when it loads the middleware


def _is_django_cors_headers(middleware: object) -> bool:
    module = sys.modules.get("corsheaders.middleware")
    return module is not None and _is_a(middleware, module.CorsMiddleware)


def _is_a(middleware: object, wanted: type) -> bool:
    return isinstance(middleware, type) and issubclass(middleware, wanted)
