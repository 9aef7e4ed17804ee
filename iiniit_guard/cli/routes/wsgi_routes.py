"""The routes of WSGI applications: Flask, Django, and the middleware and mounts around them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from iiniit_guard.adapting.closures import closure_of
from iiniit_guard.adapting.decorator_order import require_order
from iiniit_guard.adapting.decorators import is_public, policies_of
from iiniit_guard.adapting.handlers import methods_of_class, name_of
from iiniit_guard.cli.routes.django_routes import django_routes, is_handler
from iiniit_guard.cli.routes.handlers import DECORATOR, place_of
from iiniit_guard.cli.routes.route import Layer, Route
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.wsgi import GuardMiddleware

if TYPE_CHECKING:
    from flask import Flask

    from iiniit_guard.flask.parts import Parts

_AUTOMATIC = frozenset({"HEAD", "OPTIONS"})


def wsgi_routes(app: Any, prefix: str = "", layers: tuple[Layer, ...] = ()) -> Iterator[Route]:
    """Return the routes of a WSGI application, through its middleware and its mounts.

    Args:
        app: A Flask application or a handler of Django, or a WSGI application around one.
        prefix: The path at which the application is mounted.
        layers: The guard's middlewares around it.
    """
    flask = sys.modules.get("flask")
    if flask is not None and isinstance(app, flask.Flask):
        yield from _through(app.wsgi_app, app, prefix, layers)
    else:
        yield from _through(app, None, prefix, layers)


def _through(
    app: Any, owner: Flask | None, prefix: str, layers: tuple[Layer, ...]
) -> Iterator[Route]:
    """Follow the layers, the outermost first, to the application itself.

    Args:
        app: The next layer.
        owner: The Flask application whose `wsgi_app` is being followed; None outside of one.
        prefix: The path at which the application is mounted.
        layers: The guard's middlewares so far.
    """
    replaced: Any = getattr(app, "__self__", None)
    if isinstance(app, GuardMiddleware):
        yield from _through(app.app, owner, prefix, (*layers, Layer(prefix, app.admission)))
    elif owner is not None and replaced is owner:
        yield from _flask_routes(owner, prefix, layers)
    elif owner is not None and hasattr(replaced, "original_wsgi_app"):
        whole = replaced.parts.whole
        around = layers if whole is None else (*layers, Layer(prefix, whole.admission, "extension"))
        yield from _through(replaced.original_wsgi_app, owner, prefix, around)
    elif isinstance(getattr(app, "mounts", None), Mapping):  # werkzeug's DispatcherMiddleware
        for path, mounted in app.mounts.items():
            yield from wsgi_routes(mounted, prefix + path, layers)
        yield from _through(app.app, owner, prefix, layers)
    elif owner is None and hasattr(app, "url_map"):
        yield from wsgi_routes(app, prefix, layers)
    elif is_handler(app):
        yield from django_routes(None, prefix, layers)
    elif (inner := getattr(app, "app", None) or getattr(app, "wsgi_app", None)) is not None:
        yield from _through(inner, owner, prefix, layers)
    else:
        path = f"{prefix}/*"
        yield Route("mount", (), path, name_of(app), place_of(app), layers=layers)


def _flask_routes(app: Flask, prefix: str, layers: tuple[Layer, ...]) -> Iterator[Route]:
    from iiniit_guard.flask.parts import parts_of

    parts = parts_of(app)
    require_order(app.view_functions.values())
    for rule in app.url_map.iter_rules():
        view = app.view_functions.get(rule.endpoint)
        around = (*layers, *_part_layers(parts, rule.endpoint, prefix))
        host = rule.host or rule.subdomain or ""
        methods = sorted((rule.methods or set()) - _AUTOMATIC) or sorted(rule.methods or ())
        path = f"{prefix}{rule.rule}" if not host else f"{host}{prefix}{rule.rule}"
        for names, shown, policies in _views(view, methods):
            found = Route(
                "websocket" if rule.websocket else "http",
                () if rule.websocket else tuple(names),
                path,
                name_of(shown),
                place_of(shown),
                is_public=is_public(view),
                layers=around,
            )
            yield found.requiring(policies, DECORATOR)


def _part_layers(parts: Parts | None, endpoint: str, prefix: str) -> Iterator[Layer]:
    """Return the layer of the blueprint that guards an endpoint.

    `_through` has found the layer of a whole application before.
    """
    part = None if parts is None or parts.whole is not None else parts.of(endpoint)
    if part is not None:
        yield Layer(prefix, part.admission, f"blueprint {part.blueprint}")


def _views(view: Any, methods: list[str]) -> Iterator[tuple[list[str], Any, tuple[Policy, ...]]]:
    """Return the methods of a view with their handler and its policies.

    The methods of a class view may have decorators of their own.
    """
    whole = policies_of(view)
    owner = getattr(view, "view_class", None)
    own = {name: found for name, *found in methods_of_class(owner)} if owner is not None else {}
    further = getattr(owner, "method_decorators", ())
    rest = [method for method in methods if method not in own]
    for method in methods:
        if method in own:
            function, policies = own[method]
            applied = further.get(method.lower(), ()) if isinstance(further, Mapping) else further
            late = [each for decorator in applied for each in _policies_in(decorator)]
            yield [method], function, (*whole, *late, *policies)
    if rest:
        yield rest, owner or view, whole


def _policies_in(decorator: Any) -> list[Policy]:
    """Return the policy of a decorator of the guard; empty for another one.

    Flask-RESTX applies the decorators in `method_decorators` at each request.
    """
    return [found for found in closure_of(decorator) if isinstance(found, Policy)]
