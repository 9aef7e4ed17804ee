"""The OpenAPI document of drf-spectacular with the sign-in, the scopes and the refusals."""

from __future__ import annotations

import logging
import sys
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.views import SpectacularAPIView
from rest_framework.authentication import BasicAuthentication
from rest_framework.decorators import action, api_view, permission_classes, schema
from rest_framework.permissions import AllowAny, IsAdminUser
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from iiniit_guard import SettingsError
from iiniit_guard.django import require_scope
from iiniit_guard.rest_framework import GuardAuthentication, RequireAnyScope, RequireScope
from iiniit_guard.rest_framework.spectacular import add_guard
from tests.contract.hosts import django_project
from tests.contract.hosts.openapi_documents import scheme_of, security_of

READ, WRITE = "orders:read", "orders:write"
FLOW = {
    "authorizationUrl": "https://issuer.test/authorize",
    "tokenUrl": "https://issuer.test/token",
}
URLS = {
    "OAUTH2_AUTHORIZATION_URL": FLOW["authorizationUrl"],
    "OAUTH2_TOKEN_URL": FLOW["tokenUrl"],
}


class Described(APIView):
    schema: Any = AutoSchema()
    authentication_classes: Any = (GuardAuthentication,)
    permission_classes: Any = ()

    def get(self, request):
        return Response({})


class Own(GuardAuthentication):
    pass


class ByMethod(Described):
    authentication_classes = (Own,)
    permission_classes = (RequireScope,)
    required_scopes = {"GET": READ, "POST": [READ, WRITE]}

    def post(self, request):
        return Response({})


class Either(Described):
    permission_classes = (RequireAnyScope(READ, WRITE),)


class Expression(Described):
    permission_classes = ((RequireScope(READ) & RequireScope("x")) | RequireScope(WRITE),)


class OrAdmin(Described):
    permission_classes = (RequireScope(READ) | IsAdminUser,)


class Refused(Described):
    permission_classes = (RequireScope,)
    required_scopes = {"POST": WRITE}


class OnMethod(Described):
    @require_scope(READ)
    def get(self, request):
        return Response({})


@require_scope(READ)
class OnClass(Described):
    pass


class Open(Described):
    permission_classes = (AllowAny,)


class WithBasic(Described):
    authentication_classes = (GuardAuthentication, BasicAuthentication)
    permission_classes = (RequireScope(READ),)


class OnlyBasic(Described):
    authentication_classes = (BasicAuthentication,)


class Orders(ViewSet):
    schema = AutoSchema()
    authentication_classes = (GuardAuthentication,)
    permission_classes = (RequireScope,)
    required_scopes = {"list": READ, "create": [WRITE]}

    def list(self, request):
        return Response([])

    def create(self, request):
        return Response({})

    @action(detail=True, methods=["post"], permission_classes=[RequireScope("orders:cancel")])
    def cancel(self, request, pk: int):
        return Response({})


@api_view(["GET"])
@schema(AutoSchema())
@permission_classes([RequireScope(READ)])
def function(request):
    return Response({})


function.cls.authentication_classes = (GuardAuthentication,)
router = DefaultRouter(use_regex_path=True)
router.include_root_view = False
router.register("orders", Orders, basename="orders")
VIEWS = (ByMethod, Either, Expression, OrAdmin, Refused, OnMethod, OnClass, Open)
PATTERNS = (
    *(path(view.__name__, view.as_view()) for view in (*VIEWS, WithBasic, OnlyBasic)),
    path("function", function),
    path("schema", SpectacularAPIView.as_view(schema=None, authentication_classes=[])),
    path("", include(router.urls)),
)


class Urls:
    urlpatterns = PATTERNS


@pytest.fixture
def site(guard, monkeypatch):
    """Return a function that configures a site, with settings of drf-spectacular."""

    def configured(spectacular=None, hooks=(add_guard,), **settings):
        own = {"POSTPROCESSING_HOOKS": list(hooks), **(spectacular or {})}
        for name, value in own.items():
            monkeypatch.setattr(spectacular_settings, name, value)
        guarded = {"guard": guard, "public": ["/schema"], **settings}
        return django_project.configured(ROOT_URLCONF=Urls, IINIIT_GUARD=guarded)

    return configured


@pytest.fixture
def document(site):
    def get(spectacular=None, **settings):
        with site(spectacular, **settings):
            answer = Client().get("/schema", headers={"Accept": "application/vnd.oai.openapi+json"})
            return answer.json()

    return get


def test_the_flow_is_that_of_the_issuers_metadata(document, issuer):
    found = document({"OAUTH2_SCOPES": {READ: "See orders"}})
    scheme = scheme_of(found)

    assert (scheme["type"], scheme["flows"].keys()) == ("oauth2", {"authorizationCode"})
    flow = scheme["flows"]["authorizationCode"]
    assert flow.items() >= FLOW.items()
    assert flow["scopes"] == {READ: "See orders", WRITE: "", "x": "", "orders:cancel": ""}
    assert issuer.requests == ["discovery"]
    assert document({"OAUTH2_SCOPES": {READ: "See orders"}}) == found
    assert issuer.requests == ["discovery"]


