"""Django's CSRF check: which requests the guard exempts, and that every other check remains."""

from __future__ import annotations

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.test import Client
from django.urls import path
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response
from rest_framework.views import APIView

from iiniit_guard import Principal
from iiniit_guard.django import public, require_scope
from iiniit_guard.django.checks import check_project
from tests.contract.hosts import django_project
from tests.contract.hosts.calling import drive
from tests.contract.hosts.django_site import GUARD, REWRITES

CSRF = "django.middleware.csrf.CsrfViewMiddleware"
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


def done(request):
    return HttpResponse("done")


async def done_async(request):
    return HttpResponse("done")


@require_scope("user:read")
def decorated(request):
    return HttpResponse("done")


@public
def form(request):
    return HttpResponse("done")


@csrf_protect
def protected(request):
    return HttpResponse("done")


def checks_again(request):
    """Apply the check of Django REST framework's session authentication to this request."""
    try:
        SessionAuthentication().enforce_csrf(request)
    except PermissionDenied:
        return HttpResponse("refused by the second check", status=403)
    return HttpResponse("done")


exempt = csrf_exempt(checks_again)


class OfSession(APIView):
    authentication_classes = (SessionAuthentication,)

    def post(self, request):
        return Response("done")


PATTERNS = (
    path("done", done),
    path("async", done_async),
    path("decorated", decorated),
    path("form", form),
    path("protected", protected),
    path("exempt", exempt),
    path("again", checks_again),
    path("session", OfSession.as_view()),
)


class Signed:
    """A user, as middleware of a project makes one from the token."""

    def __init__(self, is_active):
        self.is_active = self.is_authenticated = is_active


def signs_in(get_response):
    """Set `request.user` from the token."""

    def middleware(request):
        has_token = getattr(request, "access_token", None) is not None
        request.user = Signed(has_token)
        return get_response(request)

    return middleware


class SameCheck(CsrfViewMiddleware):
    pass


class OwnCheck(CsrfViewMiddleware):
    def process_view(self, request, view, args, kwargs):
        return super().process_view(request, view, args, kwargs)


def tries_twice(get_response):
    """Send the request to another view, twice."""

    def middleware(request):
        request.path_info = "/decorated"
        get_response(request)
        return get_response(request)

    return middleware


SIGNS_IN = f"{__name__}.signs_in"


@pytest.fixture
def post(guard, issuer):
    """Return a function that sends a request to a project and returns status and content."""

    def send(where, lines=None, method="POST", middleware=(CSRF,), used=guard, **settings):
        if lines is None:
            lines = {"Authorization": f"Bearer {issuer.token('user:read')}"}
        with django_project.configured(
            ROOT_URLCONF=PATTERNS,
            MIDDLEWARE=[GUARD, *middleware],
            IINIIT_GUARD={"guard": used, **settings},
        ):
            client = Client(enforce_csrf_checks=True)
            answer = client.generic(method, where, headers=lines)
        return answer.status_code, answer.content.decode()

    return send


def refused_by_django(answer):
    return answer[0] == 403 and "CSRF verification failed" in answer[1]


@pytest.mark.parametrize("where", ["/done", "/async", "/decorated"])
@pytest.mark.parametrize("method", UNSAFE)
def test_a_verified_bearer_token_needs_no_csrf_token(post, where, method):
    assert post(where, method=method) == (200, "done")


@pytest.mark.parametrize("middleware", [(f"{__name__}.SameCheck",), (REWRITES, CSRF)])
def test_other_middleware_does_not_matter(post, middleware):
    assert post("/done", middleware=middleware) == (200, "done")


@pytest.mark.parametrize("cookie", ["sessionid=x", "theme=dark", ";", " x"])
def test_a_request_with_a_cookie_is_checked(post, issuer, cookie):
    lines = {"Authorization": f"Bearer {issuer.token()}", "Cookie": cookie}
    assert refused_by_django(post("/done", lines))


def test_a_public_view_is_checked(post, issuer):
    assert refused_by_django(post("/form"))
    assert refused_by_django(post("/form", {}))
    assert refused_by_django(post("/done", {}, public=["/done"]))
    assert refused_by_django(post("/done", public=["/done"]))


