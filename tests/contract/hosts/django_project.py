"""A Django project in one file: settings that tests can replace, and the views of
`builders.POLICIES`.
"""

from __future__ import annotations

from typing import Any

import django
from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

import iiniit_guard.django
from iiniit_guard.django import public
from tests.contract.hosts.builders import seen
from tests.contract.hosts.handlers import decorated_views

if not settings.configured:
    settings.configure(
        SECRET_KEY="of no use here",
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    )
    django.setup()

BASE: dict[str, Any] = {
    "ALLOWED_HOSTS": ["*"],
    "MIDDLEWARE": ["iiniit_guard.django.GuardMiddleware"],
    "ROOT_URLCONF": "tests.contract.hosts.django_project",
}


def configured(**changes: Any) -> Any:
    """Return a context in which the project has its settings, with these changes."""
    return override_settings(**{**BASE, **changes})


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(seen(request.access_token), content_type="application/json")


async def view_async(request: HttpRequest) -> HttpResponse:
    return view(request)


def _patterns(view: Any) -> list[Any]:
    decorated = {**decorated_views(iiniit_guard.django, view), "/public": public(view)}
    assert all(
        iscoroutinefunction(handler) == iscoroutinefunction(view) for handler in decorated.values()
    )
    return [path(name[1:], handler) for name, handler in decorated.items()]


urlpatterns = _patterns(view)
async_urlpatterns = tuple(
    _patterns(view_async)
)  # what ROOT_URLCONF names may be the patterns themselves, if they are hashable
