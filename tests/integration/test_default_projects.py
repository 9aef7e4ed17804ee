"""Default projects, guarded as the guides say: `startproject`, Django REST framework, Flask."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUARDED = """
from iiniit_guard.testing import Issuer

ISSUER = Issuer()
IINIIT_GUARD = {"guard": ISSUER.guard(), **%r}
INSTALLED_APPS += ["iiniit_guard.django", *%r]
MIDDLEWARE.insert(1, "iiniit_guard.django.GuardMiddleware")
ALLOWED_HOSTS = ["testserver"]
SECRET_KEY = "of no use here, but long enough for the check of the deployment: 0123456789"
%s
"""

URLS = """
from django.contrib import admin
from django.http import HttpResponse
from django.urls import include, path

from iiniit_guard.django import public, require_scope


@require_scope("orders:write")
def orders(request):
    return HttpResponse(request.access_token.subject, status=201)


@public
def form(request):
    return HttpResponse("form")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/orders", orders),
    path("api/form", form),
    *MORE,
]
"""

TRY = """
import os

os.environ["DJANGO_SETTINGS_MODULE"] = "site_and_api.settings"
import django

django.setup()
from django.conf import settings
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.management import call_command
from django.test import Client

call_command("migrate", verbosity=0)
User.objects.create_superuser("root", password="a long password")
assert run_checks() == [], run_checks()


def bearer(scope="orders:write"):
    return {"Authorization": f"Bearer {settings.ISSUER.token(scope)}"}


client = Client(enforce_csrf_checks=True)
for method in ("POST", "PUT", "PATCH", "DELETE"):
    answer = client.generic(method, "/api/orders", headers=bearer())
    assert (answer.status_code, answer.content) == (201, b"user-1"), (method, answer.status_code)
assert client.post("/api/orders").json()["reason"] == "no_token"
assert client.post("/api/orders", headers=bearer("other")).json()["reason"] == "missing_scope"
assert client.get("/api/form").status_code == 200
assert client.post("/api/form", headers=bearer()).status_code == 403
"""

SITE = """
assert client.get("/admin/").status_code == 302
assert client.get("/admin/login/").status_code == 200
token = client.cookies["csrftoken"].value
form = {"username": "root", "password": "a long password", "csrfmiddlewaretoken": token}
assert client.post("/admin/login/", {**form, "csrfmiddlewaretoken": "x"}).status_code == 403
assert client.post("/admin/login/?next=/admin/", form).status_code == 302
assert client.get("/admin/").status_code == 200
assert client.get("/nowhere").status_code == 404
# The session of the admin does not admit to the API, and a cookie ends the exemption.
assert client.post("/api/orders").status_code == 401
assert client.post("/api/orders", headers=bearer()).status_code == 403
"""

WHOLE = """
assert client.get("/admin/").json()["reason"] == "no_token"
assert client.get("/nowhere").json()["reason"] == "no_token"
"""

REST_VIEWS = """
from rest_framework import serializers, viewsets
from rest_framework.decorators import api_view
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from django.contrib.auth.models import User

from iiniit_guard.rest_framework import RequireScope


class UserSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["username"]


class Users(viewsets.ModelViewSet):
    queryset = User.objects.order_by("pk")
    serializer_class = UserSerializer
    permission_classes = [RequireScope]
    required_scopes = {"list": "users:read", "create": ["users:write"]}


@api_view(["GET"])
def me(request):
    return Response({"user": request.user.username, "client": request.auth.client_id})


