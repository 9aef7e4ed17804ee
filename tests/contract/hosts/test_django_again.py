"""Middleware above the guard that passes on a request twice, and two guards in one project."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from django.http import Http404, HttpResponse
from django.urls import path

from iiniit_guard.django import public, require_scope
from iiniit_guard.wsgi import GuardMiddleware as AroundWsgi
from tests.contract.hosts.django_site import (
    GUARD,
    INSTEAD,
    Passing,
    Site,
    dropped,
    open_view,
    subject,
)

HERE = __name__


class Again:
    """Middleware that tries another path after a refusal or an outage; under ASGI Django runs it in
    a thread.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if response.status_code in (401, 403, 503):
            request.path_info = request.headers.get("X-Then", request.path_info)
            response = self.get_response(request)
        return response


class Hides(Passing):
    """Middleware that replaces every refusal by 200."""

    def __call__(self, request):
        response = self.get_response(request)
        return self.later(response) if iscoroutinefunction(self) else self.hidden(response)

    async def later(self, coming):
        return self.hidden(await coming)

    def hidden(self, response):
        return HttpResponse("hidden") if response.status_code in (401, 403) else response


admin = require_scope("admin")(subject)
user = require_scope("user:read")(subject)


@public
def missing(request):
    raise Http404


PATTERNS = [
    path("missing", missing),
    path("admin", admin),
    path("x", subject),
    path("user", user),
    path("open", open_view),
]


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def made(request, guard):
    def make(*order, **settings):
        return Site(
            request.param, PATTERNS, MIDDLEWARE=order, IINIIT_GUARD={"guard": guard, **settings}
        )

    return make


def test_each_time_has_its_own_answer(made, bearer):
    project = made(f"{HERE}.Again", GUARD)

    for then in (b"/x", b"/user"):
        assert project("/admin", [*bearer(subject="alice"), (b"x-then", then)]) == (200, "alice")
    assert project("/admin", [*bearer(), (b"x-then", b"/open")]) == (200, "None")
    assert project("/x", [(b"x-then", b"/open")]) == (200, "None")
    assert project.answer("/x", [(b"x-then", b"/admin")]).json["reason"] == "no_token"
    answer = project.answer("/user", [*bearer("other"), (b"x-then", b"/admin")])
    assert 'scope="admin"' in (answer.header("www-authenticate") or "")


def test_a_second_time_is_refused_where_the_first_was_not(made, bearer):
    project = made(f"{HERE}.Again", GUARD, f"{HERE}.Forbids")
    assert (
        project.answer("/x", [*bearer(), (b"x-then", b"/admin")]).json["reason"] == "missing_scope"
    )


class Forbids(Passing):
    """Middleware that answers 403 for one path."""

    def __call__(self, request):
        if request.path_info != "/x":
            return self.get_response(request)

        async def later():
            return HttpResponse(status=403)

        return later() if iscoroutinefunction(self) else HttpResponse(status=403)


def test_two_of_the_middleware_agree(made, bearer):
    project = made(GUARD, GUARD)

    assert project("/open") == (200, "None")
    assert project("/missing")[0] == 404
    assert project("/x", bearer(subject="alice")) == (200, "alice")
    assert project("/user", bearer(subject="alice")) == (200, "alice")
    assert project.answer("/x").json["reason"] == "no_token"
    assert project.answer("/admin", bearer()).json["reason"] == "missing_scope"


def test_an_outer_middleware_learns_of_every_refusal(made, bearer):
    project = made(GUARD, f"{HERE}.Hides", GUARD)

    assert project.answer("/admin", bearer()).json["reason"] == "missing_scope"
    assert project("/x", bearer(subject="alice")) == (200, "alice")
    assert made(f"{HERE}.Hides", GUARD)("/admin", bearer()) == (200, "hidden")


class Removes:
    """Middleware that removes the token; under ASGI Django runs it in a thread."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        meta, lines = dict(request.META), getattr(request, "scope", {}).get("headers")
        request.META.pop("HTTP_AUTHORIZATION", None)
        if hasattr(request, "scope"):
            request.scope["headers"] = []
        response = self.get_response(request)
        request.META["HTTP_AUTHORIZATION"] = meta["HTTP_AUTHORIZATION"]
        if hasattr(request, "scope"):
            request.scope["headers"] = lines
        return response


@pytest.mark.parametrize(
    ("below", "where"), [([], "/x"), ([INSTEAD], "/open")], ids=["entry", "response"]
)
def test_an_outer_middleware_learns_of_refusals_at_the_inner_one(made, bearer, below, where):
    project = made(GUARD, f"{HERE}.Hides", f"{HERE}.Removes", GUARD, *below)
    assert project.answer(where, bearer()).json["reason"] == "no_token"


def test_a_wsgi_middleware_around_the_project_learns_of_every_refusal(guard, bearer):
    def drops(request):
        dropped(request)
        return HttpResponse("secret")

    project = Site(
        False, [path("x", drops)], MIDDLEWARE=[f"{HERE}.Hides", GUARD], IINIIT_GUARD=guard
    )
    started: list[Any] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/x",
        "SERVER_NAME": "a",
        "SERVER_PORT": "80",
        "wsgi.input": BytesIO(),
    }
    environ |= {
        "wsgi.url_scheme": "http",
        "HTTP_AUTHORIZATION": dict(bearer("other"))[b"authorization"].decode(),
    }
    with project.configured():
        from django.core.handlers.wsgi import WSGIHandler

        body = AroundWsgi(WSGIHandler(), guard)(
            environ, lambda *start: started.append(start) or (lambda chunk: None)
        )
        assert b"missing_scope" in b"".join(body)
    assert started[0][0].startswith("403")
