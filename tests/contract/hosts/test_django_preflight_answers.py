"""Who answers a CORS preflight in a Django project, by default and with other settings."""

from __future__ import annotations

import pytest
from django.urls import path

from iiniit_guard.django import GuardMiddleware
from tests.contract.hosts.django_site import (
    Passing,
    Site,
    sites,
)

# isort: split

from corsheaders.middleware import (
    CorsMiddleware,
)  # it reads Django's settings, which the lines above have set up

from tests.contract.hosts.django_site import (
    GUARD,
)

# isort: split

from tests.contract.hosts.test_django_preflights import Inside, Options, secrets, secrets_async

PREFLIGHT = [(b"origin", b"https://app.example"), (b"access-control-request-method", b"PUT")]
MINE = __name__


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def site(request, guard):
    return sites(guard, asynchronous=request.param)


UNDECORATED = [secrets, secrets_async, Options.as_view(), Inside.as_view()]
CORS = "corsheaders.middleware.CorsMiddleware"


class OurGuard(GuardMiddleware):
    pass


OURS = f"{MINE}.{OurGuard.__name__}"
ALLOWED = {"CORS_ALLOWED_ORIGINS": ["https://app.example"]}


class OurCors(CorsMiddleware):
    """A subclass of the project's, of which the guard knows what it inherits."""


class HomemadeCors(Passing):
    """Middleware that only sets fields, and lets preflights go on."""

    def __call__(self, request):
        return self.get_response(request)


def wrapped_guard(get_response):
    return GuardMiddleware(get_response)


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
