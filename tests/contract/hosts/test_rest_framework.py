"""Django REST framework: authentication, permissions and decorators, with its default settings."""

from __future__ import annotations

import json

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.test import Client
from django.urls import path
from rest_framework.test import APIRequestFactory

from iiniit_guard import AccessToken, Principal, UsageError
from iiniit_guard.django import public
from iiniit_guard.django.checks import check_project
from iiniit_guard.rest_framework import RequireScope, TokenUser
from tests.contract.hosts import django_project
from tests.contract.hosts.calling import drive
from tests.contract.hosts.django_site import GUARD
from tests.contract.hosts.rest_framework_views import (
    PATTERNS,
    READ,
    VAIN,
    WRITE,
    Answers,
    Plain,
    Public,
)


@pytest.fixture
def call(guard, issuer):
    """Return a function that calls a project; a token is a scope or the subject of a token."""

    def send(where, scope=None, method="GET", used=guard, lines=None, subject="ada", **settings):
        headers = dict(lines or {})
        if scope is not None:
            headers["Authorization"] = f"Bearer {issuer.token(scope, subject=subject)}"
        with django_project.configured(
            ROOT_URLCONF=PATTERNS,
            MIDDLEWARE=[GUARD, "django.middleware.csrf.CsrfViewMiddleware"],
            IINIIT_GUARD={"guard": used, **settings},
        ):
            client = Client(enforce_csrf_checks=True, raise_request_exception=False)
            return client.generic(method, where, headers=headers)

    return send


def content(answer):
    return answer.status_code, answer.json()


def of_guard(answer):
    """Return status and reason of a refusal, which must be the guard's own in every field."""
    body = json.loads(answer.content)
    assert answer["Content-Type"] == "application/problem+json"
    assert int(answer["Content-Length"]) == len(answer.content)
    if answer.status_code in (401, 403):
        assert answer["WWW-Authenticate"].startswith("Bearer ")
    return answer.status_code, body["reason"]


def test_the_user_and_the_token(call):
    assert content(call("/Answers", READ)) == (200, {"user": "ada", "auth": "AccessToken"})
    assert content(call("/Answers", READ, "POST")) == (201, {"user": "ada"})
    assert of_guard(call("/Answers")) == (401, "no_token")


def test_a_user_of_the_application(call):
    assert content(call("/Own", READ))[1]["user"] == "own ada"
    for subject in ("nobody", "left"):
        assert of_guard(call("/Own", READ, subject=subject)) == (401, "refused_by_validator")


def test_another_credential_is_a_user_too(call, issuer):
    def by_key(value, request):
        return Principal("Key", subject="robot", scopes=frozenset({READ}))

    with issuer.guard(alternatives={"Key": by_key}) as guard:
        key = {"Authorization": "Key x"}
        answer = call("/Fixed", used=guard, lines=key)
    assert content(answer) == (200, {"user": "robot", "auth": "Principal"})


SCOPED = ["Fixed", "Listed", "OneWord", "ByMethod", "OnMethod", "OnClass", "ByMethodDecorator"]


@pytest.mark.parametrize("where", [*SCOPED, "Generic", "below", "above", "classes", "orders/"])
def test_a_scope_is_required(call, where):
    assert call(f"/{where}", READ).status_code == 200
    assert of_guard(call(f"/{where}", "other")) == (403, "missing_scope")
    assert of_guard(call(f"/{where}")) == (401, "no_token")


@pytest.mark.parametrize("where", [*SCOPED, "below", "above", "classes"])
def test_without_a_decision_of_the_middleware(call, issuer, where):
    settings = {"enforce": "declared"}
    assert call(f"/{where}", READ, **settings).status_code == 200
    assert of_guard(call(f"/{where}", "other", **settings)) == (403, "missing_scope")
    assert of_guard(call(f"/{where}", **settings)) == (401, "no_token")
    expired = {"Authorization": f"Bearer {issuer.token(READ, expires_in=-100)}"}
    assert of_guard(call(f"/{where}", lines=expired, **settings)) == (401, "expired")


def test_the_same_bytes_as_everywhere(call):
    """The refusal of a permission has the header fields and the body of a decorator's refusal."""
    ours, decorated = call("/Fixed", "other"), call("/OnClass", "other")
    assert ours.content.replace(b"/Fixed", b"") == decorated.content.replace(b"/OnClass", b"")
    assert ours["WWW-Authenticate"] == decorated["WWW-Authenticate"]
    assert f'scope="{READ}"' in ours["WWW-Authenticate"]
    assert call("/Answers", enforce="declared").content == call("/Answers").content


def test_an_invalid_token_is_refused_even_where_none_is_required(call, issuer):
    settings = {"enforce": "declared"}
    bad = {"Authorization": "Bearer x.y.z"}
    assert content(call("/Open", **settings))[1]["auth"] == "NoneType"
    assert content(call("/Open", READ, **settings))[1]["auth"] == "AccessToken"
    assert of_guard(call("/Open", lines=bad, **settings))[0] == 401
    opaque = {"Authorization": f"Bearer {issuer.opaque_token()}"}
    issuer.fail("connection")
    assert of_guard(call("/Open", lines=opaque, **settings)) == (503, "issuer_unavailable")


def test_where_credentials_are_not_checked(call):
    bad = {"Authorization": "Bearer x.y.z"}
    assert content(call("/Public", lines=bad))[1]["auth"] == "NoneType"
    assert content(call("/Open", lines=bad, public=["/Open"]))[1]["auth"] == "NoneType"
    assert of_guard(call("/Answers", public=["/Answers"])) == (401, "no_token")
    assert of_guard(call("/PublicWithScope")) == (401, "no_token")
    assert of_guard(call("/PublicWithScope", "other")) == (403, "missing_scope")
    assert call("/PublicWithScope", READ).status_code == 200