router = DefaultRouter()
router.register("users", Users)
MORE = [path("api/", include(router.urls)), path("api/me", me)]
"""

REST = """
assert client.get("/api/me", headers=bearer()).json() == {"user": "user-1", "client": "client-1"}
assert client.get("/api/me").json()["reason"] == "no_token"
assert client.get("/api/users/", headers=bearer("users:read")).json() == [{"username": "root"}]
ada, headers = {"username": "ada"}, bearer("users:write")
new = client.post("/api/users/", ada, content_type="application/json", headers=headers)
assert new.status_code == 201, new.content
assert client.get("/api/users/", headers=bearer("x")).json()["reason"] == "missing_scope"
assert client.delete("/api/users/1/", headers=bearer("users:write")).json()["reason"] == "no_rule"
"""
REST_SETTINGS = """
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["iiniit_guard.rest_framework.GuardAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}
"""


def run(folder: Path, *command: str) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    environ.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("guarded", "views", "more", "trying"),
    [
        ({}, "MORE = []", "", WHOLE),
        ({"only": ["/api/*"]}, "MORE = []", "", SITE),
        ({"only": ["/api/*"]}, REST_VIEWS, REST_SETTINGS, REST),
    ],
    ids=["startproject", "admin beside an API", "Django REST framework"],
)
def test_a_project_of_django(tmp_path, guarded, views, more, trying):
    run(tmp_path, "-m", "django", "startproject", "site_and_api", ".")
    package = tmp_path / "site_and_api"
    written = (package / "settings.py").read_text(encoding="utf-8")
    middleware = re.findall(r"django\.\S+Middleware", written)
    assert "django.middleware.csrf.CsrfViewMiddleware" in middleware
    assert len(middleware) == 7
    apps = ["rest_framework"] if more else []
    (package / "settings.py").write_text(
        written + GUARDED % (guarded, apps, more), encoding="utf-8"
    )
    lines = URLS.replace("urlpatterns =", views + "\n\nurlpatterns =")
    (package / "urls.py").write_text(lines, encoding="utf-8")
    (tmp_path / "trying.py").write_text(TRY + trying, encoding="utf-8")

    run(tmp_path, "trying.py")
    run(tmp_path, "manage.py", "check", "--fail-level", "WARNING")


FLASK = """
from flask import Blueprint, Flask, redirect, request, session
from flask.views import MethodView

from iiniit_guard.flask import IiniitGuard, access_token, require_scope
from iiniit_guard.testing import Issuer

issuer = Issuer()
admin = Blueprint("admin", __name__, url_prefix="/admin")
api = Blueprint("api", __name__, url_prefix="/api")
IiniitGuard(api)


@admin.before_request
def logged_in():
    if "user" not in session and request.endpoint != "admin.login":
        return redirect("/admin/login")


@admin.route("/login", methods=["GET", "POST"])
def login():
    session["user"] = "root"
    return "welcome"


@admin.get("/")
def index():
    return f"hello {session['user']}"


@api.get("/me")
def me():
    return {"id": access_token().subject}


class Orders(MethodView):
    @require_scope("orders:read")
    def get(self):
        return {"orders": []}


api.add_url_rule("/orders", view_func=Orders.as_view("orders"))


def create_app():
    app = Flask(__name__)
    app.config.update(SECRET_KEY="x", IINIIT_GUARD=issuer.guard())
    app.register_blueprint(admin)
    app.register_blueprint(api)
    return app


client = create_app().test_client()
headers = {"Authorization": f"Bearer {issuer.token('orders:read')}"}
assert client.get("/admin/").status_code == 302
assert client.post("/admin/login").text == "welcome"
assert client.get("/admin/").text == "hello root"
assert client.get("/api/me").json["reason"] == "no_token"
assert client.get("/api/me", headers=headers).json == {"id": "user-1"}
assert client.get("/api/orders", headers=headers).json == {"orders": []}
bad = {"Authorization": f"Bearer {issuer.token('other')}"}
assert client.get("/api/orders", headers=bad).json["reason"] == "missing_scope"
assert client.get("/static/x.css").status_code == 404
"""


def test_a_project_of_flask(tmp_path):
    (tmp_path / "trying.py").write_text(FLASK, encoding="utf-8")
    run(tmp_path, "trying.py")
