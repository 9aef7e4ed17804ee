"""`settings.IINIIT_GUARD` and the system checks: faults are reported when the project starts."""

from __future__ import annotations

import logging

import pytest
from django.apps import AppConfig, apps
from django.core.checks import Tags, registry
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import View

from iiniit_guard import Guard
from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.django import GuardMiddleware, public, require_scope
from iiniit_guard.django.apps import _GuardConfig
from iiniit_guard.django.checks import check_project
from iiniit_guard.django.settings import load, parse
from iiniit_guard.errors import SettingsError
from tests.contract.hosts import django_project

GUARD = "iiniit_guard.django.GuardMiddleware"
ISSUER = {"issuer": "https://auth.example", "audience": "https://api.example"}


def handler(request):
    return HttpResponse()


def test_a_guard_is_taken_as_it_is(guard):
    taken, admission = parse(guard)

    assert taken is guard
    assert (admission.public, admission.enforce) == (frozenset(), "all")
    assert parse({"guard": guard, "public": ["/healthz"]})[0] is guard


def test_a_dict_makes_both():
    made, admission = parse(
        {
            **ISSUER,
            "public": ["/healthz", "/static/*"],
            "preflights": "guard",
            "optional_token": True,
        }
    )

    assert repr(made) == "Guard(https://auth.example)"
    assert admission == make_admission(
        ["/healthz", "/static/*"], preflights="guard", optional_token=True
    )


@pytest.mark.parametrize(
    ("configured", "faults"),
    [
        (None, ["IINIIT_GUARD"]),
        ({}, ["IINIIT_GUARD"]),
        ("https://auth.example", ["IINIIT_GUARD"]),
        ({"issuer": "https://auth.example"}, ["audience"]),
        (
            {**ISSUER, "enforce": "some", "public": "/x", "jwt": "perhaps"},
            ["public", "enforce", "jwt"],
        ),
        ({**ISSUER, "unheard_of": 1}, ["unheard_of"]),
        ({**ISSUER, "guard": None}, ["issuer", "audience", "guard"]),
        ({**ISSUER, "public": ["x"]}, ["public"]),
    ],
    ids=str,
)
def test_every_fault_is_named(configured, faults):
    with pytest.raises(SettingsError) as caught:
        parse(configured)

    assert [fault.partition(":")[0] for fault in caught.value.faults] == faults


def test_the_guard_is_made_once_and_again_for_other_settings():
    with django_project.configured(IINIIT_GUARD=dict(ISSUER)):
        first = load()
        assert load() == first
        assert GuardMiddleware(handler).guard is first[0]
    with django_project.configured(IINIIT_GUARD=dict(ISSUER)):
        assert load()[0] is not first[0]
        assert isinstance(load()[0], Guard)


def test_a_faulty_project_does_not_start():
    with (
        django_project.configured(IINIIT_GUARD={"issuer": "http://auth.example"}),
        pytest.raises(SettingsError) as caught,
    ):
        Client().handler.load_middleware()

    assert {fault.partition(":")[0] for fault in caught.value.faults} == {"issuer", "audience"}


class OurGuard(GuardMiddleware):
    pass


@pytest.mark.parametrize(
    "other", ["corsheaders.middleware.CorsMiddleware", "nowhere.CorsMiddleware"]
)
@pytest.mark.parametrize(
    ("ours", "made"), [(GUARD, GuardMiddleware), (f"{__name__}.OurGuard", OurGuard)]
)
@pytest.mark.parametrize(("inside", "count"), [(True, 1), (False, 0)])
def test_cors_inside_the_guard_is_warned_about(guard, caplog, inside, count, ours, made, other):
    caplog.set_level(logging.WARNING, "iiniit_guard")
    with django_project.configured(
        IINIIT_GUARD=guard, MIDDLEWARE=[ours, other] if inside else [other, ours]
    ):
        made(handler)
        assert [message.id for message in check_project()] == ["iiniit_guard.W001"] * count

    assert ["CORS" in record.getMessage() for record in caplog.records] == [True] * count


# System checks


class Methods(View):
    @method_decorator(require_scope("user:read"))
    def get(self, request):
        raise AssertionError


@require_scope("user:read")
def decorated(request):
    raise AssertionError


@pytest.mark.parametrize(
    ("view", "name"),
    [
        (decorated, "decorated"),
        (public(handler), "handler"),
        (Methods.as_view(), "Methods"),
        (require_scope("a")(Methods.as_view()), "Methods"),
    ],
)
def test_decorated_views_without_the_middleware_are_an_error(view, name):
    patterns = (path("open", handler), path("a/", include([path("x", view)])))
    with django_project.configured(MIDDLEWARE=[], ROOT_URLCONF=patterns):
        (error,) = check_project(app_configs=None, databases=None)

    assert error.id == "iiniit_guard.E003"
    assert f"{__name__}.{name}." in error.hint


def test_a_subclass_of_the_middleware_is_the_middleware(guard):
    with django_project.configured(
        IINIIT_GUARD=guard,
        MIDDLEWARE=[f"{__name__}.OurGuard"],
        ROOT_URLCONF=(path("x", decorated),),
    ):
        assert check_project() == []


def test_a_project_without_guard_is_left_alone():
    with django_project.configured(MIDDLEWARE=[], ROOT_URLCONF=(path("open", handler),)):
        assert check_project() == []


def test_settings_are_checked(guard):
    with django_project.configured(IINIIT_GUARD=None):
        assert [error.id for error in check_project()] == ["iiniit_guard.E001"]
    with django_project.configured(IINIIT_GUARD={"issuer": "http://auth.example"}):
        errors = check_project()
        assert {error.id for error in errors} == {"iiniit_guard.E002"}
        assert [error.msg.startswith("IINIIT_GUARD: ") for error in errors] == [True] * 2
    with django_project.configured(IINIIT_GUARD=guard):
        assert check_project() == []


def test_the_application_brings_the_checks(monkeypatch):
    fresh = registry.CheckRegistry()
    monkeypatch.setattr("django.core.checks.registry.registry", fresh)
    monkeypatch.setattr("iiniit_guard.django.apps.register", fresh.register)

    config = AppConfig.create("iiniit_guard.django")
    config.ready()

    assert isinstance(config, _GuardConfig)
    assert config.label == "iiniit_guard"
    assert list(fresh.get_checks()) == [check_project]
    assert list(fresh.get_checks()) == [
        check for check in fresh.get_checks() if Tags.security in check.tags
    ]
    assert not apps.is_installed("iiniit_guard.django")
