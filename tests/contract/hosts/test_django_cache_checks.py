"""The system checks about caches that answer before the guard has checked a request."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.urls import include, path
from django.views import View
from django.views.decorators.cache import cache_page, never_cache

from iiniit_guard.django import require_scope
from iiniit_guard.django.checks import check_project
from tests.contract.hosts import django_project
from tests.contract.hosts.django_site import GUARD

UPDATE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"
BOTH = "django.middleware.cache.CacheMiddleware"


def view(request):
    return HttpResponse()


@require_scope("user:read")
def guarded(request):
    return HttpResponse()


@require_scope("user:read")
async def guarded_async(request):
    return HttpResponse()


@require_scope("user:read")
class Guarded(View):
    pass


def found(guard, middleware, patterns=()):
    with django_project.configured(
        IINIIT_GUARD=guard, MIDDLEWARE=middleware, ROOT_URLCONF=tuple(patterns)
    ):
        return [message.id for message in check_project()]


@pytest.mark.parametrize(
    ("middleware", "ids"),
    [
        ([UPDATE, FETCH, GUARD], ["iiniit_guard.W003"]),
        ([BOTH, GUARD], ["iiniit_guard.W003"]),
        ([UPDATE, GUARD, FETCH], ["iiniit_guard.W004"]),
        ([GUARD, UPDATE, FETCH], ["iiniit_guard.W004"]),
        ([UPDATE, GUARD], []),
        (["nowhere.Cache", GUARD], []),
    ],
)
def test_the_cache_of_the_site(guard, middleware, ids):
    assert found(guard, middleware) == ids


@pytest.mark.parametrize(
    ("handler", "is_warned"),
    [
        (cache_page(60)(guarded), True),
        (cache_page(60)(guarded_async), True),
        (never_cache(cache_page(60)(guarded)), True),
        (cache_page(60)(Guarded.as_view()), True),
        (require_scope("user:read")(cache_page(60)(view)), False),
        (cache_page(60)(view), False),
        (guarded, False),
    ],
)
def test_a_cached_view(guard, handler, is_warned):
    patterns = [path("below/", include([path("x", handler)]))]
    assert found(guard, [GUARD], patterns) == ["iiniit_guard.W005"] * is_warned


def test_the_warning_names_the_view(guard):
    with django_project.configured(
        IINIIT_GUARD=guard, ROOT_URLCONF=(path("x", cache_page(60)(guarded)),)
    ):
        assert f"{__name__}.guarded" in check_project()[0].msg


def test_a_closure_whose_variable_is_not_set(guard):
    def make():
        def inner(request):
            return later

        if guard is None:
            later = 1
        return inner

    assert found(guard, [GUARD], [path("x", make())]) == []
