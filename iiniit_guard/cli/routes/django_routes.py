"""The routes of a Django project, with the views of Django REST framework and django-ninja."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import click

from iiniit_guard.adapting.closures import closure_of
from iiniit_guard.adapting.decorators import is_public, policies_of
from iiniit_guard.adapting.handlers import METHODS, methods_of_class, name_of
from iiniit_guard.cli.routes.handlers import DECORATOR, place_of
from iiniit_guard.cli.routes.route import Layer, Route
from iiniit_guard.cli.routes.view_operations import operation_routes

_METHODS: Final = frozenset(METHODS)
_AUTOMATIC: Final = frozenset({"HEAD", "OPTIONS"})


def is_handler(found: Any) -> bool:
    """Return whether an object is the WSGI or ASGI application of a Django project."""
    modules = (each.__module__ for each in type(found).__mro__)
    return any(module.startswith("django.core.handlers.") for module in modules)


def is_module(found: Any) -> bool:
    """Return whether an object is a settings module of Django, or a module with `urlpatterns`."""
    return hasattr(found, "ROOT_URLCONF") or hasattr(found, "urlpatterns")


def set_up(name: str, found: Any) -> None:
    """Load the Django project of a settings module, or the one that is configured.

    Args:
        name: The name of the module.
        found: The settings module, or a module with `urlpatterns`.

    Raises:
        ClickException: The settings are not known.
    """
    import django
    from django.conf import settings

    if hasattr(found, "ROOT_URLCONF"):
        os.environ["DJANGO_SETTINGS_MODULE"] = name
    elif not settings.configured and "DJANGO_SETTINGS_MODULE" not in os.environ:
        raise click.ClickException(
            f"{name}: the settings of Django are not known; name the settings module instead, or "
            "set DJANGO_SETTINGS_MODULE"
        )
    django.setup()


def django_routes(
    found: Any = None, prefix: str = "", layers: tuple[Layer, ...] = ()
) -> Iterator[Route]:
    """Return the routes of the configured project.

    Args:
        found: A module with `urlpatterns`; any other object means the URLs of the project.
        prefix: The path at which the project is mounted.
        layers: The guard's middlewares around it.
    """
    from django.urls import get_resolver

    from iiniit_guard.django.url_views import views_of

    urls = found.__name__ if hasattr(found, "urlpatterns") else None
    around = (*layers, *_own_layer(prefix))
    for path, callback in views_of(get_resolver(urls).url_patterns):
        for route in _routes_of(callback, prefix + _simple(path)):
            yield replace(route, layers=around)


def _own_layer(prefix: str) -> Iterator[Layer]:
    from iiniit_guard.django.middleware import GuardMiddleware
    from iiniit_guard.django.middleware_order import is_installed
    from iiniit_guard.django.settings import load

    if is_installed(GuardMiddleware):
        yield Layer(prefix, load()[1])


def _simple(path: str) -> str:
    """Return a path with names in place of the regular expressions of its parameters."""
    from django.contrib.admindocs.views import simplify_regex

    if not any(mark in path for mark in ("(", "^", "$", "\\")):
        return path
    return str(simplify_regex(path))


def _routes_of(callback: Any, path: str) -> Iterator[Route]:
    operations = operation_routes(callback, path)
    if operations:
        yield from operations
        return
    owner = getattr(callback, "view_class", None)
    shown = callback if owner is None else owner
    whole = Route(
        "http", (), path, name_of(shown), place_of(shown), is_public=is_public(callback)
    ).requiring(policies_of(callback), DECORATOR)
    if owner is None:
        yield replace(whole, methods=_allowed(callback))
        return
    for method, function, policies in methods_of_class(owner):
        if method not in _AUTOMATIC:
            place = (name_of(function), place_of(function))
            one = replace(whole, methods=(method,), handler=place[0], declared=place[1])
            yield one.requiring(policies, DECORATOR)


def _allowed(callback: Any) -> tuple[str, ...]:
    """Return the methods of `@require_http_methods`; without it Django passes every method."""
    for found in closure_of(callback):
        if isinstance(found, list | tuple) and found and set(found) <= _METHODS:
            return tuple(sorted(set(found)))
    return ()