def test_a_path_that_becomes_a_public_view_is_checked(post, issuer):
    lines = {"Authorization": f"Bearer {issuer.token()}", "X-Path": "/form"}
    assert refused_by_django(post("/done", lines, middleware=(REWRITES, CSRF)))


def test_a_decision_after_the_middleware_exempts_nothing(post, issuer):
    lines = {"Authorization": f"Bearer {issuer.token()}"}
    assert refused_by_django(post("/decorated", lines, enforce="declared"))
    rewritten = {**lines, "X-Path": "/done"}
    assert refused_by_django(post("/form", rewritten, middleware=(REWRITES, CSRF)))
    assert refused_by_django(post("/decorated", rewritten, middleware=(REWRITES, CSRF)))


def test_a_later_decision_exempts_no_second_attempt(post):
    assert refused_by_django(post("/done", middleware=(f"{__name__}.tries_twice", CSRF)))


def test_a_request_without_a_token_is_checked(post):
    assert refused_by_django(post("/done", {}, optional_token=True))


def test_a_token_in_the_query_exempts_nothing(post, issuer):
    with issuer.guard(insecure_query_token=True) as guard:
        answer = post(f"/done?access_token={issuer.token()}", {}, used=guard)
    assert refused_by_django(answer)


def test_a_parameter_that_is_ignored_does_not_matter(post, issuer):
    with issuer.guard(query_token="ignore") as guard:
        assert post("/done?access_token=x", used=guard) == (200, "done")


def test_another_credential_exempts_nothing(post, issuer):
    with issuer.guard(alternatives={"Key": lambda value, request: Principal("Key")}) as guard:
        assert refused_by_django(post("/done", {"Authorization": "Key x"}, used=guard))
        assert post("/done", used=guard) == (200, "done")


def test_an_assertion_exempts_nothing(post, issuer):
    with issuer.guard(profile="assertion", introspection=None) as guard:
        assertion = issuer.token(header={"typ": "iiniit-assertion+jwt"})
        lines = {"X-Iiniit-Assertion": assertion, "Authorization": f"Bearer {issuer.token()}"}
        assert refused_by_django(post("/done", lines, used=guard))


def test_a_token_in_another_field_exempts_nothing(post, issuer):
    with issuer.guard(token_header="X-Forwarded-Authorization") as guard:
        lines = {"X-Forwarded-Authorization": f"Bearer {issuer.token()}"}
        assert refused_by_django(post("/done", lines, used=guard))
        both = {**lines, "Authorization": f"Bearer {issuer.token()}"}
        assert refused_by_django(post("/done", both, used=guard))


@pytest.mark.parametrize("where", ["/protected", "/again", "/exempt"])
def test_every_other_check_of_the_request_remains(post, where):
    assert post(where)[0] == 403


def test_session_authentication_keeps_its_check(post):
    status, content = post("/session", middleware=(SIGNS_IN, CSRF))
    assert (status, "CSRF Failed" in content) == (403, True)


def test_a_check_of_its_own_is_not_skipped(post):
    assert refused_by_django(post("/done", middleware=(f"{__name__}.OwnCheck",)))
    assert post("/again", middleware=(f"{__name__}.OwnCheck",))[0] == 403


def test_without_the_middleware_no_flag_is_left_for_another_check(post):
    assert post("/again", middleware=())[0] == 403


@pytest.mark.parametrize(("cookies", "status"), [([], 200), ([(b"cookie", b"a=b")], 403)])
def test_under_asgi(guard, bearer, cookies, status):
    with django_project.configured(
        ROOT_URLCONF=PATTERNS, MIDDLEWARE=[GUARD, CSRF], IINIIT_GUARD=guard
    ):
        for where in ("/done", "/async"):
            answer = drive(ASGIHandler(), "POST", where, [*bearer(), *cookies])
            assert answer.status == status


@pytest.mark.parametrize(
    ("middleware", "found"), [([CSRF, GUARD], ["iiniit_guard.W002"]), ([GUARD, CSRF], [])]
)
def test_the_check_above_the_guard_is_warned_about(guard, middleware, found):
    with django_project.configured(
        IINIIT_GUARD=guard, MIDDLEWARE=middleware, ROOT_URLCONF=PATTERNS
    ):
        assert [message.id for message in check_project()] == found
