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
from django.urls import path
from django.utils.functional import empty

from iiniit_guard.asgi import GuardMiddleware as AsgiMiddleware
from iiniit_guard.cli.routes import find
from iiniit_guard.testing import Issuer
from iiniit_guard.wsgi import GuardMiddleware
from tests.contract.hosts import django_project
from tests.unit.cli.running import APPS, cells_of, run, states


@pytest.fixture
def guard():
    with Issuer().guard() as guard:
        yield guard


FORMATS = ("text", "markdown", "json")
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
    ("GET", "/some", "unguarded"),
    ("GET", "/staff", "guarded"),
    ("GET", "/naked", "guarded"),
    ("GET", "/below", "guarded"),
    ("GET,POST", "/above", "guarded"),
    ("GET", "/refusing", "guarded"),
    ("GET", "/faulty", "refused"),
    ("GET", "/opened", "public"),
    ("GET", "/opened-with-scope", "guarded"),
    ("GET", "/api/orders/", "guarded"),
    ("POST", "/api/orders/", "guarded"),
    ("OPTIONS", "/api/orders/", "refused"),
    ("DELETE", "/api/orders/<pk>/", "refused"),
    ("GET", "/list", "guarded"),
    ("OPTIONS", "/list", "refused"),
    ("POST", "/generic", "guarded"),
    ("OPTIONS", "/generic", "guarded"),
    ("GET", "/ninja/n", "guarded"),
    ("POST", "/ninja/n", "guarded"),
    ("DELETE", "/ninja/n", "refused"),
    ("PATCH,PUT", "/ninja/many", "guarded"),
    ("GET", "/ninja/maybe", "anonymous"),
    ("GET", "/ninja/open", "unguarded"),
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
            ("/delegated", "a and actor!=robot, or actor"),
            ("/either", "a, or b | c"),
            ("/one-of", "a max_age=300, or c"),
            ("/some", "UNGUARDED: enforce=\"declared\", (RequireScope('a') | AllowAny)"),
            ("/staff", "(RequireScope('a') | IsAdminUser)"),
            ("/faulty", "always fails"),
            ("/opened", "public (@public)"),
            ("/opened-with-scope", "a"),
            ("/both", "a"),
            ("/below", "below"),
            ("/drf/", "IsAuthenticated"),
            ("/naked", "IsAuthenticated"),
            ("/refusing", "x"),
            ("/ninja/n", "ninja:read"),
            ("/ninja/maybe", "GuardAuth('a', optional=True) or Key"),
            ("/ninja/open", 'UNGUARDED: enforce="declared", no decorator'),
            ("/profile/<int:number>", "profile:read"),
        ],
    )
    def test_the_policy_is_shown(self, path, policy):
        cells = cells_of(run("routes", "shop_urls").output)
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
        assert json.loads(result.stdout)["totals"]["guarded"] == 22

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
    assert "2 failing at every request" in done.stderr


def test_a_fault_fails_the_check_and_is_named(guard):
    """No exception allows the fault, and the middleware does not correct it."""
    with django_project.configured(ROOT_URLCONF="shop_urls", IINIIT_GUARD={"guard": guard}):
        found = [run("routes", "shop_urls", "--check", "--format", each) for each in FORMATS]
        plain = run("routes", "shop_urls", "--check", "--allow", "/faulty", color=True)

    text, markdown, document = [each.stdout for each in found]
    assert [each.exit_code for each in found] == [1, 1, 1]
    assert "\nGET /faulty: every request fails: required_scopes: Faulty must have" in text
    assert "\n- GET /faulty: every request fails: required_scopes: Faulty must have" in markdown
    assert "| **always fails** |" in markdown
    (entry,) = [each for each in json.loads(document)["routes"] if each["path"] == "/faulty"]
    assert (entry["state"], entry["alternatives"]) == ("refused", [])
    assert entry["fault"].startswith("required_scopes: Faulty must have")
    assert plain.exit_code == 1
    assert "error: 2 failing at every request" in plain.stderr
    assert "--allow '/faulty' matches no unguarded route" in plain.stderr
    assert "\x1b[31mGET /faulty: every request fails" in plain.stdout


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/either", [["a"], ["b", "c"]]),
        ("/some", [[]]),
        ("/drf/", [[]]),
        ("/ninja/many", [["a"], ["b"]]),
    ],
)
def test_alternatives_are_listed_in_json(path, found, guard):
    with django_project.configured(ROOT_URLCONF="shop_urls", MIDDLEWARE=[]):
        document = json.loads(run("routes", "shop_urls", "--format", "json").stdout)

    entry = next(each for each in document["routes"] if each["path"] == path)
    scopes = [
        [name for policy in one for name in policy["scopes"]] for one in entry["alternatives"]
    ]
    assert scopes == found


def test_a_project_without_the_frameworks_is_listed(guard, monkeypatch):
    for name in ("rest_framework", "ninja"):
        monkeypatch.setitem(sys.modules, name, None)  # as if it was not installed
    for name in ("rest_framework.views", "ninja.operation"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    urls = type(sys)("plain_urls")
    vars(urls)["urlpatterns"] = [path("x", lambda request: None)]
    monkeypatch.setitem(sys.modules, "plain_urls", urls)
    with django_project.configured(ROOT_URLCONF="plain_urls", IINIIT_GUARD={"guard": guard}):
        assert states(find.routes_of("plain_urls")) == [("", "/x", "guarded")]
