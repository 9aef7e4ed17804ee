"""Django runs a view for any method: the views and middleware that a preflight reaches."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View

from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.django import GuardMiddleware, public, require_scope
from tests.contract.hosts.django_site import (
    GUARD,
    REWRITES,
    Passing,
    Site,
    open_view,
    sites,
    subject,
)

# isort: split

from corsheaders.middleware import (
    CorsMiddleware,
)  # it reads Django's settings, which the lines above have set up

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
    """Its methods are decorated, and so its `options` is not."""

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

CORS = "corsheaders.middleware.CorsMiddleware"


class OurCors(CorsMiddleware):
    """A subclass of the project's, of which the guard knows what it inherits."""


class HomemadeCors(Passing):
    """Middleware that only sets fields, and lets preflights go on."""

    def __call__(self, request):
        return self.get_response(request)


class OurGuard(GuardMiddleware):
    pass


def wrapped_guard(get_response):
    return GuardMiddleware(get_response)


OURS = f"{MINE}.{OurGuard.__name__}"
ALLOWED = {"CORS_ALLOWED_ORIGINS": ["https://app.example"]}


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("view", UNDECORATED)
@pytest.mark.parametrize(
    ("order", "settings", "status"),
    [
        ([GUARD], {}, 401),
        ([GUARD, f"{MINE}.HomemadeCors"], {}, 401),
        ([f"{MINE}.HomemadeCors", GUARD], {}, 401),
        ([CORS, GUARD], {}, 200),
        ([GUARD, CORS], {}, 200),
        ([GUARD, f"{MINE}.OurCors"], {}, 200),
        ([OURS, CORS], {}, 200),
        ([CORS, OURS], {"CORS_URLS_REGEX": "^/other"}, 401),
        ([GUARD, CORS], {"CORS_URLS_REGEX": "^/other"}, 204),
        ([f"{MINE}.wrapped_guard", CORS], {}, 401),
        ([f"{MINE}.wrapped_guard", CORS, OURS], {}, 401),
    ],
    ids=str,
)
def test_who_answers_a_preflight_by_default(guard, asynchronous, view, order, settings, status):
    project = Site(
        asynchronous, [path("x", view)], MIDDLEWARE=order, IINIIT_GUARD=guard, **ALLOWED, **settings
    )
    answer = project.answer("/x", PREFLIGHT, "OPTIONS")

    assert answer.status == status
    assert b"secret" not in answer.body
    assert (answer.header("access-control-allow-origin") == "https://app.example") is (
        status == 200
    )
    if status == 401:
        assert answer.json["reason"] == "no_token"


@pytest.mark.parametrize("order", [[GUARD], [GUARD, CORS]], ids=str)
def test_guarded_preflights_ask_whoever_stands_below(guard, order):
    project = Site(
        False,
        [path("x", secrets)],
        MIDDLEWARE=order,
        IINIIT_GUARD={"guard": guard, "preflights": "guard"},
        **ALLOWED,
    )
    assert project("/x", PREFLIGHT, "OPTIONS")[0] == 401


def test_the_log_says_once_what_to_do_about_a_refused_preflight(site, caplog):
    project = site(path("x", secrets))
    for _ in range(2):
        project("/x", PREFLIGHT, "OPTIONS")
    assert [
        record.getMessage()[:40] for record in caplog.records if record.name == "iiniit_guard"
    ] == ["a CORS preflight (OPTIONS without a toke"]


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
