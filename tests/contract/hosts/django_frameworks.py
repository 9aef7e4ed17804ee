"""The views of `builders.POLICIES` for the frameworks on top of Django."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import HttpResponse
from django.urls import path
from ninja import NinjaAPI
from rest_framework.views import APIView

from iiniit_guard.django import public
from iiniit_guard.ninja import GuardAuth
from iiniit_guard.rest_framework import (
    ForbidActor,
    GuardAuthentication,
    RequireActor,
    RequireAnyScope,
    RequireAuthorizationDetails,
    RequireScope,
    RequireToken,
)
from tests.contract.hosts.builders import METHODS, seen
from tests.contract.hosts.handlers import PARTNER, may_send


class Shown(APIView):
    """A view of Django REST framework that answers every method with what it sees."""

    authentication_classes: Any = (GuardAuthentication,)
    permission_classes: Any = ()

    def get(self, request: Any) -> HttpResponse:
        return HttpResponse(seen(request.auth), content_type="application/json")

    post = put = patch = delete = options = get


@cache
def rest_framework_patterns(*, views_decide: bool) -> tuple[Any, ...]:
    """Return the URL patterns of Django REST framework: its own classes, no decorator of Django."""
    permissions = {
        "token": (RequireToken,) if views_decide else (),
        "read": (RequireScope("user:read"),),
        "both": (RequireScope("user:read", "user:write"),),
        "either": (RequireAnyScope("user:write", "user:read"),),
        "strong": (RequireToken(acr_values=("gold", "silver")),),
        "recent": (RequireScope("user:read", max_age=300),),
        "delegated": (RequireActor,),
        "billing": (RequireActor("billing", "payroll"),),
        "partner": (RequireActor("billing", issuer=PARTNER),),
        "agents": (RequireActor(profile=("ai_agent", "service")),),
        "direct": (ForbidActor,),
        "people": (ForbidActor("ai_agent", "robot"),),
        "payments": (RequireAuthorizationDetails("payment_initiation"),),
        "transfers": (RequireAuthorizationDetails("transfer", may_send),),
        "protectedresource": (RequireToken,) if views_decide else (),
    }
    guarded = [
        path(name, Shown.as_view(permission_classes=classes))
        for name, classes in permissions.items()
    ]
    return (*guarded, path("public", public(Shown.as_view())))


@cache
def ninja_patterns(*, views_decide: bool) -> tuple[Any, ...]:
    """Return the URL patterns of django-ninja: synchronous and asynchronous operations."""
    api = NinjaAPI(urls_namespace=f"matrix-{views_decide}", openapi_url=None)

    def view(request: Any) -> HttpResponse:
        return HttpResponse(seen(request.access_token), content_type="application/json")

    async def view_async(request: Any) -> HttpResponse:
        return view(request)

    auth = {
        "token": GuardAuth() if views_decide else None,
        "read": GuardAuth("user:read"),
        "both": GuardAuth("user:read", "user:write"),
        "either": GuardAuth("user:write", "user:read", match="any"),
        "strong": GuardAuth(acr_values=("gold", "silver")),
        "recent": GuardAuth("user:read", max_age=300),
        "delegated": GuardAuth(require_actor=True),
        "billing": GuardAuth(require_actor=("billing", "payroll")),
        "partner": GuardAuth(require_actor={"subjects": "billing", "issuer": PARTNER}),
        "agents": GuardAuth(require_actor={"profile": ("ai_agent", "service")}),
        "direct": GuardAuth(forbid_actor=True),
        "people": GuardAuth(forbid_actor=("ai_agent", "robot")),
        "payments": GuardAuth(authorization_details="payment_initiation"),
        "transfers": GuardAuth(authorization_details={"transfer": may_send}),
        "protectedresource": GuardAuth() if views_decide else None,
    }
    for name, each in auth.items():
        route = api.api_operation([*METHODS, "HEAD"], f"/{name}", auth=each)
        route(view if name in ("token", "both") else view_async)
    return (path("public", public(view)), path("", api.urls))
