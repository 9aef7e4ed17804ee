"""The permission classes of Django REST framework about actors and authorization details."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from iiniit_guard.rest_framework import (
    ForbidActor,
    RequireActor,
    RequireAuthorizationDetails,
    RequireScope,
)
from iiniit_guard.rest_framework.spectacular import add_guard
from tests.contract.hosts import django_project
from tests.contract.hosts.django_site import GUARD
from tests.contract.hosts.rest_framework_views import READ, Answers
from tests.contract.hosts.test_rest_framework import of_guard


def view(*permissions: Any) -> Any:
    class Demanding(Answers):
        permission_classes = permissions

    return Demanding.as_view()


def described(*permissions: Any) -> Any:
    class Described(Answers):
        schema = AutoSchema()
        permission_classes = permissions
        http_method_names = ["get"]

    return Described.as_view()


PATTERNS = (
    path("delegated", view(RequireActor)),
    path("billing", view(RequireScope(READ), RequireActor("billing", profile="service"))),
    path("direct", view(ForbidActor)),
    path("people", view(ForbidActor("ai_agent"))),
    path("payments", view(RequireAuthorizationDetails("payment"))),
    path("sent", view(RequireAuthorizationDetails("payment", lambda each: "send" in each.actions))),
)


@pytest.fixture
def call(guard, issuer):
    """Return a function that calls a view with a token that has these scopes and claims."""

    def send(where, scope=READ, **claims):
        headers = {"Authorization": f"Bearer {issuer.token(scope, **claims)}"}
        with django_project.configured(
            ROOT_URLCONF=PATTERNS, MIDDLEWARE=[GUARD], IINIIT_GUARD={"guard": guard}
        ):
            return Client(raise_request_exception=False).get(where, headers=headers)

    return send


def test_actors(call):
    billing = {"sub": "billing", "sub_profile": "service"}
    agent = {"sub": "a", "sub_profile": "ai_agent"}
    needed, forbidden = (403, "actor_required"), (403, "actor_forbidden")

    assert call("/delegated", act=agent).status_code == 200
    assert of_guard(call("/delegated")) == needed
    assert call("/billing", act=billing).status_code == 200
    assert of_guard(call("/billing", "other", act=billing)) == (403, "missing_scope")
    assert of_guard(call("/billing", act={"sub": "billing"})) == needed
    assert call("/direct").status_code == call("/people", act=billing).status_code == 200
    assert of_guard(call("/direct", act=billing)) == forbidden
    assert of_guard(call("/people", act=agent)) == forbidden


def test_authorization_details(call):
    missing = (403, "missing_authorization_details")
    status = {"type": "payment", "actions": ["status"]}
    send = {"type": "payment", "actions": ["send"]}

    assert call("/payments", authorization_details=[status]).status_code == 200
    assert of_guard(call("/payments")) == missing
    assert call("/sent", authorization_details=[status, send]).status_code == 200
    assert of_guard(call("/sent", authorization_details=[status])) == missing


def test_drf_spectacular_documents_scopes_and_refusals(guard):
    """OpenAPI has no words for actors and details. The refusal 403 is in the document."""
    patterns = [
        path("delegated", described(RequireActor("billing"), ForbidActor("ai_agent"))),
        path("payments", described(RequireScope(READ), RequireAuthorizationDetails("payment"))),
    ]
    own = {"guard": guard, "enforce": "declared"}
    with django_project.configured(ROOT_URLCONF=PATTERNS, IINIIT_GUARD=own):
        made = SchemaGenerator(patterns=patterns).get_schema(public=True)
        found = add_guard(made, None)
    delegated, payments = (found["paths"][name]["get"] for name in ("/delegated", "/payments"))

    assert delegated["security"] == [{"OAuth2": []}]
    assert payments["security"] == [{"OAuth2": [READ]}]
    assert {"401", "403", "503"} <= delegated["responses"].keys() & payments["responses"].keys()
