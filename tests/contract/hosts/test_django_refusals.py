"""A decorator's refusal reaches the client unchanged, in Django, DRF and django-ninja."""

from __future__ import annotations

import pytest
from django.http import HttpResponse

from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.request import Request
from tests.contract.hosts.django_layouts import PLACES, SECRET, Urls, secret_403, secret_of_drf
from tests.contract.hosts.django_site import GUARD, Site

LAYOUTS = "tests.contract.hosts.django_layouts"
EXCEPTIONS = f"{LAYOUTS}.AnswersExceptions"
ERRORS = f"{LAYOUTS}.AnswersErrors"

PLAIN = Urls()
CATCHING = Urls(handler=lambda: HttpResponse(SECRET), handler403=secret_403)
AROUND = {
    "nothing": {"MIDDLEWARE": [GUARD], "ROOT_URLCONF": PLAIN},
    "process_exception above": {"MIDDLEWARE": [EXCEPTIONS, GUARD], "ROOT_URLCONF": PLAIN},
    "process_exception below": {"MIDDLEWARE": [GUARD, EXCEPTIONS], "ROOT_URLCONF": PLAIN},
    "errors are answered below": {"MIDDLEWARE": [GUARD, ERRORS], "ROOT_URLCONF": PLAIN},
    "handlers": {"MIDDLEWARE": [GUARD], "ROOT_URLCONF": CATCHING},
    "everything": {"MIDDLEWARE": [EXCEPTIONS, GUARD, EXCEPTIONS, ERRORS], "ROOT_URLCONF": CATCHING},
}
DRF_PLAIN = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
}
DRF_CATCHING = {**DRF_PLAIN, "EXCEPTION_HANDLER": f"{LAYOUTS}.{secret_of_drf.__name__}"}


def make_site(asynchronous, around, settings):
    catching = around["ROOT_URLCONF"] is CATCHING
    return Site(
        asynchronous,
        [],
        **around,
        REST_FRAMEWORK=DRF_CATCHING if catching else DRF_PLAIN,
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        IINIIT_GUARD=settings,
    )


def plain_refusal(guard, lines):
    """Return the refusal, made without a framework."""
    return guard.authenticate(Request("GET", "/x", headers=lines), make_policy(["user:read"]))


def assert_is_refusal(answer, refusal):
    assert (answer.status, answer.body) == (refusal.status, refusal.body)
    for name, value in refusal.headers:
        assert answer.header(name.lower()) == value
    own = {name.lower() for name, _ in refusal.headers}
    added = [name for name, _ in answer.headers if name not in own]
    assert set(added) <= {"vary", "allow", "x-from"}  # what DRF and the exception handlers add


@pytest.mark.parametrize("asynchronous", [False, True], ids=["WSGI", "ASGI"])
@pytest.mark.parametrize("around", AROUND)
def test_every_layout_answers_the_refusal(guard, bearer, asynchronous, around):
    opened = {"guard": guard, "public": [f"/{place}" for place in PLACES]}
    for settings, lines in (
        (guard, bearer("other")),
        (opened, []),
        (opened, bearer(expires_in=-60)),
    ):
        project = make_site(asynchronous, AROUND[around], settings)
        refusal = plain_refusal(guard, lines)
        for place in PLACES:
            assert_is_refusal(project.answer(f"/{place}", lines), refusal)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["WSGI", "ASGI"])
@pytest.mark.parametrize("around", AROUND)
def test_every_layout_lets_a_good_token_through(guard, bearer, asynchronous, around):
    project = make_site(asynchronous, AROUND[around], guard)
    for place in PLACES:
        status, body = project(f"/{place}", bearer())
        assert (status, SECRET in body) == (200, True), place


def test_an_error_behind_a_refusal_is_one_for_the_client_too(guard, bearer):
    for asynchronous in (False, True):
        project = make_site(asynchronous, AROUND["nothing"], guard)
        assert_is_refusal(
            project.answer("/helper-error", bearer("other")), plain_refusal(guard, bearer("other"))
        )
