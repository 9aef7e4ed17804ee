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
    """`/v1/user/profile`: each method says which scope it needs."""

    @require_scope("user:read")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Read the profile of the token's subject."""
        return JsonResponse(_profile(request))

    @require_scope("user:write")
    def patch(self, request: HttpRequest) -> HttpResponse:
        """Change some members of it."""
        try:
            profiles.change(request.access_token.subject or "", _json(request))
        except ValueError as error:
            return JsonResponse(problem(400, str(error)), status=400, content_type="application/problem+json")
        return JsonResponse(_profile(request))


@public
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that we are up, to everybody."""
    return JsonResponse({"status": "ok"})


urlpatterns = [path("v1/user/profile", ProfileView.as_view()), path("healthz", healthz)]


def create_app(guard: Guard | None = None) -> WSGIHandler:
    """Configure Django and build the API; without a guard, one is made from `IINIIT_GUARD_ISSUER`, `IINIIT_GUARD_AUDIENCE` and so on."""
    settings.configure(
        ROOT_URLCONF=__name__,
        SECRET_KEY=secrets.token_urlsafe(32),
        ALLOWED_HOSTS=["127.0.0.1", "localhost"],
        # No request gets past this without a valid access token, except to views that are marked @public. There is nothing here that
        # a browser sends by itself, no cookie and no session: so there is no need for Django's protection against forged forms.
        MIDDLEWARE=["iiniit_guard.django.GuardMiddleware"],
        IINIIT_GUARD=guard or Guard.from_env(),
    )
    django.setup()
    return get_wsgi_application()


def _profile(request: HttpRequest) -> dict[str, str]:
    # The token says whose profile this is: nobody can ask for another's.
    token = request.access_token
    # One member needs a scope of its own. No decorator is needed: the token tells what it allows.
    return profiles.read(token.subject or "", with_email="email" in token.scopes)


def _json(request: HttpRequest) -> object:
    try:
        return json.loads(request.body)
    except ValueError:
        return None
