"""Django runs a view for any method: the views and middleware that a preflight reaches."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View

from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.django import public, require_scope
from tests.contract.hosts.django_site import (
    REWRITES,
    Passing,
    Site,
    open_view,
    sites,
    subject,
)

# isort: split


PREFLIGHT = [(b"origin", b"https://app.example"), (b"access-control-request-method", b"PUT")]
MINE = __name__


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def site(request, guard):
    return sites(guard, asynchronous=request.param)


def secrets(request):
    return HttpResponse("secret")


async def secrets_async(request):
    return HttpResponse("secret")


class Options(View):
    def options(self, request):
        return HttpResponse("secret")


class Inside(View):
    """A view whose methods are decorated, except `options`."""

    @method_decorator(require_scope("user:read"))
    def get(self, request):
        return HttpResponse("secret")

    def options(self, request):
        return HttpResponse("secret")


UNDECORATED = [secrets, secrets_async, Options.as_view(), Inside.as_view()]


@pytest.mark.parametrize("view", UNDECORATED)
def test_an_undecorated_view_does_not_run_for_a_preflight(site, bearer, events, view):
    project = site(path("x", view), preflights="pass")

    assert project("/x", PREFLIGHT, "OPTIONS") == (204, "")
    assert events == []
    assert project("/x", [], "OPTIONS")[0] == 401
    assert project("/x", [*PREFLIGHT, *bearer()], "OPTIONS") == (200, "secret")
    assert project("/nowhere", PREFLIGHT, "OPTIONS") == (204, "")


def test_the_answer_says_nothing(guard):
    project = Site(False, [path("x", secrets)], IINIIT_GUARD={"guard": guard, "preflights": "pass"})
    with project.configured():
        answer = project.client.options(
            "/x", headers={"Origin": "https://a", "Access-Control-Request-Method": "GET"}
        )
    assert (answer.status_code, answer.content, dict(answer.headers)) == (204, b"", {})


@pytest.mark.parametrize("view", UNDECORATED)
@pytest.mark.parametrize(
    "settings", [{"public": ["/x"]}, {"enforce": "declared"}, {"optional_token": True}], ids=str
)
def test_it_runs_where_anybody_may_run_it(site, view, settings):
    assert site(path("x", view), **settings)("/x", PREFLIGHT, "OPTIONS") == (200, "secret")


def test_public_views_run_and_decorated_ones_ask(site):
    project = site(
        path("open", public(secrets)),
        path("x", require_scope("user:read")(secrets)),
        preflights="pass",
    )

    assert project("/open", PREFLIGHT, "OPTIONS") == (200, "secret")
    assert project("/x", PREFLIGHT, "OPTIONS")[0] == 401


def test_guarded_preflights_ask(site, bearer):
    project = site(path("x", secrets), preflights="guard")

    assert project("/x", PREFLIGHT, "OPTIONS")[0] == 401
    assert project("/x", [*PREFLIGHT, *bearer()], "OPTIONS") == (200, "secret")


class Written:
    """Rules that name OPTIONS for two paths."""

    def policy_for(self, request):
        raise AssertionError

    def preflight_policy_for(self, request):
        answers = {
            "/open": "pass",
            "/shut": make_policy(["user:read"]),
            "/odd": PROBLEMS[Reason.AMBIGUOUS_PATH],
        }
        return answers.get(request.path)


def test_rules_that_name_options_are_obeyed(site):
    project = site(
        *[path(name, secrets) for name in ("open", "shut", "odd", "silent")],
        rules=Written(),
        preflights="pass",
    )

    assert project("/open", PREFLIGHT, "OPTIONS") == (200, "secret")
    assert project("/shut", PREFLIGHT, "OPTIONS")[0] == 401
    assert project("/odd", PREFLIGHT, "OPTIONS")[0] == 400
    assert project("/silent", PREFLIGHT, "OPTIONS") == (204, "")


def test_a_path_that_changes_below_makes_no_view_run(site):
    project = site(
        path("x", secrets),
        path("open", secrets),
        middleware=[REWRITES],
        public=("/open",),
        preflights="pass",
    )

    assert project("/open", [*PREFLIGHT, (b"x-path", b"/x")], "OPTIONS") == (204, "")
    assert project("/x", [*PREFLIGHT, (b"x-path", b"/open")], "OPTIONS") == (200, "secret")


class Answering(Passing):
    """A CORS middleware inside the guard."""

    def __call__(self, request):
        if request.method != "OPTIONS":
            return self.get_response(request)
        return _now_or_later(
            self,
            HttpResponse(
                "ok", headers={"Access-Control-Allow-Origin": "*", "Vary": "Origin", "X-Other": "1"}
            ),
        )


def _now_or_later(middleware, response):
    from asgiref.sync import iscoroutinefunction

    async def later():
        return response

    return later() if iscoroutinefunction(middleware) else response


def test_a_cors_middleware_inside_has_answered_before(site):
    project = site(path("x", secrets), middleware=[f"{MINE}.Answering"], preflights="pass")
    answer = project.answer("/x", PREFLIGHT, "OPTIONS")
    assert (answer.status, answer.body) == (204, b"")
    assert sorted((name.lower(), value) for name, value in answer.headers) == [
        ("access-control-allow-origin", "*"),
        ("vary", "Origin"),
    ]


# By default a preflight passes only where no view can run for it


# Several views for one request


@public
def landing(request):
    return HttpResponse("no such page", status=404)


class Fallback:
    """Middleware that tries other URLs where the first ones have nothing; under ASGI Django runs it
    in a thread.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if response.status_code == 404:
            request.urlconf = (path("x", subject), path("open", open_view), path("y", subject))
            response = self.get_response(request)
        return response


def test_a_view_that_runs_after_a_public_one_is_asked_about(site, bearer):
    project = site(path("x", landing), path("open", landing), middleware=[f"{MINE}.Fallback"])

    assert project("/x")[0] == 401
    assert project("/x", bearer(subject="alice")) == (200, "alice")
    assert project("/x", bearer(expires_in=-60))[0] == 401
    assert project("/open") == (200, "None")
    assert project("/y")[0] == 401
    assert project("/y", bearer(subject="alice")) == (200, "alice")
