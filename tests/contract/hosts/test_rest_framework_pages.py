"""The browsable API of Django REST framework: refusals that people read, and forms that probe."""

from __future__ import annotations

import html
import json

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.test import Client
from django.urls import include, path
from rest_framework.authentication import SessionAuthentication
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer

from iiniit_guard.django import require_scope
from iiniit_guard.rest_framework import GuardAuthentication, RequireScope
from tests.contract.hosts import django_project
from tests.contract.hosts.calling import drive
from tests.contract.hosts.django_site import GUARD

READ, WRITE = "orders:read", "orders:write"
PAGE = {"Accept": "text/html,*/*;q=0.8"}


class OrderSerializer(Serializer):
    name = CharField()


class Orders(GenericAPIView):
    """Secret description of the orders."""

    renderer_classes = (JSONRenderer, BrowsableAPIRenderer)
    authentication_classes = (GuardAuthentication, SessionAuthentication)
    permission_classes = (RequireScope,)
    required_scopes = {"GET": READ, "OPTIONS": READ, "POST": WRITE}
    serializer_class = OrderSerializer
    queryset = ()

    def get(self, request):
        return Response([{"name": "one"}])

    def post(self, request):
        return Response({"name": "two"}, status=201)


class Decorated(Orders):
    permission_classes = (AllowAny,)

    @require_scope(READ)
    def get(self, request):
        return Response([])


PATTERNS = (
    path("orders", Orders.as_view()),
    path("decorated", Decorated.as_view()),
    path("auth/", include("rest_framework.urls")),
)
APPS = [
    *("django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"),
    *("django.contrib.staticfiles", "rest_framework", "iiniit_guard.django"),
]
BROWSABLE = {
    "INSTALLED_APPS": APPS,
    "STATIC_URL": "/static/",
    "ROOT_URLCONF": PATTERNS,
    "MIDDLEWARE": [GUARD],
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
        }
    ],
}


@pytest.fixture
def site(guard):
    """Return a function that configures a site whose middleware leaves the decision to its views.

    Its argument replaces settings of the middleware.
    """

    def configured(**settings):
        own = {"guard": guard, "enforce": "declared", **settings}
        return django_project.configured(**BROWSABLE, IINIIT_GUARD=own)

    return configured


@pytest.fixture
def call(site, issuer):
    def send(where, scope=None, method="GET", lines=None, **settings):
        headers = dict(PAGE if lines is None else lines)
        if scope is not None:
            headers["Authorization"] = f"Bearer {issuer.token(scope)}"
        with site(**settings):
            client = Client(raise_request_exception=False)
            return client.generic(method, where, headers=headers)

    return send


def shown(answer):
    """Return the text of a page."""
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert int(answer.get("Content-Length", len(answer.content))) == len(answer.content)
    return html.unescape(answer.content.decode())


@pytest.mark.parametrize("where", ["/orders", "/decorated"])
@pytest.mark.parametrize(
    ("scope", "status", "reason"), [(None, 401, "no_token"), ("other", 403, "missing_scope")]
)
def test_a_person_reads_the_refusal(call, where, scope, status, reason):
    page, problem = call(where, scope), call(where, scope, lines={"Accept": "application/json"})

    text = shown(page)
    assert page.status_code == problem.status_code == status
    for name, value in problem.json().items():
        assert f'"{name}": {json.dumps(value)}' in text.replace("&quot;", '"')
    assert problem["Content-Type"] == "application/problem+json"
    for name in ("WWW-Authenticate", "Cache-Control"):
        assert page[name] == problem[name]
    assert "<b>WWW-Authenticate:</b>" in text
    assert problem.json()["reason"] == reason
    assert "Secret description" not in text
    assert "iiniit_guard refused" not in text


def test_a_refused_credential_has_its_page(call, issuer, site):
    bad = {**PAGE, "Authorization": "Bearer x.y.z"}
    text = shown(call("/orders", lines=bad))
    assert '"status": 401' in text
    assert "Log in" in text
    opaque = {**PAGE, "Authorization": f"Bearer {issuer.opaque_token()}"}
    issuer.fail("connection")
    answer = call("/orders", lines=opaque)
    assert (answer.status_code, answer["Retry-After"].isdigit()) == (503, True)
    assert "issuer_unavailable" in shown(answer)


def test_a_refused_post_is_one_event(call, events):
    answer = call("/orders", READ, "POST")

    assert answer.status_code == 403
    assert f'scope="{WRITE}"' in answer["WWW-Authenticate"]
    assert [(event.decision, event.reason) for event in events] == [
        ("allow", None),
        ("deny", "missing_scope"),
    ]


def test_the_forms_of_other_methods_refuse_nothing(call, events):
    answer = call("/orders", READ)

    assert answer.status_code == 200
    assert "Secret description" in shown(answer)
    assert 'name="_content"' not in shown(answer)
    assert {event.decision for event in events} == {"allow"}
    assert 'name="_content"' in shown(call("/orders", f"{READ} {WRITE}"))


def test_the_metadata_of_other_methods_refuses_nothing(call, events):
    asked = {"Accept": "application/json"}
    answer = call("/orders", READ, "OPTIONS", lines=asked)

    assert (answer.status_code, "actions" in answer.json()) == (200, False)
    assert {event.decision for event in events} == {"allow"}
    answer = call("/orders", f"{READ} {WRITE}", "OPTIONS", lines=asked)
    assert answer.json()["actions"].keys() == {"POST"}


def test_head_has_no_body(call):
    answer = call("/orders", method="HEAD")
    assert (answer.status_code, answer.content) == (401, b"")


def test_the_middleware_itself_sends_no_page(call):
    answer = call("/orders", enforce="all")
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


def test_a_page_under_asgi(site, bearer):
    with site():
        lines = [*bearer("other"), (b"accept", b"text/html")]
        answer = drive(ASGIHandler(), "GET", "/orders", lines)
        assert (answer.status, answer.header("content-type")) == (403, "text/html; charset=utf-8")
        assert b"missing_scope" in answer.body
        assert drive(ASGIHandler(), "GET", "/orders", bearer(READ)).status == 200


@pytest.mark.parametrize("body", [b"no", b"[1]"])
def test_a_body_without_members_is_sent_as_it_is(call, issuer, body, caplog):
    own = issuer.guard(error_body=lambda *_: ("text/plain", body))
    answer = call("/orders", "other", guard=own)

    assert (answer.status_code, answer.content) == (403, body)
    assert (answer["Content-Type"], answer["Content-Length"]) == ("text/plain", str(len(body)))
    # Django's "Forbidden"; the guard's own record is there if another test lowered the level.
    levels = [record.levelname for record in caplog.records if record.levelname != "INFO"]
    assert levels == ["WARNING"]
