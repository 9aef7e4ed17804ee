"""The URLs of a Django project with Django REST framework and django-ninja.

Unguarded: `planted`, `reports/{...}`, `POST /drf/`, `naked`, `POST /ninja/n`.
"""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import include, path, re_path
from django.views import View
from django.views.decorators.http import require_POST
from ninja import NinjaAPI
from ninja.security import APIKeyHeader
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from iiniit_guard.django import public, require_scope
from iiniit_guard.rest_framework import (
    ForbidActor,
    GuardAuthentication,
    RequireActor,
    RequireAnyScope,
    RequireScope,
)


@require_scope("orders:read")
def orders(request):
    return HttpResponse()


def planted(request):
    return HttpResponse()


@public
def health(request):
    return HttpResponse()


class Profile(View):
    @require_scope("profile:read")
    def get(self, request):
        return HttpResponse()


class Orders(ViewSet):
    permission_classes = [RequireScope]
    required_scopes = {"list": ["orders:read"], "create": ["orders:write"]}

    def list(self, request):
        return HttpResponse()

    def create(self, request):
        return HttpResponse()

    def destroy(self, request, pk):
        return HttpResponse()


class Mixed(APIView):
    authentication_classes = [GuardAuthentication]

    def get_permissions(self):
        if self.request.method == "POST":
            return [AllowAny()]
        return [IsAuthenticated()]

    def get(self, request):
        return HttpResponse()

    def post(self, request):
        return HttpResponse()


class ReadsUser(APIView):
    permission_classes = [RequireScope("a")]

    def get_permissions(self):
        return [self.request.user.permission]

    def get(self, request):
        return HttpResponse()


@api_view(["GET"])
@permission_classes([RequireScope("a") | RequireAnyScope("b", "c")])
def either(request):
    return HttpResponse()


@api_view(["GET"])
@permission_classes([(RequireScope("a") & ForbidActor("robot")) | RequireActor])
def delegated(request):
    return HttpResponse()


@api_view(["GET"])
@permission_classes([RequireScope("a", max_age=300) | RequireScope("c")])
def one_of(request):
    return HttpResponse()


@api_view(["GET"])
@permission_classes([RequireScope("a") & (RequireScope("b") | AllowAny)])
def both(request):
    return HttpResponse()


@api_view(["GET"])
@permission_classes([IsAuthenticated])
@authentication_classes([])
def naked(request):
    return HttpResponse()


@api_view(["GET"])
@require_scope("below")
def below(request):
    return HttpResponse()


class Refusing(APIView):
    permission_classes = [RequireScope | RequireScope("x")]
    required_scopes = {"other": ["y"]}

    def get(self, request):
        return HttpResponse()


api = NinjaAPI(openapi_url=None)


@api.get("/n")
@require_scope("ninja:read")
def ninja_read(request):
    return {}


class Key(APIKeyHeader):
    def authenticate(self, request, key):
        return key


@api.post("/n", auth=Key())
def ninja_planted(request):
    return {}


router = SimpleRouter()
router.register("orders", Orders, basename="orders")
urlpatterns = [
    path("orders", orders),
    path("planted", require_POST(planted)),
    re_path(r"^reports/(?P<year>[0-9]{4})/$", planted),
    path("health", health),
    path("profile/<int:number>", Profile.as_view()),
    path("drf/", Mixed.as_view()),
    path("user/", ReadsUser.as_view()),
    path("either", either),
    path("delegated", delegated),
    path("one-of", one_of),
    path("both", both),
    path("naked", naked),
    path("below", below),
    path("refusing", Refusing.as_view()),
    path("api/", include(router.urls)),
    path("list", Orders.as_view({"get": "list", "put": "gone"})),
    path("ninja/", api.urls),
]
