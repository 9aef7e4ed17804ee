"""The browsable API of Django REST framework in a real browser: refusals that a person can read, a
session beside the tokens, and forms.

SCREENSHOTS=1 keeps one picture in docs/images/.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from examples.ports import free_ports

pytestmark = pytest.mark.xdist_group("browser")

ROOT = Path(__file__).resolve().parents[3]
PROJECT = '''
import os, sys

from django.conf import settings
from iiniit_guard.testing import Issuer

issuer = Issuer()
settings.configure(
    DEBUG=True,
    SECRET_KEY="of no use here",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    STATIC_URL="/static/",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.sqlite3"}},
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
        "rest_framework",
        "iiniit_guard.django",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "iiniit_guard.django.GuardMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "iiniit_guard.rest_framework.GuardAuthentication",
            "rest_framework.authentication.SessionAuthentication",
        ],
    },
    IINIIT_GUARD={"guard": issuer.guard(), "only": ["/api/*"], "optional_token": True},
)
import django

django.setup()
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.urls import include, path
from rest_framework import serializers, viewsets
from rest_framework.permissions import IsAdminUser
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from iiniit_guard.rest_framework import RequireScope

ORDERS = [{"name": "a chair"}]


class OrderSerializer(serializers.Serializer):
    name = serializers.CharField()


class Orders(viewsets.GenericViewSet):
    """Orders of the shop."""

    serializer_class = OrderSerializer
    queryset = ()
    permission_classes = [RequireScope | IsAdminUser]
    required_scopes = {"list": "orders:read", "create": "orders:write"}

    def list(self, request):
        return Response(ORDERS)

    def create(self, request):
        order = self.get_serializer(data=request.data)
        order.is_valid(raise_exception=True)
        ORDERS.append(order.data)
        return Response(order.data, status=201)


router = SimpleRouter()
router.register("orders", Orders, basename="order")
urlpatterns = [
    path("admin/", admin.site.urls),
    path("sign-in/", include("rest_framework.urls")),
    path("api/", include(router.urls)),
]
call_command("migrate", verbosity=0)
User.objects.create_superuser("root", password="a long password")
with open("tokens", "w") as tokens:
    tokens.write(issuer.token("orders:read") + " " + issuer.token("profile"))
call_command("runserver", sys.argv[1], "--noreload", "--nothreading")
'''


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """Return the URL of a site, a token that may read orders, and a token that may not."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "shop.py").write_text(PROJECT, encoding="utf-8")
    address = f"127.0.0.1:{free_ports(['site'])['site']}"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "shop.py", address], cwd=folder, env=environ)
    try:
        wait_until_ready(f"http://{address}/sign-in/login/")
        reader, other = (folder / "tokens").read_text(encoding="utf-8").split()
        yield f"http://{address}", reader, other
    finally:
        process.terminate()
        process.wait(10)


def wait_until_ready(url: str) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError("the site did not start")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=ViewportSize(width=1000, height=500))
    yield context.new_page()
    context.close()


def test_a_person_reads_why_a_token_is_refused(
    site: tuple[str, str, str], page: Page, images: Path | None
) -> None:
    url, reader, other = site
    page.set_extra_http_headers({"Authorization": f"Bearer {other}"})
    answer = page.goto(f"{url}/api/orders/")
    assert answer is not None
    assert (answer.status, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")
    shown = page.locator(".response-info")
    expect(shown).to_contain_text("HTTP 403 Forbidden")
    expect(shown).to_contain_text('"reason": "missing_scope"')
    expect(shown).to_contain_text('scope="orders:read"')
    expect(page.get_by_role("link", name="Log in")).to_have_count(0)
    if images:
        page.screenshot(path=images / "browsable-api.png")

    asked = {"Accept": "application/json", "Authorization": f"Bearer {other}"}
    problem = page.request.get(f"{url}/api/orders/", headers=asked)
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.headers["www-authenticate"] == answer.headers["www-authenticate"]
    assert problem.json()["reason"] == "missing_scope"

    page.set_extra_http_headers({"Authorization": f"Bearer {reader}"})
    answer = page.goto(f"{url}/api/orders/")
    assert answer is not None
    assert answer.status == 200
    expect(page.locator(".response-info")).to_contain_text("a chair")
    expect(page.get_by_role("button", name="POST")).to_have_count(0)


def test_a_person_signs_in_beside_the_tokens(site: tuple[str, str, str], page: Page) -> None:
    url = site[0]
    answer = page.goto(f"{url}/api/orders/")
    assert answer is not None
    assert answer.status == 401
    expect(page.locator(".response-info")).to_contain_text('"reason": "no_token"')
    page.get_by_role("link", name="Log in").click()
    page.get_by_label("Username:").fill("root")
    page.get_by_label("Password:").fill("a long password")
    page.get_by_role("button", name="Log in").click()

    expect(page.locator(".response-info")).to_contain_text("HTTP 200 OK")
    page.get_by_role("link", name="HTML form").click()
    page.locator("input[name=name]").fill("a table")
    page.get_by_role("button", name="POST").first.click()
    expect(page.locator(".response-info")).to_contain_text("HTTP 201 Created")
    # A form of another site has no CSRF token.
    forged = page.request.post(f"{url}/api/orders/", data={"name": "forged"})
    assert forged.status == 403
    assert "CSRF" in forged.json()["detail"]
    answer = page.goto(f"{url}/admin/")
    assert answer is not None
    assert answer.status == 200
