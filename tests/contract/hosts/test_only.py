"""The argument `only`: a guarded part of an application, and the rest as without the guard."""

from __future__ import annotations

import re
import sys

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import path, re_path
from flask import Flask
from pyramid.config import Configurator
from pyramid.response import Response
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from werkzeug.test import Client as WsgiClient

from iiniit_guard import SettingsError
from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.asgi import GuardMiddleware as AsgiGuard
from iiniit_guard.django import require_scope
from iiniit_guard.flask import IiniitGuard
from iiniit_guard.testing import Issuer
from iiniit_guard.wsgi import GuardMiddleware as WsgiGuard
from tests.contract.hosts import django_project
from tests.contract.hosts.django_site import GUARD, REWRITES

ONLY = ["/api/*", "/report"]
INSIDE = ["/api", "/api/", "/api/x", "/api/x/y", "/API/x", "/report", "/report/", "/Report"]
INSIDE += ["/api.", "/report ", "/report. /", "/ａｐｉ/x", "/ＡＰＩ", "/api／x"]
INSIDE += ["/ap\u0131/x", "/AP\u0130", "/ap\u0130/x", "/@@report", "/@@api/x", "/site/@@report"]
OUTSIDE = [
    "/",
    "/@site",
    "/site@@x",
    "/site",
    "/apis/x",
    "/ap",
    "/x/api/y",
    "/report/x",
    "/reports",
    "/sité",
]
AMBIGUOUS = [
    "//api/x",
    "/site//x",
    "/site/../api/x",
    "/./api/x",
    "/site;x/y",
    "/site\\x",
    "/site\x00",
    "/%61pi/x",
    "/site%",
    "/site/‥/api/x",
    "/site；x",
    "api/x",
    "",
    "*",
]


@pytest.mark.parametrize(
    ("where", "passes"),
    [*((each, False) for each in INSIDE + AMBIGUOUS), *((each, True) for each in OUTSIDE)],
)
def test_which_paths_pass(where, passes):
    assert make_admission(only=ONLY).is_public(where) is passes


def test_every_letter_that_a_regular_expression_takes_for_another_is_inside():
    everything = "".join(chr(point) for point in range(sys.maxunicode + 1))
    alike = {
        (plain, letter)
        for plain in "apireot"
        for letter in re.findall(plain, everything, re.IGNORECASE)
    }
    assert ("i", "\u0131") in alike
    alike |= {(letter, letter.upper()) for letter in "\u1fb7\u1fc7\u0390\u1fe2"}
    for plain, letter in alike:
        admission = make_admission(only=[f"/{plain}"])
        assert not admission.is_public(f"/{letter}"), letter


def test_routes_that_ignore_the_case_of_every_letter():
    pattern = re_path("(?i)^api/x$", lambda _: HttpResponse())
    for where in ("api/x", "API/x", "ap\u0131/x", "ap\u0130/x"):
        assert pattern.resolve(where) is not None
        assert not make_admission(only=ONLY).is_public(f"/{where}")


def test_pyramid_finds_a_view_by_its_mark_too():
    with Configurator() as made:
        made.add_view(lambda _: Response("secret"), name="report")
        app = made.make_wsgi_app()
    guarded = WsgiClient(WsgiGuard(app, Issuer().guard(), only=ONLY))
    for where in ("/report", "/@@report"):
        assert WsgiClient(app).get(where).text == "secret"
        assert '"no_token"' in guarded.get(where).text


def test_public_paths_inside():
    admission = make_admission(["/api/health"], only=ONLY)
    assert admission.is_public("/api/health")
    assert not admission.is_public("/api/x")
    assert not admission.lists_as_public("/site")


