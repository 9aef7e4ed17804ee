"""A Django preflight learns nothing from what answers in place of a view."""

from __future__ import annotations

import pytest
from asgiref.sync import iscoroutinefunction
from django.http import (
    HttpResponse,
    HttpResponseNotModified,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.test import RequestFactory
from django.urls import path

from iiniit_guard.django import GuardMiddleware, require_scope
from tests.contract.hosts import django_project
from tests.contract.hosts.django_site import (
    GUARD,
    INSTEAD,
    Instead,
    Passing,
    Site,
    open_view,
)
from tests.contract.hosts.test_django_unasked import secrets

HERE = __name__
CORS = "corsheaders.middleware.CorsMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"
CONDITIONAL = "django.middleware.http.ConditionalGetMiddleware"
PREFLIGHT = [(b"origin", b"https://app.example"), (b"access-control-request-method", b"PUT")]
# django-cors-headers stands below the guard, and answers for no path of these tests
BELOW = {"CORS_ALLOWED_ORIGINS": ["https://app.example"], "CORS_URLS_REGEX": "^/api/"}
SECRET = "secret"


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def asynchronous(request):
    return request.param


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


class Pages(Passing):
    """Middleware that answers where Django found nothing, as FlatpageFallbackMiddleware does."""

    def __call__(self, request):
        response = self.get_response(request)
        return self.later(response) if iscoroutinefunction(self) else self.found(response)

    async def later(self, coming):
        return self.found(await coming)

    def found(self, response):
        if response.status_code != 404:
            return response
        page = HttpResponse(
            SECRET, headers={"X-Secret": SECRET, "ETag": f'"{SECRET}"', "Location": f"/{SECRET}"}
        )
        page.set_cookie("session", SECRET)
        return page


class InsteadOfViews(Passing):
    """Middleware whose `process_view` answers in place of every view, after that of the guard."""

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        return HttpResponse(SECRET)


class With404:
    def __init__(self, *patterns):
        self.urlpatterns = list(patterns)

    @staticmethod
    def handler404(request, exception):
        return HttpResponse(SECRET, status=404, headers={"X-Secret": SECRET})


def says_nothing(answer):
    return (answer.status, answer.body, list(answer.headers)) == (204, b"", [])


@pytest.mark.parametrize(
    "middleware",
    [[], [f"{HERE}.Pages"], [INSTEAD], [COMMON], [CONDITIONAL, f"{HERE}.Pages"]],
    ids=["handler404", "after 404", "instead", "slash", "conditional"],
)
def test_a_preflight_sees_nothing_that_is_served_without_a_view(let_in, bearer, middleware):
    project = let_in(middleware=middleware, urls=With404(path("nowhere/", secrets)))

    assert says_nothing(project.answer("/nowhere", PREFLIGHT, "OPTIONS"))
    assert not says_nothing(project.answer("/nowhere", [*PREFLIGHT, *bearer()], "OPTIONS"))


@pytest.mark.parametrize(
    "made",
    [
        lambda: HttpResponse(SECRET, headers={"Access-Control-Secret": SECRET}),
        lambda: HttpResponse(status=418),
        lambda: HttpResponse(SECRET, status=500),
        lambda: HttpResponseRedirect("/secret"),
        HttpResponseNotModified,
        lambda: StreamingHttpResponse([SECRET]),
    ],
)
def test_whatever_middleware_answers_to_a_preflight_says_nothing(let_in, monkeypatch, made):
    monkeypatch.setattr(Instead, "made", staticmethod(made))
    assert says_nothing(
        let_in(path("x", secrets), middleware=[INSTEAD]).answer("/x", PREFLIGHT, "OPTIONS")
    )


def test_what_answers_in_place_of_a_decorated_view_says_nothing(let_in):
    project = let_in(
        path("x", require_scope("user:read")(secrets)), middleware=[f"{HERE}.InsteadOfViews"]
    )
    assert says_nothing(project.answer("/x", PREFLIGHT, "OPTIONS"))


def test_what_is_no_response_says_nothing(guard):
    request = RequestFactory().options(
        "/x", headers={"Origin": "https://a", "Access-Control-Request-Method": "GET"}
    )
    with django_project.configured(IINIIT_GUARD={"guard": guard, "preflights": "pass"}):
        middleware = GuardMiddleware(lambda request: None)
        assert callable(middleware.process_view)
        answer = middleware(request)
    assert (getattr(answer, "status_code", None), getattr(answer, "content", None)) == (204, b"")


class AddsToken(Passing):
    """Middleware that takes a token from a place that the guard ignores."""

    token = b""

    def __call__(self, request):
        if hasattr(request, "scope"):
            request.scope["headers"] = [*request.scope["headers"], (b"authorization", self.token)]
        else:
            request.META["HTTP_AUTHORIZATION"] = self.token.decode()
        return self.get_response(request)


def test_a_decorated_view_that_found_a_token_answers(let_in, bearer, monkeypatch):
    monkeypatch.setattr(AddsToken, "token", dict(bearer())[b"authorization"])
    project = let_in(
        path("x", require_scope("user:read")(secrets)),
        path("y", secrets),
        middleware=[f"{HERE}.AddsToken"],
    )

    assert project("/x", PREFLIGHT, "OPTIONS") == (200, SECRET)
    assert project("/y", PREFLIGHT, "OPTIONS") == (204, "")


def test_the_answer_of_django_cors_headers_goes_up(guard, asynchronous):
    settings = {
        **BELOW,
        "CORS_URLS_REGEX": "^/",
        "CORS_PREFLIGHT_MAX_AGE": 60,
        "CORS_ALLOW_CREDENTIALS": True,
    }
    for views in (secrets, open_view):
        project = Site(
            asynchronous,
            [path("x", views)],
            MIDDLEWARE=[GUARD, CORS],
            IINIIT_GUARD=guard,
            **settings,
        )
        answer = project.answer("/x", PREFLIGHT, "OPTIONS")

        assert (answer.status, answer.body) == (200, b"")
        assert answer.header("access-control-allow-origin") == "https://app.example"
        assert answer.header("access-control-allow-credentials") == "true"
        assert "PUT" in (answer.header("access-control-allow-methods") or "")
        assert (answer.header("access-control-max-age"), answer.header("content-length")) == (
            "60",
            "0",
        )
