"""The test clients send their token, in the client of each framework."""

from __future__ import annotations

import pytest
from django.http import JsonResponse
from django.urls import path
from fastapi import FastAPI
from flask import Flask
from rest_framework.response import Response
from rest_framework.views import APIView
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from iiniit_guard import testing
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.fastapi import install
from iiniit_guard.flask import IiniitGuard
from iiniit_guard.starlette import access_token
from iiniit_guard.testing import Issuer
from tests.contract.hosts import django_project


@pytest.fixture
def issuer():
    return Issuer()


@pytest.fixture
def guard(issuer):
    with issuer.guard() as guard:
        yield guard


@pytest.fixture
def token(issuer):
    return issuer.token("user:read", subject="ada")


@pytest.fixture
def flask_app(guard):
    from iiniit_guard.flask import access_token

    app = Flask(__name__)
    app.add_url_rule("/me", view_func=lambda: {"id": access_token().subject}, endpoint="me")
    IiniitGuard(app, guard)
    return app


async def me(request):
    return JSONResponse({"id": access_token(request).subject})


@pytest.fixture
def starlette_app(guard):
    return GuardMiddleware(Starlette(routes=[Route("/me", me)]), guard)


def django_view(request):
    return JsonResponse({"id": request.access_token.subject})


class View(APIView):
    authentication_classes: list[type] = []

    def get(self, request):
        return Response({"id": request.access_token.subject})


urlpatterns = [path("me", django_view), path("drf", View.as_view())]


def test_flask(flask_app, token):
    assert testing.flask_client(flask_app, token).get("/me").json == {"id": "ada"}
    assert flask_app.test_client().get("/me").status_code == 401


def test_starlette(starlette_app, token):
    assert testing.starlette_client(starlette_app, token).get("/me").json() == {"id": "ada"}


def test_fastapi(guard, token):
    app = FastAPI()

    @app.get("/me")
    async def me():
        return {}

    install(app, guard)

    assert testing.fastapi_client(app, token).get("/me").status_code == 200


def test_django_and_rest_framework(guard, token):
    with django_project.configured(ROOT_URLCONF=__name__, IINIIT_GUARD=guard):
        assert testing.django_client(token).get("/me").json() == {"id": "ada"}
        found = testing.rest_framework_client(token).get("/drf", format="json")
        assert found.json() == {"id": "ada"}


def test_webtest(flask_app, token):
    assert testing.webtest_client(flask_app, token).get("/me").json == {"id": "ada"}


def test_httpx2(flask_app, token):
    with testing.httpx2_client(flask_app, token) as client:
        assert client.get("/me").json() == {"id": "ada"}


@pytest.mark.anyio
async def test_httpx2_async(starlette_app, token):
    async with testing.httpx2_async_client(starlette_app, token) as client:
        assert (await client.get("/me")).json() == {"id": "ada"}


def test_names_are_loaded_on_first_use():
    assert set(testing.__all__) <= set(dir(testing))
    assert all(getattr(testing, name) for name in testing.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Isuer'"):
        testing.Isuer  # noqa: B018