def test_another_authentication_class(call):
    basic = {"Authorization": "Basic YWRhOng="}
    assert content(call("/WithBasic", lines=basic, enforce="declared"))[1]["user"] == "ada"
    assert content(call("/WithBasic", READ, enforce="declared"))[1]["user"] == "ada"
    assert of_guard(call("/WithBasic", enforce="declared")) == (401, "no_token")
    assert call("/Later", enforce="declared")["WWW-Authenticate"] == "Other"


def test_an_exception_of_the_view_keeps_its_response(call):
    answer = call("/Raising", READ)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


def test_one_of_several_scopes(call):
    assert {call("/Either", scope).status_code for scope in (READ, WRITE)} == {200}
    assert of_guard(call("/Either", "other")) == (403, "missing_scope")


def test_a_stronger_authentication(call):
    assert of_guard(call("/Strong", READ)) == (401, "insufficient_authentication")


def test_any_token(call):
    assert call("/AnyToken", "other", enforce="declared").status_code == 200
    assert of_guard(call("/AnyToken", enforce="declared")) == (401, "no_token")
    assert of_guard(call("/AnyStrong", READ)) == (401, "insufficient_authentication")


def test_scopes_by_method(call):
    assert call("/ByMethod", f"{READ} {WRITE}", "POST").status_code == 201
    assert of_guard(call("/ByMethod", READ, "POST")) == (403, "missing_scope")
    assert call("/ByMethod", f"{READ} {WRITE}", "DELETE").json()["reason"] == "no_rule"
    assert call("/ByMethod", READ, "HEAD").status_code == 200
    assert call("/ByMethod", "other", "HEAD").status_code == 403
    assert call("/ByMethod", READ, "OPTIONS").json()["reason"] == "no_rule"


def test_scopes_by_action(call):
    assert content(call("/orders/", READ)) == (200, [{"id": "ada"}])
    assert call("/orders/", WRITE, "POST").status_code == 201
    assert of_guard(call("/orders/", READ, "POST")) == (403, "missing_scope")
    assert call("/orders/7/cancel/", "orders:cancel", "POST").status_code == 200
    assert of_guard(call("/orders/7/cancel/", WRITE, "POST")) == (403, "missing_scope")
    assert call("/orders/7/", f"{READ} {WRITE}", "DELETE").json()["reason"] == "no_rule"
    assert content(call("/orders/count/", "orders:count")) == (200, 7)
    assert of_guard(call("/orders/count/", READ)) == (403, "missing_scope")


def test_decorated_actions_with_default_classes(call):
    assert call("/plain/", READ).status_code == call("/plain/last/", WRITE).status_code == 200
    assert of_guard(call("/plain/last/", READ)) == (403, "missing_scope")


def test_a_permission_for_an_object(call):
    assert call("/OwnerOnly?owner=ada", READ).status_code == 200
    assert of_guard(call("/OwnerOnly?owner=ada", "other")) == (403, "missing_scope")
    assert call("/OwnerOnly?owner=eve", READ).json().keys() == {"detail"}


def test_a_view_without_scopes_answers_nobody(call, caplog):
    assert call("/Nothing", READ).status_code == 500
    assert "required_scopes: Nothing must have a list of scopes" in caplog.text


def test_faulty_arguments():
    with pytest.raises(UsageError, match="at least one scope"):
        RequireScope(acr_values=["gold"])
    with pytest.raises(UsageError):
        RequireScope("two words")


def test_without_the_middleware():
    view = Answers.as_view()
    with pytest.raises(UsageError, match="without the guard's middleware"):
        view(APIRequestFactory().get("/Answers"))


def test_under_asgi(guard, bearer):
    with django_project.configured(ROOT_URLCONF=PATTERNS, IINIIT_GUARD=guard):
        for where in ("/Fixed", "/below", "/orders/"):
            assert drive(ASGIHandler(), "GET", where, bearer(READ)).status == 200
            answer = drive(ASGIHandler(), "GET", where, bearer("other"))
            assert (answer.status, json.loads(answer.body)["reason"]) == (403, "missing_scope")


def test_the_user_of_a_token():
    user = TokenUser(AccessToken("https://one.test", "ada"))
    other = TokenUser(AccessToken("https://two.test", "ada"))

    assert (user.get_username(), user.pk, user.id) == ("ada", "https://one.test ada", user.pk)
    assert user == TokenUser(AccessToken("https://one.test", "ada")) != other
    assert len({user, other}) == 2
    assert not any([user.has_perm("x"), user.has_perms(["x"]), user.has_module_perms("x")])
    assert (str(user), repr(user)) == ("ada", "TokenUser()")
    assert TokenUser(AccessToken("https://one.test", None, "service")).username == "service"
    assert TokenUser(Principal("Key")).pk == "Key "


@pytest.mark.parametrize(
    ("view", "found"),
    [
        *((view, ["iiniit_guard.W006"]) for view in VAIN),
        (Public.as_view(), []),
        (public(VAIN[1]), []),
    ],
)
def test_public_on_a_method_is_warned_about(guard, view, found):
    with django_project.configured(ROOT_URLCONF=(path("x", view),), IINIIT_GUARD=guard):
        assert [message.id for message in check_project()] == found
        if found:
            assert Client().get("/x").status_code == 401


def test_a_decorated_action_without_the_middleware_is_an_error():
    patterns = (path("x", Plain.as_view({"get": "last"})),)
    with django_project.configured(ROOT_URLCONF=patterns, MIDDLEWARE=[]):
        assert [message.id for message in check_project()] == ["iiniit_guard.E003"]
