"""django-ninja: a decorator of the guard above the route decorator guards nothing."""

from __future__ import annotations

import asyncio
import sys

import pytest
from django.test import AsyncClient, Client
from django.urls import include, path
from ninja import NinjaAPI, Router

from iiniit_guard.django import public, require_scope
from iiniit_guard.django.checks import check_project
from iiniit_guard.errors import UsageError
from iiniit_guard.ninja import GuardAuth
from tests.contract.hosts import django_project
from tests.contract.hosts.ninja_views import PATTERNS

NAME = f"{__name__}.misordered.<locals>.cancel"


def misordered():
    router = Router()

    @require_scope("orders:cancel")
    @router.post("/cancel")
    def cancel(request):
        raise AssertionError

    api = NinjaAPI(urls_namespace="misordered", auth=GuardAuth())
    api.add_router("/orders", router)
    return (path("", include([path("", api.urls)])), path("x", public(lambda request: None)))


@pytest.fixture(scope="module")
def patterns():
    return misordered()


def test_the_check_names_the_function(guard, patterns):
    with django_project.configured(ROOT_URLCONF=patterns, IINIIT_GUARD=guard):
        (message,) = check_project()
    assert (message.id, NAME in message.msg) == ("iiniit_guard.E005", True)


def test_no_request_passes(guard, issuer, patterns):
    headers = {"Authorization": f"Bearer {issuer.token('other')}"}
    with django_project.configured(ROOT_URLCONF=patterns, IINIIT_GUARD=guard):
        client = Client(headers=headers)
        for _ in range(2):
            with pytest.raises(UsageError, match="above the route decorator"):
                client.post("/orders/cancel")
        with pytest.raises(UsageError, match="above the route decorator"):
            asyncio.run(AsyncClient(headers=headers).post("/orders/cancel"))


def test_the_usual_order_is_no_fault(guard):
    with django_project.configured(ROOT_URLCONF=PATTERNS, IINIIT_GUARD=guard):
        assert [each.id for each in check_project()] == []


def test_a_project_without_django_ninja_is_not_searched(guard, patterns, monkeypatch):
    monkeypatch.delitem(sys.modules, "ninja")
    with django_project.configured(ROOT_URLCONF=patterns, IINIIT_GUARD=guard):
        assert [each.id for each in check_project()] == []
