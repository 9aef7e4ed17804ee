"""A Django cache below the guard serves only responses of `@public` views to everyone."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.urls import path
from django.views import View

from iiniit_guard.django import public
from tests.contract.hosts import django_project
from tests.contract.hosts.django_site import (
    GUARD,
    INSTEAD,
    REWRITES,
    Site,
    open_async,
    open_view,
    subject,
)

HERE = __name__
SECRET = "secret"
COMMON = "django.middleware.common.CommonMiddleware"
CONDITIONAL = "django.middleware.http.ConditionalGetMiddleware"


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def asynchronous(request):
    return request.param


CACHED = [
    "django.middleware.cache.UpdateCacheMiddleware",
    CONDITIONAL,
    COMMON,
    "django.middleware.cache.FetchFromCacheMiddleware",
]
STORE = {
    "CACHES": {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": HERE}
    }
}


@pytest.fixture(autouse=True)
def empty_cache():
    from django.core.cache import cache

    yield
    with django_project.configured(**STORE):
        cache.clear()


@public
class OpenClass(View):
    def get(self, request):
        return HttpResponse("None")


@public
class OpenAsyncClass(View):
    async def get(self, request):
        return HttpResponse("None")


VIEWS = [open_view, open_async, OpenClass.as_view(), OpenAsyncClass.as_view()]


@pytest.mark.parametrize("view", VIEWS, ids=["function", "async function", "class", "async class"])
def test_a_cache_below_serves_public_views_to_all(guard, asynchronous, bearer, view):
    project = Site(
        asynchronous,
        [path("open", view), path("x", subject)],
        MIDDLEWARE=[GUARD, *CACHED],
        IINIIT_GUARD=guard,
        **STORE,
    )
    first = project.answer("/open")
    tag = (first.header("etag") or "").encode()

    assert [project("/open") for _ in range(2)] == [(200, "None")] * 2
    assert project("/open", (), "HEAD")[0] == 200
    assert tag
    assert project("/open", [(b"if-none-match", tag)]) == (304, "")
    assert project("/x", bearer(subject="alice")) == (200, "alice")
    assert project.answer("/x").json["reason"] == "no_token"


def test_what_a_public_function_returns_is_not_changed():
    assert public(lambda request: "no response")(None) == "no response"


def test_what_middleware_below_a_cache_answers_stays_withheld(guard, asynchronous, bearer):
    order = [GUARD, *CACHED, INSTEAD]
    project = Site(
        asynchronous, [path("open", open_view)], MIDDLEWARE=order, IINIIT_GUARD=guard, **STORE
    )

    assert project("/open", bearer()) == (200, SECRET)
    for _ in range(2):
        assert project.answer("/open").json["reason"] == "no_token"


def test_a_cached_response_is_withheld_where_the_path_changed(guard, asynchronous):
    project = Site(
        asynchronous,
        [path("open", open_view)],
        MIDDLEWARE=[GUARD, REWRITES, *CACHED],
        IINIIT_GUARD=guard,
        **STORE,
    )

    assert project("/open") == (200, "None")
    assert project.answer("/open", [(b"x-path", b"/x")]).json["reason"] == "no_token"