@pytest.mark.parametrize(
    ("only", "more", "text"),
    [
        ("/api/*", {}, "not one string"),
        ([], {}, "at least one path"),
        (["api"], {}, "does not begin with /"),
        ([1], {}, "does not begin with /"),
        (["/*"], {}, "is the whole application"),
        (["/"], {}, "is the whole application"),
        (["/a*"], {}, "only after the last /"),
        (["/a/*/b"], {}, "only after the last /"),
        (["/a//b"], {}, "more than one way"),
        (["/a%20b"], {}, "more than one way"),
        (["/a"], {"enforce": "declared"}, 'enforce="declared"'),
    ],
)
def test_faults(only, more, text):
    with pytest.raises(SettingsError) as caught:
        make_admission(only=only, **more)
    (fault,) = caught.value.faults
    assert fault.startswith("only: ")
    assert text in fault


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", "a=b")])
    return [b"site"]


def by_wsgi(guard, **settings):
    client = WsgiClient(WsgiGuard(application, guard, only=ONLY, **settings))
    return lambda where, headers: client.get(where, headers=headers).status_code


def by_flask(guard, **settings):
    app = Flask(__name__)
    IiniitGuard(app, guard, only=ONLY, **settings)
    app.add_url_rule("/<path:rest>", "any", lambda rest: "site")
    client = app.test_client()
    return lambda where, headers: client.get(where, headers=headers).status_code


def by_asgi(guard, **settings):
    def site(request):
        return PlainTextResponse("site")

    app = Starlette(routes=[Route("/{rest:path}", site)])
    client = TestClient(AsgiGuard(app, guard, only=ONLY, **settings))
    return lambda where, headers: client.get(where, headers=headers).status_code


def by_django(guard, **settings):
    def call(where, headers):
        with django_project.configured(
            ROOT_URLCONF=(re_path("", lambda request: HttpResponse("site")),),
            IINIIT_GUARD={"guard": guard, "only": ONLY, **settings},
        ):
            return Client().get(where, headers=headers).status_code

    return call


HOSTS = [by_wsgi, by_flask, by_asgi, by_django]


@pytest.mark.parametrize("host", HOSTS)
def test_every_host(guard, issuer, host):
    call = host(guard)
    good = {"Authorization": f"Bearer {issuer.token()}"}
    bad = {"Authorization": "Bearer x.y.z"}

    assert [call(where, {}) for where in ("/site", "/apis/x")] == [200, 200]
    assert call("/site", bad) == 200
    assert [call(where, {}) for where in ("/api/x", "/report", "/API/x")] == [401, 401, 401]
    assert call("/api/x", bad) == 401
    assert call("/api/x", good) == 200
    # The client decodes the path once, so the application receives `/%61pi/x`.
    assert call("/%2561pi/x", {}) == 401


@pytest.mark.parametrize("host", HOSTS)
def test_the_metadata_of_the_resource_is_outside(issuer, host):
    with issuer.guard(resource="https://api.test") as guard:
        assert host(guard)("/.well-known/oauth-protected-resource", {}) == 200


def test_django_decides_again_when_middleware_changes_the_path(guard):
    with django_project.configured(
        ROOT_URLCONF=(path("site", HttpResponse), path("api/x", lambda request: HttpResponse())),
        MIDDLEWARE=[GUARD, REWRITES],
        IINIIT_GUARD={"guard": guard, "only": ONLY},
    ):
        assert Client().get("/site", headers={"X-Path": "/api/x"}).status_code == 401


def test_a_decorated_view_outside_requires_a_token(guard, issuer):
    @require_scope("user:read")
    def view(request):
        return HttpResponse()

    with django_project.configured(
        ROOT_URLCONF=(path("site", view),), IINIIT_GUARD={"guard": guard, "only": ONLY}
    ):
        assert Client().get("/site").status_code == 401
        headers = {"Authorization": f"Bearer {issuer.token()}"}
        assert Client().get("/site", headers=headers).status_code == 200


def test_a_mounted_application_alone(guard, issuer):
    def api(request):
        return PlainTextResponse("api")

    inner = AsgiGuard(Starlette(routes=[Route("/x", api)]), guard)
    client = TestClient(Starlette(routes=[Mount("/api", app=inner), Route("/site", api)]))

    assert client.get("/site").status_code == 200
    assert client.get("/api/x").status_code == 401
    headers = {"Authorization": f"Bearer {issuer.token()}"}
    assert client.get("/api/x", headers=headers).text == "api"
