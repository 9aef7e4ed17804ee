"""What the operations of django-ninja require, found without a request."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import include, path
from django.views.decorators.cache import never_cache

from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.django.checks import check_project
from iiniit_guard.django.url_views import views_of
from iiniit_guard.ninja import operations_of
from tests.contract.hosts import django_project
from tests.contract.hosts.ninja_views import PATTERNS, READ, WRITE, shown

LISTED = {name: operations_of(view) for name, view in views_of(PATTERNS[1].url_patterns, "")}
ONE, TWO = make_policy([READ]), make_policy([WRITE])


@pytest.mark.parametrize(
    ("where", "alternatives", "declared", "opened"),
    [
        ("any", ((make_policy(),),), ("auth",), False),
        ("read", ((ONE,),), ("auth",), False),
        ("read-async", ((ONE,),), ("auth",), False),
        ("open", ((),), (), True),
        ("optional", ((make_policy([READ], anonymous=True),),), ("auth",), True),
        ("key", ((ONE,), ()), ("auth",), False),
        ("two", ((ONE,), (TWO,)), ("auth",), False),
        ("decorated", ((TWO, make_policy()),), ("auth", "decorator"), False),
        ("run", ((TWO, make_policy()),), ("auth", "decorator"), False),
        ("router/inherited", ((TWO,),), ("auth",), False),
        ("router/own", ((ONE,),), ("auth",), False),
    ],
)
def test_the_policies_of_an_operation(where, alternatives, declared, opened):
    (found,) = LISTED[where]
    assert (found.alternatives, found.declared) == (alternatives, declared)
    assert (found.is_open, found.is_public, found.fault) == (opened, False, None)


def test_the_class_itself_is_a_fault():
    (found,) = LISTED["class"]
    assert (found.alternatives, found.is_open) == ((), False)
    assert found.fault == "auth: must be GuardAuth(...), not the class itself"


def test_the_names_in_a_listing():
    assert [each.method for each in LISTED["many"]] == ["POST", "PATCH", "GET"]
    (found,) = LISTED["key"]
    assert found.permissions == (f"GuardAuth({READ!r})", "ApiKey")
    assert found.handler == "tests.contract.hosts.ninja_views.shown"
    assert found.function is shown
    assert LISTED["optional"][0].permissions == (f"GuardAuth({READ!r}, optional=True)",)
    assert LISTED["openapi.json"] == []


def test_a_decorated_callback_is_recognized(guard, issuer):
    """A decorator around the view of django-ninja hides it from neither list nor callbacks."""
    inner = next(view for name, view in views_of(PATTERNS[1].url_patterns, "") if name == "key")
    wrapped = never_cache(inner)
    assert operations_of(wrapped) == operations_of(inner)
    own = {"guard": guard, "enforce": "declared"}
    patterns = (path("", include([path("x", wrapped)])),)
    with django_project.configured(ROOT_URLCONF=patterns, IINIIT_GUARD=own):
        assert Client().get("/x", headers={"X-Key": "good"}).json()["who"] == "good"


@pytest.mark.parametrize(("where", "found"), [("read", True), ("decorated", True), ("open", False)])
def test_a_guarded_operation_without_the_middleware_is_an_error(where, found):
    view = dict(views_of(PATTERNS[1].url_patterns, ""))[where]
    with django_project.configured(ROOT_URLCONF=(path("x", view),), MIDDLEWARE=[]):
        ids = [message.id for message in check_project()]
    assert ids == (["iiniit_guard.E003"] if found else [])
