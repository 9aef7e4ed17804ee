"""The order of checks in Django REST framework, and the exception handlers of a project."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import path
from rest_framework.exceptions import APIException
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.versioning import QueryParameterVersioning

from iiniit_guard.rest_framework import RequireScope
from tests.contract.hosts import django_project
from tests.contract.hosts.rest_framework_views import READ, Answers


class Strict(Answers):
    permission_classes: Any = (RequireScope(READ),)
    versioning_class = QueryParameterVersioning

    def post(self, request):
        return Response(request.data, status=201)

    def put(self, request):
        raise APIException("ours")


class Lazy(Strict):
    """A view that reads the user only when a permission does."""

    def perform_authentication(self, request):
        pass


class Empty(Strict):
    permission_classes = ()


PATTERNS = (
    path("strict", Strict.as_view()),
    path("lazy", Lazy.as_view()),
    path("empty", Empty.as_view()),
    path("any", Empty.as_view(permission_classes=[AllowAny])),
)


@pytest.fixture(params=["all", "declared"])
def call(request, guard, issuer):
    def send(where, scope=None, method="POST", body=b"{", **headers):
        if scope is not None:
            headers["Authorization"] = f"Bearer {issuer.token(scope)}"
        own = {"guard": guard, "enforce": request.param}
        with django_project.configured(ROOT_URLCONF=PATTERNS, IINIIT_GUARD=own):
            client = Client(raise_request_exception=False)
            return client.generic(method, where, body, "application/json", headers=headers)

    return send


def reason(answer):
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, json.loads(answer.content)["reason"]


@pytest.mark.parametrize("where", ["/strict", "/lazy"])
def test_a_body_is_not_parsed_before_the_token(call, where):
    assert reason(call(where)) == (401, "no_token")
    assert reason(call(where, "other")) == (403, "missing_scope")
    assert call(where, READ).status_code == 400
    assert call(where, READ, body=b"{}").status_code == 201
    assert call(where, READ, "DELETE").status_code == 405
    assert reason(call(where, "other", "DELETE")) == (403, "missing_scope")


@pytest.mark.parametrize("where", ["/empty", "/any"])
def test_a_view_without_permissions_refuses_an_invalid_token(call, where):
    assert reason(call(where, Authorization="Bearer x.y.z"))[0] == 401
    assert call(where, "other", body=b"{}").status_code == 201


def test_a_version_or_media_type_that_is_unknown_runs_nothing(call, monkeypatch):
    monkeypatch.setattr(QueryParameterVersioning, "allowed_versions", ["1"])
    assert call("/strict?version=2", READ).status_code == 404
    assert call("/strict", READ, Accept="image/png").status_code == 406
    assert call("/strict?version=2").status_code in (401, 404)


def test_no_exception_handler_changes_a_refusal(call, monkeypatch):
    seen = []

    def handler(error, context):
        seen.append(error)
        return Response({"is": "ours"}, headers={"X-Ours": "1"})

    monkeypatch.setattr(api_settings, "EXCEPTION_HANDLER", handler)
    assert reason(call("/strict", "other")) == (403, "missing_scope")
    assert reason(call("/strict")) == (401, "no_token")
    assert reason(call("/any", Authorization="Bearer x.y.z"))[0] == 401
    assert call("/strict", READ, "PUT").json() == {"is": "ours"}
    assert not any("eyJ" in repr(error) or "x.y.z" in repr(error) for error in seen)
