"""django-ninja: `GuardAuth` on operations, routers and APIs, synchronous and asynchronous."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.test import AsyncClient, Client, RequestFactory

from iiniit_guard import Principal, UsageError
from iiniit_guard.ninja import GuardAuth, NoToken
from tests.contract.hosts import django_project
from tests.contract.hosts.calling import drive
from tests.contract.hosts.django_site import GUARD
from tests.contract.hosts.ninja_views import PATTERNS, READ, WRITE


@pytest.fixture
def call(guard, issuer):
    def send(where, scope=None, method="GET", lines=None, **settings):
        headers = dict(lines or {})
        if scope is not None:
            headers["Authorization"] = f"Bearer {issuer.token(scope, subject='ada')}"
        own = {"guard": guard, **settings}
        with django_project.configured(
            ROOT_URLCONF=PATTERNS,
            MIDDLEWARE=[GUARD, "django.middleware.csrf.CsrfViewMiddleware"],
            IINIIT_GUARD=own,
        ):
            client = Client(raise_request_exception=False, enforce_csrf_checks=True)
            return client.generic(method, where, headers=headers)

    return send


def of_guard(answer):
    """Return status and reason of a refusal, which must be the guard's own in every field."""
    body = json.loads(answer.content)
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Cache-Control"] == "no-store"
    if answer.status_code in (401, 403):
        assert answer["WWW-Authenticate"].startswith("Bearer ")
    return answer.status_code, body["reason"]


ADA = {"auth": "AccessToken", "who": "ada", "token": "ada", "admitted": True}
DECLARED: dict[str, Any] = {"enforce": "declared"}


@pytest.mark.parametrize("where", ["/read", "/read-async", "/key", "/key-async", "/key-first"])
@pytest.mark.parametrize("settings", [{}, DECLARED], ids=["all", "declared"])
def test_a_scope_is_required(call, issuer, where, settings):
    assert call(where, READ, **settings).json() == ADA
    assert of_guard(call(where, "other", **settings)) == (403, "missing_scope")
    assert of_guard(call(where, **settings)) == (401, "no_token")
    expired = {"Authorization": f"Bearer {issuer.token(READ, expires_in=-100)}"}
    assert of_guard(call(where, lines=expired, **settings)) == (401, "expired")


def test_the_same_bytes_as_everywhere(call):
    ours, decorated = call("/router/inherited", "other"), call("/decorated", "other")
    assert ours.content.replace(b"/router/inherited", b"") == decorated.content.replace(
        b"/decorated", b""
    )
    assert ours["WWW-Authenticate"] == decorated["WWW-Authenticate"]
    assert f'scope="{WRITE}"' in ours["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("where", "scope", "status"),
    [
        ("/any", "other", 200),
        ("/both", f"{READ} {WRITE}", 200),
        ("/both", READ, 403),
        ("/either", READ, 200),
        ("/either", WRITE, 200),
        ("/either", "other", 403),
        ("/strong", READ, 401),
        ("/decorated", WRITE, 200),
        ("/decorated", READ, 403),
        ("/run", WRITE, 200),
        ("/run", READ, 403),
        ("/router/inherited", WRITE, 200),
        ("/router/inherited", READ, 403),
        ("/router/own", READ, 200),
        ("/two", READ, 200),
        ("/two", WRITE, 200),
        ("/two", "other", 403),
        ("/many", "other", 403),
    ],
)
def test_scopes(call, where, scope, status):
    answer = call(where, scope)
    assert answer.status_code == status
    if status != 200:
        assert of_guard(answer)[0] == status


def test_a_view_of_django_may_call_it(call):
    assert call("/plain", READ).content == b"ada"
    assert of_guard(call("/plain", "other")) == (403, "missing_scope")
    assert of_guard(call("/plain", **DECLARED)) == (401, "no_token")


def test_scopes_by_method(call):
    assert call("/many", READ).status_code == 200
    assert of_guard(call("/many", READ, "PATCH")) == (403, "missing_scope")
    assert call("/many", WRITE, "POST").status_code == 200
    assert call("/many", WRITE, "DELETE").status_code == 405


@pytest.mark.parametrize("where", ["/optional", "/optional-async"])
def test_an_optional_token(call, where):
    for settings in (DECLARED, {"optional_token": True}, {"public": [where]}):
        assert call(where, **settings).json() == {
            "auth": "NoToken",
            "who": None,
            "token": None,
            "admitted": False,
        }
        assert call(where, READ, **settings).json() == ADA
        assert of_guard(call(where, "other", **settings)) == (403, "missing_scope")
        bad = {"Authorization": "Bearer x.y.z"}
        assert of_guard(call(where, lines=bad, **settings))[0] == 401
    assert of_guard(call(where)) == (401, "no_token")


