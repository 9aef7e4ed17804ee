"""The URLs of a Django project with Django REST framework and django-ninja.

Unguarded: `planted`, `reports/{...}`, `POST /drf/`, `some`, `/ninja/open`, `/ninja/`.
"""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import include, path, re_path
from django.views import View
from django.views.decorators.http import require_POST
from ninja import NinjaAPI
from ninja.security import APIKeyHeader
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.generics import CreateAPIView
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from iiniit_guard.django import public, require_scope
from iiniit_guard.ninja import GuardAuth
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
@permission_classes([RequireScope("a") | AllowAny])
def some(request):
    return HttpResponse()


@api_view(["GET"])
@permission_classes([RequireScope("a") | IsAdminUser])
def staff(request):
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


@require_scope("above")
@api_view(["POST", "GET"])
def above(request):
    return HttpResponse()


class Faulty(APIView):
    permission_classes = [RequireScope]

    def get(self, request):
        return HttpResponse()


@public
class Opened(APIView):
    permission_classes = [AllowAny]

    def get(self, request):
        return HttpResponse()


@public
class OpenedWithScope(APIView):
    permission_classes = [RequireScope("a")]

    def get(self, request):
        return HttpResponse()


class Generic(CreateAPIView):
    def get_permissions(self):
        return [RequireScope("a" if self.request.method == "POST" else "b")]


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


@api.delete("/n", auth=GuardAuth)
def ninja_faulty(request):
    return {}


@api.api_operation(["PUT", "PATCH"], "/many", auth=[GuardAuth("a"), GuardAuth("b")])
def ninja_many(request):
    return {}


@api.get("/maybe", auth=[GuardAuth("a", optional=True), Key()])
def ninja_maybe(request):
    return {}


@api.get("/open")
def ninja_open(request):
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
    path("some", some),
    path("staff", staff),
    path("naked", naked),
    path("below", below),
    path("above", above),
    path("refusing", Refusing.as_view()),
    path("faulty", Faulty.as_view()),
    path("opened", Opened.as_view()),
    path("opened-with-scope", OpenedWithScope.as_view()),
    path("api/", include(router.urls)),
    path("list", Orders.as_view({"get": "list", "put": "gone"})),
    path("generic", Generic.as_view()),
    path("ninja/", api.urls),
]
