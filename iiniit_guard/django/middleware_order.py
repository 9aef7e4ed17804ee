"""The middleware below the guard's middleware in `settings.MIDDLEWARE`."""

from __future__ import annotations

import sys

from django.conf import settings
from django.middleware.cache import FetchFromCacheMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.locale import LocaleMiddleware
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


def csrf_is_checked_below(guard_class: type) -> bool:
    """Return whether `CsrfViewMiddleware`, or a subclass with the same check, is below the guard's.

    A subclass that overrides the check may not read the flag by which the guard skips it once, so
    it counts as another middleware. See `cors_answers_below` for the argument.
    """
    return any(map(_is_csrf_check, _below(guard_class).values()))


def csrf_is_checked_above(guard_class: type) -> bool:
    """Return whether `CsrfViewMiddleware`, or a subclass, is above the guard's middleware.

    The guard's middleware must be in the setting.
    """
    return any(_is_a(each, CsrfViewMiddleware) for each in _above(guard_class))


def language_is_chosen_below(guard_class: type) -> bool:
    """Return whether `LocaleMiddleware`, or a subclass, is below the guard's middleware."""
    return any(_is_a(each, LocaleMiddleware) for each in _below(guard_class).values())


def caches_of_site(guard_class: type) -> tuple[list[str], list[str]]:
    """Return the names of Django's cache middleware that reads: above and below the guard's."""
    return (
        [each.__name__ for each in _above(guard_class) if _is_a_cache(each)],
        [
            name.rpartition(".")[2]
            for name, each in _below(guard_class).items()
            if _is_a_cache(each)
        ],
    )


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


def _above(guard_class: type) -> list[type]:
    """Return the middleware classes above the guard's."""
    every = [_imported(name) for name in settings.MIDDLEWARE]
    places = [place for place, each in enumerate(every) if _is_a(each, guard_class)]
    return [each for each in every[: places[0]] if isinstance(each, type)]


def _imported(name: str) -> object:
    try:
        return import_string(name)
    except ImportError:
        return None  # Django reports it when it loads the middleware


def _is_django_cors_headers(middleware: object) -> bool:
    module = sys.modules.get("corsheaders.middleware")
    return module is not None and _is_a(middleware, module.CorsMiddleware)


def _is_a_cache(middleware: object) -> bool:
    return _is_a(middleware, FetchFromCacheMiddleware)


def _is_csrf_check(middleware: object) -> bool:
    if not isinstance(middleware, type) or not issubclass(middleware, CsrfViewMiddleware):
        return False
    own = middleware.__mro__[: middleware.__mro__.index(CsrfViewMiddleware)]
    return not any("process_view" in vars(each) for each in own)


def _is_a(middleware: object, wanted: type) -> bool:
    return isinstance(middleware, type) and issubclass(middleware, wanted)