@pytest.mark.parametrize("where", ["/key", "/key-async", "/key-first"])
def test_another_callback_suffices(call, where):
    key = {"X-Key": "good"}
    assert call(where, lines=key, **DECLARED).json()["who"] == "good"
    assert call(where, "other", lines=key, **DECLARED).json()["who"] == "good"
    assert of_guard(call(where, lines={"X-Key": "bad"}, **DECLARED)) == (401, "no_token")


def test_another_callback_admits_no_invalid_token(call):
    lines = {"X-Key": "good", "Authorization": "Bearer x.y.z"}
    assert of_guard(call("/key", lines=lines, **DECLARED))[0] == 401


def test_without_a_record_django_ninja_refuses(call):
    answer = call("/forgotten", **DECLARED)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})


def test_an_answer_of_the_operation_stays(call):
    answer = call("/unauthorized", lines={"X-Key": "good"}, **DECLARED)
    assert (answer.status_code, answer.content) == (401, b"")
    answer = call("/unauthorized", READ, **DECLARED)
    assert (answer.status_code, answer.content) == (401, b"")


def test_a_session_beside_the_token(call):
    assert call("/session", READ, "POST").status_code == 200
    # The session's own check comes first: a form of another site must not use it.
    assert call("/session", None, "POST", **DECLARED).status_code == 403


def test_another_credential(issuer, call):
    def by_key(value, request):
        return Principal("Key", subject="robot", scopes=frozenset({READ}))

    with issuer.guard(alternatives={"Key": by_key}) as guard:
        answer = call("/read", lines={"Authorization": "Key x"}, guard=guard)
    assert answer.json() == {"auth": "Principal", "who": "robot", "token": None, "admitted": True}


def test_no_exception_handler_changes_a_refusal(call):
    assert of_guard(call("/handled/read", "other")) == (403, "missing_scope")
    assert of_guard(call("/handled/read", **DECLARED)) == (401, "no_token")


def test_an_outage_is_no_refusal(call, issuer):
    opaque = {"Authorization": f"Bearer {issuer.opaque_token()}"}
    issuer.fail("connection")
    for where in ("/key", "/read-async"):
        answer = call(where, lines=opaque, **DECLARED)
        assert of_guard(answer) == (503, "issuer_unavailable")


def test_an_operation_without_authentication(call):
    assert of_guard(call("/open")) == (401, "no_token")
    assert call("/open", **DECLARED).status_code == 200


@pytest.mark.parametrize("where", ["/read", "/read-async"])
def test_under_asgi(guard, bearer, where):
    with django_project.configured(ROOT_URLCONF=PATTERNS, IINIIT_GUARD=guard):
        assert drive(ASGIHandler(), "GET", where, bearer(READ)).status == 200
        answer = drive(ASGIHandler(), "GET", where, bearer("other"))
        assert (answer.status, answer.json["reason"]) == (403, "missing_scope")
    own = {"guard": guard, **DECLARED}
    with django_project.configured(ROOT_URLCONF=PATTERNS, IINIIT_GUARD=own):
        assert drive(ASGIHandler(), "GET", where, bearer(READ)).status == 200
        answer = drive(ASGIHandler(), "GET", where, ())
        assert (answer.status, answer.json["reason"]) == (401, "no_token")


def test_a_client_of_tests_that_is_asynchronous(guard, bearer):
    async def get():
        return await AsyncClient().get("/read-async", headers={"authorization": token})

    token = bearer(READ)[0][1].decode()
    with django_project.configured(ROOT_URLCONF=PATTERNS, IINIIT_GUARD=guard):
        assert asyncio.run(get()).json()["who"] == "user-1"


@pytest.mark.parametrize("where", ["/read", "/read-async"])
def test_without_the_middleware(where):
    with (
        django_project.configured(ROOT_URLCONF=PATTERNS, MIDDLEWARE=[]),
        pytest.raises(UsageError, match="without the guard's middleware"),
    ):
        Client().get(where)


def test_the_class_in_place_of_an_object(call, caplog):
    assert call("/class", READ).status_code == 500
    assert "auth: must be GuardAuth(...), not the class itself" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"match": "some"}, "match"),
        ({"match": "any"}, "at least one scope"),
        ({"optional": "false"}, "optional"),
        ({"max_age": -1}, "max_age"),
    ],
)
def test_faulty_arguments(arguments, text):
    with pytest.raises(UsageError, match=text):
        GuardAuth(**arguments)
    with pytest.raises(UsageError, match="two words"):
        GuardAuth("two words")


def test_the_method_of_bearer_classes_is_not_used():
    with pytest.raises(UsageError, match="call the object itself"):
        GuardAuth().authenticate(RequestFactory().get("/"), "x")


def test_no_token_is_true_once():
    none = NoToken()
    assert [bool(none), bool(none), repr(none)] == [True, False, "NoToken()"]
