"""Find the routes of any application that the guard supports."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import click

from iiniit_guard.adapting.decorator_order import check_decorators
from iiniit_guard.cli.loading import load_object
from iiniit_guard.cli.routes.asgi_routes import asgi_routes
from iiniit_guard.cli.routes.django_routes import django_routes, is_module, set_up
from iiniit_guard.cli.routes.route import Route
from iiniit_guard.cli.routes.wsgi_routes import wsgi_routes


def routes_of(place: str) -> list[Route]:
    """Return the routes of the application at `module:attribute`, or of a Django module.

    Raises:
        ClickException: The application does not exist.
        SettingsError: A setting of the guard in the application is invalid.
        UsageError: A decorator of the guard stands above a route decorator.
    """
    found = load_object(place)
    if is_module(found):
        set_up(place.partition(":")[0], found)
        routes = django_routes(found)
    elif isinstance(found, ModuleType):
        raise click.ClickException(
            f"{place}: name the application too, {place}:app, or a settings module of Django"
        )
    elif not callable(found) and not hasattr(found, "routes"):
        raise click.ClickException(f"{place}: must be an application, not a {type(found).__name__}")
    else:
        check_decorators(found)
        routes = asgi_routes(found) if _is_asgi(found) else wsgi_routes(found)
    return list(dict.fromkeys(routes))


def _is_asgi(app: Any) -> bool:
    """Return whether an application is an ASGI application: by its routes, or by its calls."""
    call = app if inspect.isfunction(app) else type(app).__call__
    return hasattr(app, "routes") or inspect.iscoroutinefunction(call)
