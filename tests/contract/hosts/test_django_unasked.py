"""A Django request admitted without a token: later changes of the request grant nothing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.http import (
    HttpResponse,
)
from django.urls import path

from tests.contract.hosts.django_site import (
    GUARD,
    REWRITES,
    Passing,
    Site,
    open_view,
    sites,
)

HERE = __name__
CORS = "corsheaders.middleware.CorsMiddleware"
PREFLIGHT = [(b"origin", b"https://app.example"), (b"access-control-request-method", b"PUT")]
# django-cors-headers stands below the guard, and answers for no path of these tests
BELOW = {"CORS_ALLOWED_ORIGINS": ["https://app.example"], "CORS_URLS_REGEX": "^/api/"}
SECRET = "secret"


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def asynchronous(request):
    return request.param


@pytest.fixture
def site(guard, asynchronous):
    return sites(guard, asynchronous=asynchronous)


@pytest.fixture(params=["auto", "pass"])
def let_in(request, guard, asynchronous):
    """Make a site that admits a preflight without a token, with middleware below the guard."""

    def make(*patterns, middleware=(), urls=None, **settings):
        order = [GUARD, *middleware, *([CORS] if request.param == "auto" else [])]
        configured = {"guard": guard, "preflights": request.param, **settings}
        around = {} if urls is None else {"ROOT_URLCONF": urls}
        return Site(
            asynchronous, patterns, MIDDLEWARE=order, IINIIT_GUARD=configured, **BELOW, **around
        )

    return make


def secrets(request):
    return HttpResponse(SECRET)


# Middleware that changes the request between the entry and the view


def without_origin(request):
    request.META.pop("HTTP_ORIGIN", None)


def without_requested_method(request):
    request.META.pop("HTTP_ACCESS_CONTROL_REQUEST_METHOD", None)


def with_basic(request):
    request.META["HTTP_AUTHORIZATION"] = "Basic Og=="


def with_cookie(request):
    request.META["HTTP_COOKIE"] = "language=en"
    request.COOKIES = {"language": "en"}


def with_query(request):
    request.META["QUERY_STRING"] = "_method=GET"
    request.GET = {"_method": "GET"}


def with_override(request):
    request.META["HTTP_X_HTTP_METHOD_OVERRIDE"] = "GET"


def with_length(request):
    request.META["CONTENT_LENGTH"] = "5"


def with_other_path_attribute(request):
    request.path = "/elsewhere"


def with_other_scope(request):
    if hasattr(request, "scope"):
        request.scope = {
            **request.scope,
            "headers": [],
            "method": "GET",
            "path": "/elsewhere",
            "query_string": b"a=b",
        }


def with_resolver_match(request):
    request.resolver_match = SimpleNamespace(func=open_view)


def with_empty_meta(request):
    for name in [name for name in request.META if name.startswith("HTTP_")]:
        del request.META[name]


CHANGES = [
    *(
        without_origin,
        without_requested_method,
        with_basic,
        with_cookie,
        with_query,
        with_override,
        with_length,
    ),
    *(with_other_path_attribute, with_other_scope, with_resolver_match, with_empty_meta),
]


class Changes(Passing):
    change = staticmethod(without_origin)

    def __call__(self, request):
        type(self).change(request)
        # Under ASGI the guard reads the scope.
        if hasattr(request, "scope"):
            lines = [
                (n[5:].replace("_", "-").lower().encode(), v.encode())
                for n, v in request.META.items()
                if n.startswith("HTTP_")
            ]
            request.scope["headers"] = lines
        return self.get_response(request)


class UrlconfOf(Passing):
    """Middleware that replaces the URL patterns."""

    def __call__(self, request):
        request.urlconf = (path("x", secrets),)
        return self.get_response(request)


@pytest.mark.parametrize("change", CHANGES)
def test_no_change_of_the_request_makes_a_view_run_for_a_preflight(let_in, monkeypatch, change):
    monkeypatch.setattr(Changes, "change", staticmethod(change))
    project = let_in(path("x", secrets), middleware=[f"{HERE}.Changes"])

    assert project("/x", PREFLIGHT, "OPTIONS") == (204, "")


def test_another_urlconf_makes_no_view_run_for_a_preflight(let_in):
    project = let_in(path("x", open_view), path("y", secrets), middleware=[f"{HERE}.UrlconfOf"])

    assert project("/x", PREFLIGHT, "OPTIONS") == (
        204,
        "",
    )  # its path led to a @public view at the entry


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST"])
def test_a_preflight_that_becomes_another_method_needs_a_token(let_in, method):
    project = let_in(path("x", secrets), middleware=[REWRITES])

    assert project.answer("/x", [*PREFLIGHT, (b"x-method", method)], "OPTIONS").status == 401


class TriesSeveral:
    """Middleware that tries a public path, and then again the one that was asked for; Django runs
    it in a thread under ASGI.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        asked = request.path_info
        request.path_info = request.headers["X-First"]
        self.get_response(request)
        request.path_info = asked
        return self.get_response(request)


def test_the_way_back_from_a_public_path_opens_nothing(let_in):
    project = let_in(
        path("x", secrets),
        path("open", secrets),
        middleware=[f"{HERE}.TriesSeveral"],
        public=["/open"],
    )

    assert project("/x", [*PREFLIGHT, (b"x-first", b"/open")], "OPTIONS") == (204, "")


# Content that is served without any view
