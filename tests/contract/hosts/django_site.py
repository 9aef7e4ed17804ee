"""A Django project made of a few URL patterns, and the views and the middleware that several of its
tests need.
"""

from __future__ import annotations

from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import Client
from django.views import View

from iiniit_guard.django import public, require_scope
from tests.contract.hosts import django_project
from tests.contract.hosts.calling import answer_of, drive, joined

GUARD = "iiniit_guard.django.GuardMiddleware"
REWRITES = f"{__name__}.Rewrites"
INSTEAD = f"{__name__}.Instead"


def subject(request):
    return HttpResponse(request.access_token.subject)


def never(request):
    raise AssertionError


@require_scope("user:read")
def view(request):
    return subject(request)


@require_scope("user:read")
async def view_async(request):
    return subject(request)


class Undecorated(View):
    def get(self, request):
        return subject(request)


@public
def open_view(request):
    return HttpResponse(repr(request.access_token))


@public
async def open_async(request):
    return HttpResponse(repr(request.access_token))


@require_scope("user:read")
def helper(request):
    raise AssertionError


@require_scope("user:read")
async def helper_async(request):
    raise AssertionError


def dropped(request):
    """Call the helper and ignore its result."""
    try:
        helper(request)
    except PermissionDenied:
        return True
    return False


class Site:
    """A project with these URL patterns, called by Django's client or as an ASGI application."""

    def __init__(self, asynchronous, patterns, **settings):
        self.asynchronous = asynchronous
        self.settings = {"ROOT_URLCONF": tuple(patterns), **settings}
        with self.configured():
            if asynchronous:
                from django.core.handlers.asgi import ASGIHandler

                self.app = ASGIHandler()
            else:
                self.client = Client(raise_request_exception=False)
                self.client.handler.load_middleware()

    def configured(self):
        return django_project.configured(**self.settings)

    def __call__(self, where, lines=(), method="GET", **scope):
        answer = self.answer(where, lines, method, **scope)
        return answer.status, answer.body.decode()

    def answer(self, where, lines=(), method="GET", **scope):
        """Return the response with its header fields."""
        with self.configured():
            if self.asynchronous:
                return drive(self.app, method, where, lines, **scope)
            answer = self.client.generic(method, where, **joined(lines))
            body = answer.getvalue() if answer.streaming else answer.content
            cookies = [("Set-Cookie", morsel.OutputString()) for morsel in answer.cookies.values()]
            return answer_of(answer.status_code, [*answer.headers.items(), *cookies], body)


def sites(guard, *, asynchronous):
    """Return a function that makes a `Site` under this guard, with middleware below it."""

    def make(*patterns, middleware=(), **settings):
        return Site(
            asynchronous,
            patterns,
            MIDDLEWARE=[GUARD, *middleware],
            IINIIT_GUARD={"guard": guard, **settings},
        )

    return make


class Passing:
    """Middleware that changes the request and passes it on, under WSGI and ASGI."""

    sync_capable = async_capable = True

    def __init__(self, get_response):
        self.get_response = get_response
        middleware: Any = self
        if iscoroutinefunction(get_response):
            markcoroutinefunction(middleware)


class Rewrites(Passing):
    """Middleware that sends a request elsewhere, as method overrides and legacy URLs do."""

    def __call__(self, request):
        request.path_info = request.headers.get("X-Path", request.path_info)
        request.method = request.headers.get("X-Method", request.method)
        return self.get_response(request)


class Instead(Passing):
    """Middleware that answers every request by itself."""

    made = staticmethod(lambda: HttpResponse("secret"))

    def __call__(self, request):
        made = type(self).made()

        async def later():
            return made

        return later() if iscoroutinefunction(self) else made
