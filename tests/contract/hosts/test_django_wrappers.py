"""Packages that wrap middleware hide which hooks are asynchronous: the guard works, or refuses."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpResponse
from django.urls import path

from iiniit_guard.django import GuardMiddleware, public, require_scope
from tests.contract.hosts.django_site import (
    GUARD,
    REWRITES,
    Passing,
    Site,
    open_view,
    subject,
    view,
    view_async,
)

HERE = __name__
PREFLIGHT = [(b"origin", b"https://app.example"), (b"access-control-request-method", b"PUT")]


def plainly(method):
    """Wrap like older monitoring packages: in a plain function that hides what it wraps."""
    return lambda *args, **kwargs: method(*args, **kwargs)


def by_wraps(method):
    return functools.wraps(method)(plainly(method))


def bound(method):
    wrapper = by_wraps(method)
    wrapper.__self__ = getattr(method, "__self__", None)  # for older versions of Django
    return wrapper


def awaiting(method):
    if not iscoroutinefunction(method):
        return by_wraps(method)

    async def wrapper(*args, **kwargs):
        return await method(*args, **kwargs)

    return wrapper


def wrapping(wrap_hook, *, visible):
    """Make a class around the middleware as sentry-sdk does: it looks the hooks up when Django asks
    for them.
    """

    class Wrapping:
        sync_capable = async_capable = True

        def __init__(self, get_response):
            self._inner: Any = GuardMiddleware(get_response)
            this: Any = self
            if visible and iscoroutinefunction(get_response):
                markcoroutinefunction(this)

        def __getattr__(self, name):
            if not name.startswith("process_"):
                raise AttributeError(name)
            return wrap_hook(getattr(self._inner, name))

        def __call__(self, request):
            return self._inner(request)

    return Wrapping


class Inherits(GuardMiddleware):
    pass


class Calls(GuardMiddleware):
    """A subclass that overrides the methods by plain ones."""

    def __call__(self, request):
        return super().__call__(request)

    def process_view(self, request, view, args, kwargs):
        return super().process_view(request, view, args, kwargs)


class CallsAsync(GuardMiddleware):
    """A subclass with an asynchronous hook, which Django adapts under WSGI."""

    async def process_view(self, request, view, args, kwargs):
        answer: Any = super().process_view(request, view, args, kwargs)
        return await answer if hasattr(answer, "__await__") else answer


class SyncOnly(GuardMiddleware):
    async_capable = False


class Patched(GuardMiddleware):
    """A middleware whose methods are replaced after its creation."""

    def __init__(self, get_response):
        super().__init__(get_response)
        self.__dict__["get_response"] = plainly(self.get_response)


def factory(get_response):
    """Wrap the middleware in a function without any hook."""
    inner = GuardMiddleware(get_response)

    def middleware(request):
        return inner(request)

    return middleware


def marked_factory(get_response):
    middleware = factory(get_response)
    return markcoroutinefunction(middleware) if iscoroutinefunction(get_response) else middleware


def hiding_factory(get_response):
    return factory(get_response)


for each in (marked_factory, hiding_factory):
    # a function has only the attributes that are set
    each.sync_capable = each.async_capable = True  # type: ignore[attr-defined]

WITH_HOOK = {
    **{
        f"{wrap.__name__}_{'visible' if visible else 'hidden'}": wrapping(wrap, visible=visible)
        for wrap in (plainly, by_wraps, bound, awaiting)
        for visible in (True, False)
    },
    **{each.__name__: each for each in (Inherits, Calls, CallsAsync, SyncOnly, Patched)},
}
globals().update(WITH_HOOK)
WITHOUT_HOOK = [each.__name__ for each in (factory, marked_factory, hiding_factory)]


@pytest.fixture(params=[False, True], ids=["WSGI", "ASGI"])
def made(request, guard):
    def make(name, *patterns, middleware=(), **settings):
        order = [f"{HERE}.{name}", *middleware]
        return Site(
            request.param, patterns, MIDDLEWARE=order, IINIIT_GUARD={"guard": guard, **settings}
        )

    return make


@pytest.mark.parametrize("name", [*WITH_HOOK, *WITHOUT_HOOK])
def test_no_wrapper_breaks_it_or_opens_it(made, bearer, name):
    project = made(name, path("plain", subject), path("x", view), path("y", view_async))

    for where in ("/plain", "/x", "/y"):
        assert project(where, bearer(subject="alice")) == (200, "alice")
        assert project.answer(where).json["reason"] == "no_token"
    for where in ("/x", "/y"):
        assert project.answer(where, bearer("other")).json["reason"] == "missing_scope"
    assert project("/nowhere", bearer())[0] == 404


def secret(request):
    raise AssertionError


@pytest.mark.parametrize("name", WITH_HOOK)
def test_the_hook_works_through_wrappers(made, bearer, name):
    project = made(
        name,
        path("x", subject),
        path("open", open_view),
        middleware=[REWRITES],
        public=["/healthz"],
    )

    assert project("/open") == (200, "None")
    assert project.answer("/healthz", [(b"x-path", b"/x")]).json["reason"] == "no_token"
    assert project("/healthz", [(b"x-path", b"/x"), *bearer(subject="alice")]) == (200, "alice")
    assert made(name, path("x", secret), preflights="pass")("/x", PREFLIGHT, "OPTIONS") == (204, "")


@public
def acts(request):
    raise AssertionError


@pytest.mark.parametrize("name", WITHOUT_HOOK)
def test_a_public_view_does_not_run_unasked_without_the_hook(made, caplog, name):
    assert made(name, path("x", acts))("/x")[0] == 401
    assert "Internal Server Error" not in caplog.text


@pytest.mark.parametrize("name", WITHOUT_HOOK)
def test_what_needs_the_hook_is_refused_without_it(made, bearer, name):
    project = made(
        name,
        path("x", subject),
        path("open", open_view),
        middleware=[REWRITES],
        public=["/healthz"],
    )

    assert project("/open")[0] == 401
    assert project("/open", bearer())[0] == 200
    assert project.answer("/healthz", [(b"x-path", b"/x")]).json["reason"] == "no_token"
    assert project("/healthz", [(b"x-path", b"/x"), *bearer(subject="alice")])[0] != 401
    assert (
        made(name, path("x", secret), preflights="pass")
        .answer("/x", PREFLIGHT, "OPTIONS")
        .json["reason"]
        == "no_token"
    )


class Hidden:
    """Inner middleware that is asynchronous but not marked as such."""

    sync_capable = async_capable = True

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)


def drops(request):
    try:
        require_scope("user:read")(subject)(request)
    except Exception:
        return HttpResponse("secret")
    return HttpResponse("mine")


def test_middleware_below_may_hide_that_it_is_asynchronous(guard, bearer):
    for below in ([f"{HERE}.Hidden"], [f"{HERE}.Hidden", f"{HERE}.Hidden"]):
        project = Site(
            True,
            [path("x", drops), path("open", open_view)],
            MIDDLEWARE=[GUARD, *below],
            IINIIT_GUARD=guard,
        )

        assert project("/x", bearer()) == (200, "mine")
        assert project.answer("/x", bearer("other")).json["reason"] == "missing_scope"
        assert project.answer("/x").json["reason"] == "no_token"
        assert project("/open") == (200, "None")


class Fails(Passing):
    def __call__(self, request):
        raise ZeroDivisionError


def test_errors_below_are_djangos(guard, bearer):
    project = Site(
        True,
        [path("x", drops)],
        MIDDLEWARE=[GUARD, f"{HERE}.Hidden", f"{HERE}.Fails"],
        IINIIT_GUARD=guard,
    )
    assert project("/x", bearer())[0] == 500