@pytest.mark.parametrize(
    ("where", "method", "scopes"),
    [
        ("/ByMethod", "get", [[READ]]),
        ("/ByMethod", "post", [[READ, WRITE]]),
        ("/Either", "get", [[READ], [WRITE]]),
        ("/Expression", "get", [[READ, "x"], [WRITE]]),
        ("/OrAdmin", "get", [[READ], []]),
        ("/Refused", "get", [[]]),
        ("/OnMethod", "get", [[READ]]),
        ("/OnClass", "get", [[READ]]),
        ("/Open", "get", [[]]),
        ("/function", "get", [[READ]]),
        ("/orders/", "get", [[READ]]),
        ("/orders/", "post", [[WRITE]]),
        ("/orders/{id}/cancel/", "post", [["orders:cancel"]]),
        ("/WithBasic", "get", [[READ]]),
        ("/OnlyBasic", "get", [[]]),
    ],
)
def test_each_operation_names_its_scopes(document, where, method, scopes):
    assert security_of(document(), where, method) == [{"OAuth2": each} for each in scopes]


def test_what_the_middleware_leaves_to_the_views(document):
    found = document(enforce="declared")

    assert security_of(found, "/ByMethod") == [{"OAuth2": [READ]}]
    assert security_of(found, "/Open") == [{"OAuth2": []}, {}]
    assert security_of(found, "/WithBasic") == [{"OAuth2": [READ]}, {"basicAuth": []}]
    assert security_of(found, "/OnlyBasic") == [{"basicAuth": []}]
    assert "503" not in found["paths"]["/OnlyBasic"]["get"]["responses"]


def test_refusals_are_documented_as_the_guard_sends_them(document, site):
    found = document()
    schema = found["components"]["schemas"]["GuardProblem"]

    for where in ("/ByMethod", "/OnlyBasic", "/function"):
        responses = found["paths"][where]["get"]["responses"]
        for status in ("401", "403", "503"):
            assert responses[status]["content"].keys() == {"application/problem+json"}
    with site():
        refused = Client().get("/ByMethod").json()
    assert set(schema["required"]) <= set(refused) <= set(schema["properties"])


def test_without_network_the_scheme_is_bearer(document, issuer, caplog):
    issuer.fail("connection")
    with caplog.at_level(logging.WARNING, "iiniit_guard"):
        found = document()
        document()
    assert scheme_of(found) == {"type": "http", "scheme": "bearer"}
    assert security_of(found, "/ByMethod") == [{"OAuth2": [READ]}]
    assert len([each for each in caplog.messages if "OpenAPI" in each]) == 1


def test_a_document_that_no_one_requested_needs_no_network(site, issuer):
    with site():
        assert scheme_of(SchemaGenerator().get_schema(public=True)) == {
            "type": "http",
            "scheme": "bearer",
        }
    with site(URLS):
        found = scheme_of(SchemaGenerator().get_schema(public=True))
        assert found["flows"]["authorizationCode"].items() >= FLOW.items()
    assert issuer.requests == []


def test_without_the_hook_the_scopes_are_there(site):
    with site(URLS, hooks=()):
        found = SchemaGenerator().get_schema(public=True)
    assert security_of(found, "/ByMethod") == [{"OAuth2": [READ]}]
    assert scheme_of(found)["type"] == "oauth2"


def test_a_site_that_needs_no_token_keeps_its_document(site):
    with site(enforce="declared"):
        patterns = [path("OnlyBasic", OnlyBasic.as_view())]
        found = SchemaGenerator(patterns=patterns).get_schema(public=True)
    assert found["components"]["securitySchemes"].keys() == {"basicAuth"}


def test_one_url_alone_is_a_fault(site):
    with (
        site({"OAUTH2_TOKEN_URL": FLOW["tokenUrl"]}),
        pytest.raises(SettingsError, match="authorization_url: both URLs are needed"),
    ):
        SchemaGenerator().get_schema(public=True)


def test_the_application_loads_the_extension(site, monkeypatch):
    monkeypatch.delitem(sys.modules, "iiniit_guard.rest_framework.spectacular")
    apps = ["django.contrib.contenttypes", "django.contrib.auth", "iiniit_guard.django"]
    with django_project.configured(INSTALLED_APPS=apps):
        assert "iiniit_guard.rest_framework.spectacular" not in sys.modules
    with django_project.configured(INSTALLED_APPS=[*apps, "rest_framework", "drf_spectacular"]):
        assert "iiniit_guard.rest_framework.spectacular" in sys.modules


def test_the_command_writes_a_valid_document(site, capsys):
    text = StringIO()
    apps = ["django.contrib.contenttypes", "django.contrib.auth", "drf_spectacular"]
    with site(URLS), override_settings(INSTALLED_APPS=apps):
        call_command("spectacular", "--validate", "--format", "openapi-json", stdout=text)
    assert "GuardProblem" in text.getvalue()
    warnings = capsys.readouterr().err
    assert "identical names" not in warnings
    assert "could not resolve authenticator" not in warnings
