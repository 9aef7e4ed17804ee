"""The routes of a Django project, with the views of Django REST framework and django-ninja."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import click

from iiniit_guard.adapting.decorators import is_public, policies_of
from iiniit_guard.cli.routes.handlers import (
    DECORATOR,
    METHODS,
    closure_of,
    methods_of_class,
    name_of,
    place_of,
)
from iiniit_guard.cli.routes.permissions import Required, required_by
from iiniit_guard.cli.routes.route import Layer, Route
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy

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

    urls = found.__name__ if hasattr(found, "urlpatterns") else None
    around = (*layers, *_own_layer(prefix))
    for path, callback in _patterns(get_resolver(urls).url_patterns, "/"):
        for route in _routes_of(callback, prefix + _simple(path)):
            yield replace(route, layers=around)


def _own_layer(prefix: str) -> Iterator[Layer]:
    from iiniit_guard.django.middleware import GuardMiddleware
    from iiniit_guard.django.middleware_order import is_installed
    from iiniit_guard.django.settings import load

    if is_installed(GuardMiddleware):
        yield Layer(prefix, load()[1])


def _patterns(patterns: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        text = str(pattern.pattern)
        # `include` keeps the anchor of a regular expression in the middle of the path.
        path = prefix + (text.removeprefix("^") if prefix.endswith("/") else text)
        if hasattr(pattern, "url_patterns"):
            yield from _patterns(pattern.url_patterns, path)
        else:
            yield path, pattern.callback


def _simple(path: str) -> str:
    """Return a path with names in place of the regular expressions of its parameters."""
    from django.contrib.admindocs.views import simplify_regex

    if not any(mark in path for mark in ("(", "^", "$", "\\")):
        return path
    return str(simplify_regex(path))


def _routes_of(callback: Any, path: str) -> Iterator[Route]:
    operations = _ninja_operations(callback)
    if operations is not None:
        yield from _ninja_routes(operations, path)
        return
    owner = getattr(callback, "cls", getattr(callback, "view_class", None))
    shown = callback if owner is None else owner
    whole = Route("http", (), path, name_of(shown), place_of(shown))
    whole = _with(replace(whole, is_public=is_public(callback)), policies_of(callback), DECORATOR)
    if owner is None:
        yield replace(whole, methods=_allowed(callback))
        return
    actions = getattr(callback, "actions", None) or {}
    for method, handler in _handlers(owner, actions):
        function = _inner(handler)
        one = replace(whole, methods=(method,), handler=name_of(function))
        one = replace(one, declared=place_of(function) or whole.declared)
        # @api_view may stand above a decorator of the guard.
        policies = dict.fromkeys([*policies_of(handler), *policies_of(function)])
        required = required_by(callback, owner, method, actions.get(method.lower()))
        yield _required(_with(one, tuple(policies), DECORATOR), required)


def _handlers(owner: Any, actions: Any) -> Iterator[tuple[str, Any]]:
    """Return the methods of a class view with their functions: `get`, or an action of a viewset."""
    if actions:
        for method, name in sorted(actions.items()):
            if hasattr(owner, name):
                yield method.upper(), getattr(owner, name)
        return
    for method, function, _ in methods_of_class(owner):
        if method not in _AUTOMATIC:
            yield method, function


def _inner(handler: Any) -> Any:
    """Return the function under `@api_view`, or `handler` if it is not of `@api_view`."""
    if getattr(handler, "__module__", None) != "rest_framework.decorators":
        return handler
    return next((found for found in closure_of(handler) if callable(found)), handler)


def _ninja_operations(callback: Any) -> Any:
    """Return the operations of a `PathView` of django-ninja; None for another view."""
    views = [getattr(callback, "__self__", None), *closure_of(callback)]
    found = [view for view in views if type(view).__module__ == "ninja.operation"]
    return found[0].operations if found else None


def _allowed(callback: Any) -> tuple[str, ...]:
    """Return the methods of `@require_http_methods`; without it Django passes every method."""
    for found in closure_of(callback):
        if isinstance(found, list | tuple) and found and set(found) <= _METHODS:
            return tuple(sorted(set(found)))
    return ()


def _ninja_routes(operations: Any, path: str) -> Iterator[Route]:
    for operation in operations:
        handler = operation.view_func
        route = Route(
            "http",
            tuple(sorted(operation.methods)),
            path,
            name_of(handler),
            place_of(handler),
            is_public=is_public(handler),
        )
        route = _with(route, policies_of(handler), DECORATOR)
        # Any of several callbacks admits a request, so all of them must be the guard's.
        callbacks = list(getattr(operation, "auth_callbacks", None) or ())
        if all(type(each).__module__.startswith("iiniit_guard.") for each in callbacks):
            found = tuple(getattr(each, "policy", ANY_TOKEN) for each in callbacks)
            route = _with(route, found, "auth")
        yield route


def _with(route: Route, policies: tuple[Policy, ...], source: str) -> Route:
    sources = (*route.sources, *(source for _ in policies))
    return replace(route, policies=(*route.policies, *policies), sources=sources)


def _required(route: Route, required: Required | None) -> Route:
    if required is None:
        return route
    source = "permission (one of)" if required.is_one_of else "permission"
    guarded = _with(route, required.policies, source)
    return replace(guarded, is_closed=required.refuses)
