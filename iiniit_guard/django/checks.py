"""System checks that `manage.py check` and the development server run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warned
from django.urls import get_resolver
from django.views import View

from iiniit_guard.adapting.decorators import is_public, policies_of
from iiniit_guard.django.middleware import GuardMiddleware
from iiniit_guard.django.middleware_order import cors_is_inside, is_installed
from iiniit_guard.django.settings import SETTING, load
from iiniit_guard.errors import SettingsError


def check_project(**_: object) -> list[CheckMessage]:
    """Check `settings.IINIIT_GUARD`, the order of `MIDDLEWARE` and the decorated views."""
    found: list[CheckMessage] = []
    if is_installed(GuardMiddleware):
        found += _check_settings()
        if cors_is_inside(GuardMiddleware):
            hint = "Put it above the guard, so that refusals get its headers too."
            found.append(
                Warned(
                    "The CORS middleware stands below the guard's.",
                    hint=hint,
                    id="iiniit_guard.W001",
                )
            )
    else:
        views = sorted(
            {_name(view) for view in _views(get_resolver().url_patterns) if _is_decorated(view)}
        )
        if views:
            hint = (
                f'Add "iiniit_guard.django.GuardMiddleware" to MIDDLEWARE. Decorated views: '
                f"{', '.join(views)}."
            )
            found.append(
                Error(
                    "Views are decorated, but the guard's middleware is missing.",
                    hint=hint,
                    id="iiniit_guard.E003",
                )
            )
    return found


def _check_settings() -> list[CheckMessage]:
    if getattr(settings, SETTING, None) is None:
        hint = "Set it to a Guard, or to a dict with at least issuer and audience."
        return [Error(f"The setting {SETTING} is missing.", hint=hint, id="iiniit_guard.E001")]
    try:
        load()
    except SettingsError as fault:
        return [Error(f"{SETTING}: {text}", id="iiniit_guard.E002") for text in fault.faults]
    return []


def _views(patterns: list[Any]) -> Iterator[Any]:
    for pattern in patterns:
        if hasattr(pattern, "url_patterns"):
            yield from _views(pattern.url_patterns)
        else:
            yield pattern.callback


def _is_decorated(view: Any) -> bool:
    methods = (
        getattr(getattr(view, "view_class", None), name, None) for name in View.http_method_names
    )
    return any(policies_of(handler) or is_public(handler) for handler in (view, *methods))


def _name(view: Any) -> str:
    shown = getattr(view, "view_class", view)
    return f"{shown.__module__}.{getattr(shown, '__qualname__', type(shown).__name__)}"
