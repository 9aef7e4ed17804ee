"""`@public` views below a language prefix, with `LocaleMiddleware` below the guard."""

from __future__ import annotations

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.http import HttpResponse
from django.urls import path
from django.utils import translation

from iiniit_guard.django import public
from tests.contract.hosts.django_site import GUARD, INSTEAD, Site

LOCALE = "django.middleware.locale.LocaleMiddleware"
MOVES = f"{__name__}.moves"


@public
def form(request):
    return HttpResponse(f"public {translation.get_language()}")


def orders(request):
    return HttpResponse("orders")


def moves(get_response):
    """Send the request to another view."""

    def middleware(request):
        request.path_info = request.headers.get("X-Path", request.path_info)
        return get_response(request)

    return middleware


def patterns(**options):
    return i18n_patterns(path("form", form), path("orders", orders), **options)


def site(guard, made, asynchronous=False, middleware=(LOCALE,), **settings):
    return Site(
        asynchronous,
        made,
        MIDDLEWARE=[GUARD, *middleware],
        IINIIT_GUARD={"guard": guard},
        LANGUAGE_CODE="en",
        LANGUAGES=[("en", "English"), ("de", "German")],
        **settings,
    )


@pytest.fixture(params=[False, True], ids=["wsgi", "asgi"])
def make(request, guard):
    return lambda made, **settings: site(guard, made, request.param, **settings)


def reason(answer):
    return answer[0], "no_token" in answer[1]


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_public_view_below_its_prefix(make, language):
    called = make(patterns())
    assert called(f"/{language}/form") == (200, f"public {language}")
    assert reason(called(f"/{language}/orders")) == (401, True)


def test_the_default_language_without_a_prefix(make):
    called = make(patterns(prefix_default_language=False))
    german = [(b"accept-language", b"de")]
    assert called("/form", german) == (200, "public en")
    assert called("/de/form") == (200, "public de")
    assert reason(called("/orders", german)) == (401, True)
    assert reason(called("/de/orders")) == (401, True)


def test_the_language_of_the_client_without_prefixes(make):
    called = make([path("form", form)])
    assert called("/form", [(b"accept-language", b"de")]) == (200, "public de")


def test_unknown_languages_require_a_token(make):
    called = make(patterns())
    assert reason(called("/fr/form")) == (401, True)
    assert reason(called("/form")) == (401, True)


def test_another_view_requires_a_token(make):
    """The path leads to a public view when the guard decides, and to another view afterwards."""
    called = make(patterns(), middleware=(MOVES, LOCALE))
    assert reason(called("/de/form", [(b"x-path", b"/de/orders")])) == (401, True)


def test_middleware_that_answers_in_place_of_the_view_requires_a_token(make):
    assert reason(make(patterns(), middleware=(INSTEAD, LOCALE))("/de/form")) == (401, True)


def test_without_the_middleware_other_languages_do_not_exist(make):
    called = make(patterns(), middleware=())
    assert called("/en/form") == (200, "public en")
    assert reason(called("/de/form")) == (401, True)


def test_the_language_of_the_process_stays(make):
    before = translation.get_language()
    make(patterns())("/de/orders")
    assert translation.get_language() == before
