"""System checks that `manage.py check` and the development server run."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warned
from django.middleware.cache import FetchFromCacheMiddleware
from django.urls import get_resolver
from django.views import View

from iiniit_guard.adapting.closures import closure_of
from iiniit_guard.adapting.decorators import is_public, policies_of
from iiniit_guard.adapting.handlers import name_of
from iiniit_guard.django.middleware import GuardMiddleware
from iiniit_guard.django.middleware_order import (
    caches_of_site,
    cors_is_inside,
    csrf_is_checked_above,
    is_installed,
)
from iiniit_guard.django.settings import SETTING, load
from iiniit_guard.django.url_views import class_of, views_of
from iiniit_guard.django.view_checks import guarded_views, view_checks
from iiniit_guard.errors import SettingsError


def check_project(**_: object) -> list[CheckMessage]:
    """Check `settings.IINIIT_GUARD`, the order of `MIDDLEWARE` and the decorated views."""
    found: list[CheckMessage] = []
    if is_installed(GuardMiddleware):
        found += _check_settings()
        found += [*_check_order(), *_check_cached_views(), *_check_public_methods()]
    else:
        views = sorted(
            {
                _name(view)
                for view in _views()
                if _is_decorated(view) or any(is_guarded(view) for is_guarded in guarded_views)
            }
        )
        if views:
            hint = (
                f'Add "iiniit_guard.django.GuardMiddleware" to MIDDLEWARE. Guarded views: '
                f"{', '.join(views)}."
            )
            found.append(
                Error(
                    "Views are guarded, but the guard's middleware is missing.",
                    hint=hint,
                    id="iiniit_guard.E003",
                )
            )
    return [*found, *_check_views()]


def _check_views() -> list[CheckMessage]:
    """Return the faults that frameworks on top of Django find in their views.

    The URL configuration imports the views, and with them the modules that add the checks.
    """
    views = _views()
    return [message for view in views for check in view_checks for message in check(view)]


def _check_order() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if cors_is_inside(GuardMiddleware):
        text = "The CORS middleware stands below the guard's."
        hint = "Put it above the guard, so that refusals get its headers too."
        found.append(Warned(text, hint=hint, id="iiniit_guard.W001"))
    if csrf_is_checked_above(GuardMiddleware):
        text = "CsrfViewMiddleware stands above the guard's middleware."
        hint = (
            "Put it below the guard. Above it, Django requires a CSRF token for every POST, PUT, "
            "PATCH and DELETE, also with an access token."
        )
        found.append(Warned(text, hint=hint, id="iiniit_guard.W002"))
    above, below = caches_of_site(GuardMiddleware)
    if above:
        text = f"Cache middleware stands above the guard's: {', '.join(above)}."
        hint = (
            "Put it below the guard. Above it, the cache sends the responses of guarded views to "
            "clients without a token."
        )
        found.append(Warned(text, hint=hint, id="iiniit_guard.W003"))
    if below:
        text = f"Cache middleware stores the responses of guarded views: {', '.join(below)}."
        hint = (
            "The cache sends them to every client with a valid token, and no decorator checks its "
            "scopes. Decorate guarded views with @never_cache, or with "
            '@vary_on_headers("Authorization").'
        )
        found.append(Warned(text, hint=hint, id="iiniit_guard.W004"))
    return found


def _check_cached_views() -> list[CheckMessage]:
    names = {_name(view) for view in _views() if _is_cached(view)}
    if not names:
        return []
    text = f"cache_page stands above a decorator of the guard: {', '.join(sorted(names))}."
    hint = (
        "Put cache_page below the decorator. Above it, the cache answers before the guard checks "
        "the scopes."
    )
    return [Warned(text, hint=hint, id="iiniit_guard.W005")]


def _check_public_methods() -> list[CheckMessage]:
    views = _views()
    names = {_name(view) for view in views if not is_public(view) and _has_public_method(view)}
    if not names:
        return []
    text = f"@public on a method has no effect: {', '.join(sorted(names))}."
    hint = (
        "Decorate the class, or put @public above @api_view. The middleware decides before the "
        "method is known."
    )
    return [Warned(text, hint=hint, id="iiniit_guard.W006")]


def _check_settings() -> list[CheckMessage]:
    if getattr(settings, SETTING, None) is None:
        hint = "Set it to a Guard, or to a dict with at least issuer and audience."
        return [Error(f"The setting {SETTING} is missing.", hint=hint, id="iiniit_guard.E001")]
    try:
        load()
    except SettingsError as fault:
        return [Error(f"{SETTING}: {text}", id="iiniit_guard.E002") for text in fault.faults]
    return []


def _views() -> list[Any]:
    return [view for _, view in views_of(get_resolver().url_patterns)]


def _is_decorated(view: Any) -> bool:
    return any(policies_of(each) or is_public(each) for each in (view, *_methods_of(view)))


def _has_public_method(view: Any) -> bool:
    # @api_view keeps the function in the closure of a method.
    methods = _methods_of(view)
    return any(is_public(each) for method in methods for each in (method, *closure_of(method)))


def _methods_of(view: Any) -> list[object]:
    """Return the methods of a class view, and the actions of a viewset."""
    names = {*View.http_method_names, *(getattr(view, "actions", None) or {}).values()}
    owner = class_of(view)
    found = (getattr(owner, name, None) for name in sorted(names))
    return [method for method in found if method is not None]


def _is_cached(view: Any) -> bool:
    """Return whether a cache decorator of Django stands above a decorator of the guard."""
    while view is not None:
        inner = getattr(view, "__wrapped__", None)
        # The decorator keeps its middleware in the closure of a function that the wrapper calls.
        helpers = [view, *closure_of(view)]
        if any(
            isinstance(each, FetchFromCacheMiddleware)
            for helper in helpers
            for each in closure_of(helper)
        ):
            return _is_decorated(inner)
        view = inner
    return False


def _name(view: Any) -> str:
    return name_of(class_of(view) or view)
