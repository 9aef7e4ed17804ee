"""The guard decides about the view that Django runs, with any middleware above or below it."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpResponse
from django.urls import path

from iiniit_guard.core.model.policy import make_policy
from tests.contract.hosts.django_site import (
    GUARD,
    INSTEAD,
    REWRITES,
    Passing,
    Site,
    Undecorated,
    never,
    open_async,
    open_view,
    sites,
    subject,
    view_async,
)

HERE = __name__


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def site(request, guard):
    return sites(guard, asynchronous=request.param)


class Answers:
    """Middleware that responds by itself, without authentication."""

    sync_capable = async_capable = True
    acted: list[str] = []

    def __init__(self, get_response):
        self.asynchronous = iscoroutinefunction(get_response)
        middleware: Any = self
        if self.asynchronous:
            markcoroutinefunction(middleware)

    def __call__(self, request):
        self.acted.append(request.path_info)
        response = HttpResponse("from the middleware")
        return self.later(response) if self.asynchronous else response

    async def later(self, response):
        return response


class UrlconfOfTenant(Passing):
    """Middleware that replaces the URL patterns."""

    def __call__(self, request):
        request.urlconf = (path("x", Undecorated.as_view()), path("open", open_view))
        return self.get_response(request)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_metadata_is_found_by_the_path_that_django_routes(issuer, bearer, asynchronous):
    """A middleware above may change the path to it; a cached, a new and an invalid token change
    nothing.
    """
    place = b"/.well-known/oauth-protected-resource"
    with issuer.guard(resource="https://api.test") as guard:
        settings = {"MIDDLEWARE": [REWRITES, GUARD], "IINIIT_GUARD": {"guard": guard}}
        project = Site(asynchronous, [path("x", never)], **settings)
        for token in (bearer(), bearer(), bearer(expires_in=-60)):
            status, body = project("/x", [*token, (b"x-path", place)])
            assert (status, '"resource"' in body) == (200, True)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_metadata_is_found_by_a_path_that_changes_below(issuer, asynchronous):
    place = b"/.well-known/oauth-protected-resource"
    with issuer.guard(resource="https://api.test") as guard:
        settings = {
            "MIDDLEWARE": [GUARD, REWRITES],
            "IINIIT_GUARD": {"guard": guard, "public": ["/x"]},
        }
        project = Site(
            asynchronous, [path("x", HttpResponse), path(place.decode()[1:], never)], **settings
        )
        status, body = project("/x", [(b"x-path", place)])
        assert (status, '"resource"' in body) == (200, True)


def test_middleware_below_never_acts_for_a_stranger(site, bearer):
    Answers.acted.clear()
    project = site(path("x", never), middleware=[f"{HERE}.Answers"])

    assert project("/x")[0] == 401
    assert project("/nowhere")[0] == 401
    assert Answers.acted == []
    assert project("/x", bearer()) == (200, "from the middleware")


def test_what_it_answers_in_place_of_a_public_view_is_withheld(site, bearer):
    project = site(path("open", open_view), middleware=[f"{HERE}.Answers"])

    assert project("/open")[0] == 401
    assert project("/open", bearer("")) == (200, "from the middleware")
    assert project("/open", bearer(expires_in=-60))[0] == 401


def test_a_public_path_stays_public_whoever_answers(site):
    project = site(path("open", open_view), middleware=[f"{HERE}.Answers"], public=("/open",))

    assert project("/open") == (200, "from the middleware")


def test_another_urlconf_below_opens_nothing(site, bearer):
    project = site(
        path("x", open_view), path("open", never), middleware=[f"{HERE}.UrlconfOfTenant"]
    )

    # The guard resolved a public view, but Django runs a guarded one.
    assert project("/x")[0] == 401
    assert project("/x", bearer(subject="alice")) == (200, "alice")
    assert project("/open")[0] == 401  # the reverse: refused, because the guard cannot know
    assert project("/gone")[0] == 401


def test_another_urlconf_above_is_known(guard, bearer):
    for asynchronous in (False, True):
        middleware = [f"{HERE}.UrlconfOfTenant", GUARD]
        project = Site(asynchronous, [path("x", never)], MIDDLEWARE=middleware, IINIIT_GUARD=guard)

        assert project("/open") == (200, "None")
        assert project("/x")[0] == 401
        assert project("/x", bearer(subject="alice")) == (200, "alice")


def test_a_path_or_method_that_changes_below_is_decided_again(site, bearer):
    preflight = [(b"origin", b"https://app.example"), (b"access-control-request-method", b"PUT")]
    project = site(
        path("x", subject),
        path("open", HttpResponse),
        middleware=[REWRITES],
        public=("/open", "/also"),
    )

    assert project("/open")[0] == 200
    assert project("/open", [(b"x-path", b"/x")])[0] == 401
    assert project("/open", [(b"x-path", b"/x"), *bearer(subject="alice")]) == (200, "alice")
    assert project("/also", [(b"x-path", b"/open")])[0] == 200
    assert project("/x", [*preflight, (b"x-method", b"PUT")], "OPTIONS")[0] == 401


class RulesByPath:
    def policy_for(self, request):
        return make_policy([{"/x": "user:read", "/admin": "admin"}[request.path]])


def test_rules_are_asked_again_for_a_path_that_changes_below(site, bearer):
    project = site(
        path("x", subject), path("admin", subject), middleware=[REWRITES], rules=RulesByPath()
    )

    assert project("/x", bearer(subject="alice")) == (200, "alice")
    assert project("/x", [(b"x-path", b"/admin"), *bearer()])[0] == 403
    assert project("/x", [(b"x-path", b"/admin"), *bearer("user:read admin", subject="alice")]) == (
        200,
        "alice",
    )


class SyncOnly:
    """Middleware that Django runs in a thread under ASGI, with all that stands above it."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)


def test_sync_middleware_below_is_no_trouble(site, bearer):
    project = site(path("x", view_async), path("open", open_async), middleware=[f"{HERE}.SyncOnly"])

    assert project("/x", bearer(subject="alice")) == (200, "alice")
    assert project("/x")[0] == 401
    assert project("/open") == (200, "None")


def test_middleware_that_changes_the_path_and_answers_is_decided_about(site, bearer):
    middleware = [REWRITES, INSTEAD]
    project = site(path("x", never), middleware=middleware, public=["/open"])

    assert project("/open") == (200, "secret")
    assert project.answer("/open", [(b"x-path", b"/x")]).json["reason"] == "no_token"
    assert project("/open", [(b"x-path", b"/x"), *bearer()]) == (200, "secret")
