"""The profile API on Django, in one file.

Run it alone, against any authorization server:

    IINIIT_GUARD_ISSUER=https://auth.example IINIIT_GUARD_AUDIENCE=https://api.example \
        gunicorn "examples.profile_api.django_app:create_app()"
"""

from __future__ import annotations

import json
import secrets

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views import View

from examples.profile_api.profiles import Profiles, problem
from iiniit_guard import Guard
from iiniit_guard.django import public, require_scope

profiles = Profiles()


class ProfileView(View):
    """The resource `/v1/user/profile`. Each method declares the scope that it requires."""

    @require_scope("user:read")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Return the profile of the token's subject."""
        return JsonResponse(_profile(request))

    @require_scope("user:write")
    def patch(self, request: HttpRequest) -> HttpResponse:
        """Change members of the profile."""
        try:
            profiles.change(request.access_token.subject or "", _json(request))
        except ValueError as error:
            return JsonResponse(
                problem(400, str(error)), status=400, content_type="application/problem+json"
            )
        return JsonResponse(_profile(request))


@public
def healthz(request: HttpRequest) -> HttpResponse:
    """Report that the API is running. No token is required."""
    return JsonResponse({"status": "ok"})


urlpatterns = [path("v1/user/profile", ProfileView.as_view()), path("healthz", healthz)]


def create_app(guard: Guard | None = None) -> WSGIHandler:
    """Configure Django and build the API.

    Without `guard`, a guard is created from `IINIIT_GUARD_ISSUER`, `IINIIT_GUARD_AUDIENCE` etc.
    """
    settings.configure(
        ROOT_URLCONF=__name__,
        SECRET_KEY=secrets.token_urlsafe(32),
        ALLOWED_HOSTS=["127.0.0.1", "localhost"],
        # The middleware requires a valid access token for every request, except to views that are
        # marked @public. The API uses no cookies or sessions, which browsers send automatically, so
        # it does not need Django's CSRF protection.
        MIDDLEWARE=["iiniit_guard.django.GuardMiddleware"],
        IINIIT_GUARD=guard or Guard.from_env(),
    )
    django.setup()
    return get_wsgi_application()


def _profile(request: HttpRequest) -> dict[str, str]:
    # The subject of the token selects the profile, so no caller can read that of another user.
    token = request.access_token
    # The member `email` requires a scope of its own, which the handler reads from the token.
    return profiles.read(token.subject or "", with_email="email" in token.scopes)


def _json(request: HttpRequest) -> object:
    try:
        return json.loads(request.body)
    except ValueError:
        return None
