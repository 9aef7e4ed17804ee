"""Sources of a Django request: WSGI, ASGI, Django's test clients, a request factory."""

from __future__ import annotations

import asyncio
import threading

import pytest
from django.http import HttpResponse
from django.test import AsyncClient, AsyncRequestFactory, RequestFactory
from django.urls import path

from iiniit_guard.django import GuardMiddleware
from tests.contract.hosts import django_project
from tests.contract.hosts.calling import joined
from tests.contract.hosts.django_site import (
    GUARD,
    REWRITES,
    Site,
    never,
    sites,
    subject,
    view,
    view_async,
)

HERE = __name__


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def site(request, guard):
    return sites(guard, asynchronous=request.param)


def test_a_url_that_fits_nothing_is_guarded(site, bearer):
    project = site(path("x/", view))

    assert [project(where)[0] for where in ("/", "/nowhere", "/x", "/x/y")] == [401] * 4
    assert project("/nowhere", bearer())[0] == 404


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_the_log_names_the_path_that_django_routes(issuer, guard, caplog, asynchronous):
    """With every credential: middleware outside the guard has changed the path."""
    caplog.set_level("INFO", "iiniit_guard")
    middleware = [REWRITES, GUARD]
    project = Site(asynchronous, [path("x", never)], MIDDLEWARE=middleware, IINIIT_GUARD=guard)

    for token in (None, issuer.token(aud="x"), "unknown"):
        lines = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
        assert project("/old", [(b"x-path", b"/x"), *lines])[0] == 401

    ours = [record.getMessage() for record in caplog.records if record.name == "iiniit_guard"]
    assert [line.split()[2:5] for line in ours] == [
        ["no_token", "GET", '"/x"'],
        ["wrong_audience", "GET", '"/x"'],
        ["inactive", "GET", '"/x"'],
    ]


def test_a_project_without_any_url_is_guarded(site, bearer):
    assert site()("/x")[0] == 401
    assert site()("/x", bearer())[0] == 404


def test_an_async_project_uses_no_thread(guard, bearer):
    threads = []

    async def handler(request):
        threads.append(threading.current_thread())
        return HttpResponse()

    class Noting(GuardMiddleware):
        async def _process_view_async(self, *arguments):
            threads.append(threading.current_thread())
            return await super()._process_view_async(*arguments)

    globals()["Noting"] = Noting
    project = Site(True, [path("x", handler)], MIDDLEWARE=[f"{HERE}.Noting"], IINIIT_GUARD=guard)

    assert project("/x", bearer())[0] == 200
    assert threads == [threading.main_thread()] * 2


def test_raw_header_fields_are_read_under_asgi(guard, bearer):
    project = Site(True, [path("x", subject)], IINIIT_GUARD=guard)

    assert project("/x", bearer() * 2)[0] == 400
    assert project("/x", [(b"Authorization", b"Bearer")])[0] == 400
    assert project("/x", bearer(subject="alice"), root_path="/prefix") == (200, "alice")


def test_the_asgi_scope_is_copied_and_carries_the_token(guard, bearer):
    scopes = []

    def handler(request):
        scopes.append(request.scope)
        return HttpResponse()

    project = Site(True, [path("x", handler)], IINIIT_GUARD=guard)
    outer = {}
    inner = project.app

    async def app(scope, receive, send):
        outer.update(scope)
        await inner(scope, receive, send)
        assert scope == outer

    project.app = app
    project("/x", bearer(subject="alice"))

    assert scopes[0]["iiniit_guard.access_token"].subject == "alice"
    assert scopes[0]["iiniit_guard.engine"] is guard._engine
    assert "iiniit_guard.access_token" not in outer


def test_public_paths_are_those_that_django_routes(guard):
    project = Site(
        True,
        [path("healthz", HttpResponse), path("x", never)],
        IINIIT_GUARD={"guard": guard, "public": ["/healthz"]},
    )

    assert project("/api/healthz", root_path="/api")[0] == 200
    assert project("/healthz")[0] == 200
    assert project("/api/healthz")[0] == 401


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_remembered_token_is_not_looked_at_on_djangos_public_path(
    quiet_guard, bearer, asynchronous
):
    def handler(request):
        return HttpResponse(repr(request.access_token))

    project = Site(
        asynchronous,
        [path("x", subject), path("open", handler)],
        IINIIT_GUARD={"guard": quiet_guard, "public": ["/open"]},
    )
    lines = bearer(subject="alice")

    assert [project("/x", lines) for _ in range(2)] == [(200, "alice")] * 2
    assert project("/open", lines) == (200, "None")


def test_views_can_be_called_with_keywords_and_a_made_request(guard, bearer):
    request = RequestFactory().get("/x", **joined(bearer(subject="alice")))
    request.META["iiniit_guard.engine"] = guard._engine

    assert view(request=request).content == b"alice"
    assert request.access_token.subject == "alice"


@pytest.mark.parametrize("handler", [view, view_async], ids=["view", "async view"])
def test_a_middleware_around_the_project_shows_its_token_too(handler, guard, issuer):
    request = RequestFactory().get("/x")
    request.META.update(
        {
            "iiniit_guard.engine": guard._engine,
            "iiniit_guard.access_token": guard.verify(issuer.token(subject="alice")),
        }
    )
    answer = handler(request)

    assert (asyncio.run(answer) if handler is view_async else answer).content == b"alice"


def test_an_async_made_request_works_too(guard, bearer):
    request = AsyncRequestFactory().get(
        "/x", headers={"Authorization": bearer(subject="alice")[0][1].decode()}
    )
    request.scope["iiniit_guard.engine"] = guard._engine

    assert asyncio.run(view_async(request)).content == b"alice"


def test_djangos_async_client_works_too(guard, quiet_guard, bearer):
    headers = {"Authorization": bearer(subject="alice")[0][1].decode()}

    async def calls():
        client = AsyncClient()
        return [
            await client.get(where, headers=headers) for where in ("/x", "/x", "/x?access_token=a")
        ] + [await client.get("/x")]

    for each in (guard, quiet_guard):
        with django_project.configured(ROOT_URLCONF=(path("x", view_async),), IINIIT_GUARD=each):
            answers = asyncio.run(calls())
        assert [answer.status_code for answer in answers] == [200, 200, 400, 401]
