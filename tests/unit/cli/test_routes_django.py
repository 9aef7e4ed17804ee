"""`iiniit-guard routes` for Django, Django REST framework and django-ninja."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings as django_settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.utils.functional import empty

from iiniit_guard.asgi import GuardMiddleware as AsgiMiddleware
from iiniit_guard.cli.routes import find
from iiniit_guard.cli.routes.route import verdicts_of
from iiniit_guard.testing import Issuer
from iiniit_guard.wsgi import GuardMiddleware
from tests.contract.hosts import django_project
from tests.unit.cli.running import APPS, run


@pytest.fixture
def guard():
    with Issuer().guard() as guard:
        yield guard


def states(routes):
    return [
        (",".join(verdict.route.methods), verdict.route.path, verdict.state)
        for route in routes
        for verdict in verdicts_of(route)
    ]


DJANGO = [
    ("", "/orders", "guarded"),
    ("POST", "/planted", "unguarded"),
    ("", "/reports/<year>/", "unguarded"),
    ("", "/health", "public"),
    ("GET", "/profile/<int:number>", "guarded"),
    ("GET", "/drf/", "guarded"),
    ("POST", "/drf/", "unguarded"),
    ("GET", "/user/", "guarded"),
    ("GET", "/either", "guarded"),
    ("GET", "/delegated", "guarded"),
    ("GET", "/one-of", "guarded"),
    ("GET", "/both", "guarded"),
    ("GET", "/naked", "unguarded"),
    ("GET", "/below", "guarded"),
    ("GET", "/refusing", "guarded"),
    ("GET", "/api/orders/", "guarded"),
    ("POST", "/api/orders/", "guarded"),
    ("DELETE", "/api/orders/<pk>/", "refused"),
    ("GET", "/list", "guarded"),
    ("GET", "/ninja/n", "guarded"),
    ("POST", "/ninja/n", "unguarded"),
    ("", "/ninja/", "unguarded"),
]


class TestDjango:
    @pytest.fixture(autouse=True)
    def project(self, guard):
        with django_project.configured(
            ROOT_URLCONF="shop_urls", IINIIT_GUARD={"guard": guard, "enforce": "declared"}
        ):
            yield

    def test_every_view_is_listed_with_its_state(self):
        assert states(find.routes_of("shop_urls")) == DJANGO

    @pytest.mark.parametrize(
        ("path", "policy"),
        [
            ("/either", "a | b | c"),
            ("/delegated", "a and actor!=robot and actor"),
            ("/one-of", "a max_age=300 and c"),
            ("/both", "a"),
            ("/below", "below"),
            ("/drf/", "any token"),
            ("/refusing", "x"),
            ("/ninja/n", "ninja:read"),
            ("/profile/<int:number>", "profile:read"),
        ],
    )
    def test_the_policy_is_shown(self, path, policy):
        rows = [line.split("  ") for line in run("routes", "shop_urls").output.splitlines()]
        cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
        (found,) = [row[2] for row in cells if row[:2] == ["GET", path]]

        assert found == policy

    def test_the_settings_module_is_enough(self):
        assert states(find.routes_of("shop_settings")) == DJANGO
        assert os.environ["DJANGO_SETTINGS_MODULE"] == "shop_settings"

    @pytest.mark.parametrize("make", [get_wsgi_application, get_asgi_application])
    def test_the_application_is_found_inside_middleware(self, make, guard, monkeypatch):
        is_asgi = make is get_asgi_application
        module = type(sys)("served")
        around = AsgiMiddleware if is_asgi else GuardMiddleware
        vars(module)["application"] = around(make(), guard)
        monkeypatch.setitem(sys.modules, "served", module)
        found = states(find.routes_of("served:application"))

        assert len(found) == len(DJANGO)
        assert {state for *_, state in found} == {"guarded", "public", "refused"}

    def test_without_the_middleware_only_decorators_guard(self):
        with django_project.configured(ROOT_URLCONF="shop_urls", MIDDLEWARE=[]):
            result = run("routes", "shop_urls", "--check", "--format", "json")

        assert result.exit_code == 1
        assert json.loads(result.stdout)["totals"]["guarded"] == 14

    def test_unknown_settings_are_named(self, monkeypatch):
        monkeypatch.setattr(django_settings, "_wrapped", empty)
        result = run("routes", "shop_urls")

        assert result.exit_code == 1
        assert "set DJANGO_SETTINGS_MODULE" in result.output

    def test_an_invalid_setting_of_the_guard_is_named(self):
        with django_project.configured(ROOT_URLCONF="shop_urls", IINIIT_GUARD={"issuer": 1}):
            result = run("routes", "shop_urls")

        assert result.exit_code == 1
        assert "audience: required" in result.output


def test_a_planted_route_is_found_in_a_process_of_its_own():
    command = [sys.executable, "-m", "iiniit_guard.cli", "routes", "shop_settings", "--check"]
    done = subprocess.run(command, cwd=APPS, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "shop_urls.planted" in done.stdout
    assert "6 unguarded" in done.stdout
    assert "6 unguarded" in done.stderr
