"""What stands below the guard's middleware in `settings.MIDDLEWARE`."""

from __future__ import annotations

import sys
from typing import Final

from django.conf import settings
from django.utils.module_loading import import_string

MIDDLEWARE: Final = "iiniit_guard.django.GuardMiddleware"


def cors_is_inside() -> bool:
    """Tell whether a CORS middleware, of any package, stands below the guard's."""
    names = list(getattr(settings, "MIDDLEWARE", ()))
    below = names[names.index(MIDDLEWARE) + 1 :] if MIDDLEWARE in names else []
    return any("cors" in name.rpartition(".")[2].lower() for name in below)


def cors_answers_below(guard_class: type) -> bool:
    """Tell whether the middleware of django-cors-headers, or a subclass, stands below the guard's.

    Args:
        guard_class: The class of the guard's middleware, by which its place is found. If another object stands in its place, for example a
            function that wraps it, the place is unknown and the answer is no.
    """
    below: list[object] = []
    for name in reversed(settings.MIDDLEWARE):  # as Django does, which has imported those below already
        middleware = import_string(name)
        if middleware is guard_class:
            return any(map(_is_django_cors_headers, below))
        below.append(middleware)
    return False


def _is_django_cors_headers(middleware: object) -> bool:
    module = sys.modules.get("corsheaders.middleware")
    return module is not None and isinstance(middleware, type) and issubclass(middleware, module.CorsMiddleware)
