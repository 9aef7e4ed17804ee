"""Expressions of permissions in Django REST framework: the guard's refusal if it is the cause."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import path
from rest_framework.permissions import AllowAny, BasePermission, IsAdminUser, IsAuthenticated

from iiniit_guard.rest_framework import (
    GuardAuthentication,
    RequireAnyScope,
    RequireScope,
    TokenUser,
)
from tests.contract.hosts import django_project
from tests.contract.hosts.rest_framework_views import READ, WRITE, Answers, Never


class Owner(BasePermission):
    """A permission of the project, for objects."""

    message = "not yours"

    def has_object_permission(self, request, view, obj):
        return obj == request.user.username


class Admins(GuardAuthentication):
    def get_user(self, token):
        user = TokenUser(token)
        object.__setattr__(user, "is_staff", token.subject == "root")
        return user


OTHER = RequireScope("other")
READS, WRITES = RequireScope(READ), RequireScope(WRITE)
REFUSED = {
    "and": IsAuthenticated & READS,
    "and reversed": READS & IsAuthenticated,
    "or": READS | IsAdminUser,
    "or reversed": IsAdminUser | READS,
    "or of two": READS | WRITES,
    "nested": (Never | READS) & RequireAnyScope(READ),
    "and of three": AllowAny & IsAuthenticated & READS,
    "in an or": (IsAuthenticated & READS) | (IsAdminUser & OTHER),
}


def call(guard, token, *permissions, where="/x", method="GET", auth=(Admins,), **settings):
    class View(Answers):
        authentication_classes = auth
        permission_classes = permissions

        def get(self, request):
            self.check_object_permissions(request, request.query_params.get("owner", "ada"))
            return super().get(request)

    own = {"guard": guard, **settings}
    with django_project.configured(ROOT_URLCONF=(path("x", View.as_view()),), IINIIT_GUARD=own):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return Client(raise_request_exception=False).generic(method, where, headers=headers)


def of_guard(answer):
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, json.loads(answer.content)["reason"]


@pytest.mark.parametrize("expression", REFUSED.values(), ids=REFUSED)
def test_the_refusal_is_that_of_the_guard(guard, issuer, events, expression):
    token = issuer.token("none", subject="ada")
    answer = call(guard, token, expression)
    plain = call(guard, token, READS)

    assert of_guard(answer) == (403, "missing_scope")
    assert (answer.content, answer["WWW-Authenticate"]) == (
        plain.content,
        plain["WWW-Authenticate"],
    )
    assert f'scope="{READ}"' in answer["WWW-Authenticate"]
    anonymous = call(guard, None, expression, enforce="declared")
    assert of_guard(anonymous) == (401, "no_token")


@pytest.mark.parametrize("expression", REFUSED.values(), ids=REFUSED)
def test_a_token_with_the_scope_passes(guard, issuer, expression):
    assert call(guard, issuer.token(READ, subject="ada"), expression).status_code == 200


def test_the_other_side_of_an_expression_admits(guard, issuer):
    root = issuer.token("none", subject="root")
    assert call(guard, root, READS | IsAdminUser, where="/x?owner=root").status_code == 200
    assert call(guard, root, WRITES | IsAdminUser, READS | IsAdminUser).status_code == 200


@pytest.mark.parametrize(
    ("permissions", "where"),
    [
        ([READS & IsAdminUser], "/x"),
        ([IsAdminUser & READS], "/x"),
        ([Never], "/x"),
        ([OTHER | AllowAny, Never], "/x"),
        ([~OTHER, Never], "/x"),
        ([~READS], "/x"),
        ([~(OTHER & READS), Never], "/x"),
        ([OTHER | READS, Never], "/x"),
        ([OTHER | AllowAny, Owner], "/x?owner=eve"),
        ([READS & Owner], "/x?owner=eve"),
        ([READS | OTHER, IsAdminUser], "/x"),
    ],
)
def test_another_permission_is_the_cause(guard, issuer, permissions, where):
    answer = call(guard, issuer.token(READ, subject="ada"), *permissions, where=where)
    assert (answer.status_code, answer.json().keys()) == (403, {"detail"})


def test_the_cause_may_come_after_an_expression_that_admits(guard, issuer):
    answer = call(guard, issuer.token(READ), OTHER | AllowAny, WRITES)
    assert of_guard(answer) == (403, "missing_scope")
    assert f'scope="{WRITE}"' in answer["WWW-Authenticate"]


def test_a_refusal_is_one_event(guard, issuer, events):
    token = issuer.token("none", subject="ada")
    assert call(guard, token, OTHER | Owner, where="/x").status_code == 200
    # The object is checked with the same permission again.
    assert [event.reason for event in events] == [None, "missing_scope"]


NOT_DENYING = {"not": ~OTHER, "not and": ~(OTHER & READS), "or": OTHER | AllowAny}


@pytest.mark.parametrize("expression", NOT_DENYING.values(), ids=NOT_DENYING)
def test_no_expression_admits_an_invalid_token(guard, issuer, events, expression):
    def declared(token):
        return call(guard, token, expression, method="POST", auth=(), enforce="declared")

    assert declared(None).status_code == 201
    assert declared(issuer.token("none")).status_code == 201
    events.clear()
    for token, reason in ((issuer.token(READ, expires_in=-100), "expired"), ("x", "inactive")):
        assert of_guard(declared(token)) == (401, reason)
    issuer.fail("connection")
    assert of_guard(declared("y")) == (503, "issuer_unavailable")
    assert [event.reason for event in events] == ["expired", "inactive", "issuer_unavailable"]


def test_a_permission_outside_a_view(guard, issuer, bearer):
    class Calling(Answers):
        permission_classes = (AllowAny,)

        def get(self, request):
            has = RequireScope("other")().has_permission(request, None)
            return super().get(request) if not has else None

    with django_project.configured(
        ROOT_URLCONF=(path("x", Calling.as_view()),), IINIIT_GUARD=guard
    ):
        headers = {"Authorization": bearer(READ)[0][1].decode()}
        assert Client().get("/x", headers=headers).status_code == 200
