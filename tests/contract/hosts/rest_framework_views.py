"""Views of a Django REST framework project, for `test_rest_framework.py`."""

from __future__ import annotations

from typing import Any

from django.urls import include, path
from django.utils.decorators import method_decorator
from rest_framework.authentication import BaseAuthentication, BasicAuthentication
from rest_framework.decorators import action, api_view, authentication_classes, permission_classes
from rest_framework.exceptions import NotAuthenticated
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.serializers import CharField, Serializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet, ViewSet

from iiniit_guard import Principal
from iiniit_guard.django import public, require_scope
from iiniit_guard.rest_framework import (
    GuardAuthentication,
    RequireAnyScope,
    RequireScope,
    RequireToken,
    TokenUser,
)

READ, WRITE = "orders:read", "orders:write"


class Never(BasePermission):
    def has_permission(self, request, view):
        return False


class Named(GuardAuthentication):
    """A project with users of its own: all but two."""

    def get_user(self, token):
        if token.subject == "nobody":
            return None
        user = TokenUser(token)
        user.username = f"own {token.subject}"
        user.is_active = token.subject != "left"
        return user


class Answers(APIView):
    """A view that shows what it got."""

    authentication_classes: Any = (GuardAuthentication,)
    permission_classes: Any = (IsAuthenticated,)

    def get(self, request):
        return Response({"user": str(request.user), "auth": type(request.auth).__name__})

    def post(self, request):
        return Response({"user": str(request.user)}, status=201)


class Own(Answers):
    authentication_classes = (Named,)


class Open(Answers):
    permission_classes = (AllowAny,)


class Fixed(Answers):
    permission_classes = (RequireScope(READ),)


class Either(Answers):
    permission_classes = (RequireAnyScope(READ, WRITE),)


class Strong(Answers):
    permission_classes = (RequireScope(READ, acr_values=["gold"]),)


class AnyToken(Answers):
    permission_classes = (RequireToken,)


class AnyStrong(Answers):
    permission_classes = (RequireToken(acr_values=["gold"]),)


class Listed(Answers):
    permission_classes = (RequireScope,)
    required_scopes = (READ,)


class OneWord(Answers):
    permission_classes = (IsAuthenticated, RequireScope())
    required_scopes = READ


class ByMethod(Answers):
    permission_classes = (RequireScope,)
    required_scopes = {"GET": [READ], "POST": [READ, WRITE]}

    def delete(self, request):
        raise AssertionError


class Nothing(Answers):
    permission_classes = (RequireScope,)


class Expression(Answers):
    permission_classes = (RequireScope(READ) | RequireScope(WRITE),)


class Reversed(Answers):
    permission_classes = ((Never | RequireScope(READ)) & RequireAnyScope(READ),)


class OfOwner(RequireScope):
    """A permission of the project that also checks the object."""

    def has_object_permission(self, request, view, obj):
        return obj == request.user.username


class OwnerOnly(Answers):
    permission_classes = (OfOwner(READ),)

    def get(self, request):
        self.check_object_permissions(request, request.query_params["owner"])
        return Response({})


class Raising(Answers):
    def get(self, request):
        raise NotAuthenticated


class OnMethod(Answers):
    @require_scope(READ)
    def get(self, request):
        return super().get(request)


@require_scope(READ)
class OnClass(Answers):
    pass


@method_decorator(require_scope(READ), name="get")
class ByMethodDecorator(Answers):
    pass


@public
class Public(Answers):
    permission_classes = ()


@public
class PublicWithScope(Answers):
    permission_classes = (RequireScope(READ),)


class WithBasic(Answers):
    class Basic(BasicAuthentication):
        def authenticate_credentials(self, userid, password, request=None):
            return TokenUser(Principal("Basic", subject=userid)), None

    authentication_classes = (GuardAuthentication, Basic)


class Later(Answers):
    """The guard's class is not the first, so Django REST framework writes the 401."""

    class Other(BaseAuthentication):
        def authenticate(self, request):
            return None

        def authenticate_header(self, request):
            return "Other"

    authentication_classes = (Other, GuardAuthentication)


class OrderSerializer(Serializer):
    name = CharField()


class Generic(GenericAPIView):
    """A generic view with the default authentication and permission classes."""

    queryset = ()
    serializer_class = OrderSerializer

    @require_scope(READ)
    def get(self, request):
        return Response(self.get_serializer({"name": request.access_token.subject}).data)


class Orders(GenericViewSet):
    authentication_classes = (GuardAuthentication,)
    permission_classes = (RequireScope,)
    required_scopes = {"list": READ, "create": [WRITE], "cancel": ["orders:cancel"]}
    serializer_class = OrderSerializer

    def list(self, request):
        return Response([{"id": request.user.username}])

    def create(self, request):
        return Response({}, status=201)

    def destroy(self, request, pk):
        raise AssertionError

    @action(detail=True, methods=["post"])
    def cancel(self, request, pk):
        return Response({"cancelled": pk})

    @action(detail=False, permission_classes=[RequireScope("orders:count")])
    def count(self, request):
        return Response(7)


class Plain(ViewSet):
    """A viewset with the default classes, and a decorated action."""

    @require_scope(READ)
    def list(self, request):
        return Response([])

    @action(detail=False)
    @require_scope(WRITE)
    def last(self, request):
        return Response({})


@api_view(["GET", "POST"])
@require_scope(READ)
def below_api_view(request):
    return Response({"id": request.access_token.subject})


@require_scope(READ)
@api_view(["GET"])
def above_api_view(request):
    return Response({"id": request.access_token.subject})


@api_view(["GET"])
@authentication_classes([GuardAuthentication])
@permission_classes([RequireScope(READ)])
def with_classes(request):
    return Response({"id": request.user.username})


router = DefaultRouter()
router.register("orders", Orders, basename="orders")
router.register("plain", Plain, basename="plain")
VIEWS = (
    *(Answers, Own, Open, Fixed, Either, Strong, AnyToken, AnyStrong, Listed, OneWord),
    *(ByMethod, Nothing),
    *(Expression, Reversed, OwnerOnly, Raising, OnMethod, OnClass, ByMethodDecorator),
    *(Public, PublicWithScope, WithBasic, Later, Generic),
)
PATTERNS = (
    *(path(view.__name__, view.as_view()) for view in VIEWS),
    path("below", below_api_view),
    path("above", above_api_view),
    path("classes", with_classes),
    path("", include(router.urls)),
)


class PublicMethod(Answers):
    @public
    def get(self, request):
        raise AssertionError


@api_view(["GET"])
@public
def public_below(request):
    raise AssertionError


class PublicAction(ViewSet):
    @action(detail=False)
    @public
    def last(self, request):
        raise AssertionError


VAIN = (PublicMethod.as_view(), public_below, PublicAction.as_view({"get": "last"}))
