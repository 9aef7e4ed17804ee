"""Exceptions of decorators, and refusals made outside views and their decorators."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import path

import iiniit_guard
from iiniit_guard.adapting.request_state import RefusalRecord, with_notes
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Decision
from iiniit_guard.django import GuardMiddleware, public
from iiniit_guard.django.responses import RequestRefused
from tests.contract.hosts import django_project
from tests.contract.hosts.calling import joined
from tests.contract.hosts.django_site import (
    REWRITES,
    Passing,
    Site,
    dropped,
    helper,
    helper_async,
    sites,
    subject,
)

HERE = __name__
PACKAGE = Path(iiniit_guard.__file__).parent


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def site(request, guard):
    return sites(guard, asynchronous=request.param)


class Catches(Passing):
    seen: list[Exception] = []

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        self.seen.append(exception)


def frames_of(exception):
    trace = exception.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


@pytest.mark.parametrize("handler", [helper, helper_async], ids=["function", "async function"])
def test_the_exception_carries_no_token(site, issuer, bearer, handler):
    Catches.seen.clear()
    lines = bearer("other", subject="alice")
    assert site(path("x", handler), middleware=[f"{HERE}.Catches"])("/x", lines)[0] == 403

    (exception,) = Catches.seen
    assert isinstance(exception, PermissionDenied)
    assert (exception.__cause__, exception.__suppress_context__) == (None, True)
    ours = [
        frame
        for frame in frames_of(exception)
        if Path(frame.f_code.co_filename).is_relative_to(PACKAGE)
    ]
    values = [value for frame in ours for value in frame.f_locals.values()]
    assert values
    assert not [
        value for value in values if isinstance(value, (AccessToken, Decision, RefusalRecord))
    ]
    assert lines[0][1].decode().removeprefix("Bearer ") not in repr(
        [exception.args, vars(exception), values]
    )


def test_a_refusal_is_logged_once_and_without_a_traceback(site, bearer, caplog):
    site(path("x", helper))("/x", bearer("other"))
    assert [(record.getMessage(), record.exc_info) for record in caplog.records] == [
        ("Forbidden: /x", None)
    ]


def forbidden(request, exception):
    raise RuntimeError


def test_djangos_client_raises_nothing_for_a_refusal(guard, bearer):
    class Urls:
        urlpatterns = [path("x", helper)]
        handler403 = staticmethod(forbidden)

    with django_project.configured(ROOT_URLCONF=Urls, IINIIT_GUARD=guard):
        answer = Client(raise_request_exception=True).get("/x", **joined(bearer("other")))
    assert (answer.status_code, answer.json()["reason"]) == (403, "missing_scope")


def raising(error, *, asynchronous):
    def get_response(request):
        dropped(request) or helper(request)
        raise error

    async def get_response_async(request):
        return get_response(request)

    return get_response_async if asynchronous else get_response


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("error", [RequestRefused(), ValueError()], ids=repr)
def test_an_exception_from_below_is_answered_by_the_recorded_refusal(
    guard, bearer, asynchronous, error
):
    request = RequestFactory().get("/x", **joined(bearer("other")))
    with django_project.configured(IINIIT_GUARD=guard):
        answer: Any = GuardMiddleware(raising(error, asynchronous=asynchronous))(request)
        answer = asyncio.run(answer) if asynchronous else answer
    assert answer.status_code == 403


@pytest.mark.parametrize("asynchronous", [False, True])
def test_another_exception_goes_on(guard, bearer, asynchronous):
    def get_response(request):
        raise ZeroDivisionError

    async def get_response_async(request):
        raise ZeroDivisionError

    request = RequestFactory().get("/x", **joined(bearer()))
    with django_project.configured(IINIIT_GUARD=guard):
        middleware: Any = GuardMiddleware(get_response_async if asynchronous else get_response)
        with pytest.raises(ZeroDivisionError):
            asyncio.run(middleware(request)) if asynchronous else middleware(request)


def test_what_is_no_response_is_replaced_too(guard, bearer):
    request = RequestFactory().get("/x", **joined(bearer("other")))
    with django_project.configured(IINIIT_GUARD=guard):
        answer: Any = GuardMiddleware(lambda request: dropped(request) and None)(request)
    assert answer.status_code == 403


def test_an_exception_of_the_project_is_left_to_django(site, bearer):
    def handler(request):
        raise PermissionDenied

    status, body = site(path("x", handler))("/x", bearer())
    assert (status, "403 Forbidden" in body, "reason" in body) == (403, True, False)


# Refusals of the middleware itself, and of one around the whole project


class AnswersAll(Passing):
    """Middleware below that replaces every response by 200."""

    def __call__(self, request):
        response = self.get_response(request)
        return self.later(response) if hasattr(request, "scope") else HttpResponse("secret")

    async def later(self, coming):
        await coming
        return HttpResponse("secret")


def test_a_refusal_in_place_of_the_view_is_not_dropped(site, bearer):
    project = site(
        path("x", subject),
        path("open", HttpResponse),
        middleware=[REWRITES, f"{HERE}.AnswersAll"],
        public=("/open",),
    )
    answer = project.answer("/open", [(b"x-path", b"/x")])

    assert (answer.status, answer.json["reason"]) == (401, "no_token")
    assert project("/open")[0] == 200


@public
def undecided(request):
    dropped(request)
    return HttpResponse("secret")


def test_a_guarded_helper_of_a_public_view_is_not_dropped(site, bearer):
    project = site(path("x", undecided))
    assert [project.answer("/x", lines).json["reason"] for lines in ([], bearer("other"))] == [
        "no_token",
        "missing_scope",
    ]


def test_the_record_of_a_middleware_around_the_project_is_used(guard, bearer):
    record = RefusalRecord()
    environ = with_notes(
        {**RequestFactory().get("/x", **joined(bearer("other"))).META},
        guard._engine,
        None,
        None,
        record,
    )
    with django_project.configured(ROOT_URLCONF=(path("x", helper),), MIDDLEWARE=[]):
        response = WSGIHandler()(environ, lambda status, headers: None)
    assert response.status_code == 403
    assert record.refusal is not None
    assert record.refusal.reason == "missing_scope"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_same_guard_around_the_project_learns_of_the_refusal(guard, bearer, asynchronous):
    """The refusal replaces the response of a middleware above Django's."""
    record = RefusalRecord()
    lines = bearer("other")
    if asynchronous:
        project = Site(True, [path("x", helper)], IINIIT_GUARD=guard)
        inner = project.app
        project.app = lambda scope, receive, send: inner(
            with_notes(scope, guard, None, None, record), receive, send
        )
        assert project("/x", lines)[0] == 403
    else:
        environ = with_notes(
            {**RequestFactory().get("/x", **joined(lines)).META}, guard._engine, None, None, record
        )
        with django_project.configured(ROOT_URLCONF=(path("x", helper),), IINIIT_GUARD=guard):
            assert WSGIHandler()(environ, lambda status, headers: None).status_code == 403
    assert record.refusal is not None


# Transactions


def test_an_atomic_request_is_rolled_back(guard, bearer, monkeypatch):
    def writes(request):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO written VALUES (1)")
        helper(request)

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE written (number integer)")
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    try:
        assert Site(False, [path("x", writes)], IINIIT_GUARD=guard)("/x", bearer("other"))[0] == 403
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM written")
            assert cursor.fetchone() == (0,)
    finally:
        connection.close()
