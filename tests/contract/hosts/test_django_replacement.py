"""Responses that a refusal replaces or aborts, and the content of error reports."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.urls import path

from iiniit_guard.django import require_scope
from iiniit_guard.django.responses import with_headers
from tests.contract.hosts.django_site import GUARD, Passing, Site, dropped, sites, subject

HERE = __name__
CORS = "corsheaders.middleware.CorsMiddleware"
ORIGIN = (b"origin", b"https://app.example")


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def site(request, guard):
    return sites(guard, asynchronous=request.param)


class Noting(HttpResponse):
    closed_by: list[str] = []

    def close(self):
        self.closed_by.append(self["X-Name"])
        super().close()


def with_fields(request):
    dropped(request)
    response = Noting(
        "secret",
        headers={"X-Name": "first", "X-Request-Id": "7", "ETag": '"secret"', "Location": "/secret"},
    )
    response.set_cookie("seen", "1", max_age=60, httponly=True)
    return response


def test_fields_and_cookies_of_other_layers_stay(site, bearer):
    Noting.closed_by.clear()
    answer = site(path("x", with_fields)).answer("/x", bearer("other"))

    assert (answer.status, answer.json["reason"]) == (403, "missing_scope")
    assert (answer.header("x-request-id"), answer.header("etag"), answer.header("location")) == (
        "7",
        None,
        None,
    )
    assert "seen=1;" in (answer.header("set-cookie") or "")
    assert "HttpOnly" in (answer.header("set-cookie") or "")
    assert Noting.closed_by == ["first"]


SHARED = HttpResponse("for everyone")
SHARED.set_cookie("seen", "1")


class SetsCookie(Passing):
    def __call__(self, request):
        response = self.get_response(request)
        response.set_cookie("seen", "2", httponly=True)
        return response


def test_a_response_object_that_several_clients_get_is_not_changed(guard, bearer):
    def shared(request):
        dropped(request)
        return SHARED

    project = Site(
        False, [path("x", shared)], MIDDLEWARE=[f"{HERE}.SetsCookie", GUARD], IINIIT_GUARD=guard
    )

    assert project("/x", bearer("other"))[0] == 403
    assert (SHARED.status_code, SHARED.content, SHARED.cookies.output(header="")) == (
        200,
        b"for everyone",
        " seen=1; Path=/",
    )


@pytest.mark.parametrize("order", [[CORS, GUARD], [GUARD, CORS]], ids=["above", "below"])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_fields_of_django_cors_headers_stay(guard, bearer, order, asynchronous):
    settings = {
        "CORS_ALLOWED_ORIGINS": ["https://app.example"],
        "CORS_EXPOSE_HEADERS": ["X-Request-Id"],
    }
    view = require_scope("user:read")(subject)
    for handler in (view, with_fields):
        project = Site(
            asynchronous, [path("x", handler)], MIDDLEWARE=order, IINIIT_GUARD=guard, **settings
        )
        answer = project.answer("/x", [*bearer("other"), ORIGIN])
        exposed = answer.header("access-control-expose-headers") or ""

        assert (answer.status, answer.json["reason"]) == (403, "missing_scope")
        assert answer.header("access-control-allow-origin") == "https://app.example"
        assert answer.header("vary") == "origin"
        # Above the guard it sets the field anew; below, its members are added to those of the
        # refusal.
        assert exposed == (
            "X-Request-Id"
            if order[0] == CORS
            else "WWW-Authenticate, DPoP-Nonce, Retry-After, X-Request-Id"
        )


def test_an_outage_keeps_its_retry_after(site, guard, issuer, bearer):
    issuer.fail("connection")
    project = site(path("x", with_fields), public=["/x"])
    answer = project.answer("/x", bearer())

    assert (answer.status, answer.json["reason"]) == (503, "issuer_unavailable")
    assert answer.header("retry-after")
    assert answer.header("www-authenticate") is None


# Streams


def test_an_object_that_is_no_response_gets_no_header_fields():
    found = object()

    assert with_headers(found, (("DPoP-Nonce", "n"),)) is found
