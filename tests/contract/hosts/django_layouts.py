"""Views of every framework on top of Django that require `user:read`, and layers around them that
change responses.
"""

from __future__ import annotations

from tests.contract.hosts import (
    django_project,
)  # the frameworks read Django's settings when they are imported

# isort: split

import asyncio
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from ninja import NinjaAPI
from ninja.decorators import decorate_view
from rest_framework.decorators import action, api_view
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from iiniit_guard.django import require_scope
from tests.contract.hosts.django_site import Passing

assert django_project
SECRET = "secret"
READ = require_scope("user:read")


# Django


@READ
def function(request):
    return HttpResponse(SECRET)


@READ
async def function_async(request):
    return HttpResponse(SECRET)


@READ
class Whole(View):
    def get(self, request):
        return HttpResponse(SECRET)


class Method(View):
    @READ
    def get(self, request):
        return HttpResponse(SECRET)


@method_decorator(READ, name="get")
class ByMethodDecorator(View):
    def get(self, request):
        return HttpResponse(SECRET)


@READ
class WholeAsync(View):
    async def get(self, request):
        return HttpResponse(SECRET)


class MethodAsync(View):
    @method_decorator(READ)
    async def get(self, request):
        return HttpResponse(SECRET)


# Helpers that are guarded, and views that drop what they answer


def helper_ignored(request):
    try:
        function(request)
    except Exception:
        return HttpResponse(
            SECRET,
            headers={"WWW-Authenticate": "Basic", "Cache-Control": "public", "Retry-After": "9"},
        )
    return HttpResponse(SECRET)


async def helper_ignored_async(request):
    await asyncio.gather(function_async(request), return_exceptions=True)
    return HttpResponse(SECRET)


def helper_then_error(request):
    try:
        function(request)
    except Exception as error:
        raise ValueError(SECRET) from error


def helper_before_a_stream(request):
    try:
        function(request)
    except Exception:
        return StreamingHttpResponse([SECRET])
    return HttpResponse(SECRET)


def helper_in_a_template(request):
    class Reading:
        def __str__(self):
            try:
                return str(function(request).content)
            except Exception:
                return SECRET

    return TemplateResponse(
        request, engines["django"].from_string("{{ x }} secret"), {"x": Reading()}
    )


# Django REST framework


@READ
class DrfClass(APIView):
    def get(self, request):
        return Response({"is": SECRET})


class DrfMethod(APIView):
    @READ
    def get(self, request):
        return Response({"is": SECRET})


@method_decorator(READ, name="get")
class DrfByMethodDecorator(APIView):
    def get(self, request):
        return Response({"is": SECRET})


@api_view(["GET"])
@READ
def drf_below_api_view(request):
    return Response({"is": SECRET})


@READ
@api_view(["GET"])
def drf_above_api_view(request):
    return Response({"is": SECRET})


class DrfViewSet(ViewSet):
    @action(detail=False)
    @READ
    def read(self, request):
        return Response({"is": SECRET})


class DrfInitial(APIView):
    def initial(self, request, *args, **kwargs):
        READ(lambda request: None)(request)

    def get(self, request):
        return Response({"is": SECRET})


class DrfKeyword(APIView):
    def get(self, request):
        READ(lambda *, request: None)(request=request)
        return Response({"is": SECRET})


# django-ninja


def ninja_urls(*, handler: Any) -> list[Any]:
    """The operations of one API, which has an exception handler for everything or has none."""
    api = NinjaAPI(urls_namespace=f"ninja-{handler is not None}")

    @api.get("/operation")
    @READ
    def operation(request):
        return {"is": SECRET}

    @api.get("/operation-async")
    @READ
    async def operation_async(request):
        return {"is": SECRET}

    @api.get("/run")
    @decorate_view(READ)
    def run(request):
        return {"is": SECRET}

    @api.get("/authenticated", auth=lambda request: "somebody")
    @READ
    def authenticated(request):
        return {"is": request.auth + SECRET}

    @api.get("/helper")
    def helper(request):
        READ(lambda request: None)(request)
        return {"is": SECRET}

    if handler is not None:
        api.exception_handler(Exception)(lambda request, error: handler())
    return [path("ninja/", api.urls)]


DJANGO: dict[str, Callable[..., Any]] = {
    "function": function,
    "function-async": function_async,
    "class": Whole.as_view(),
    "class-async": WholeAsync.as_view(),
    "method": Method.as_view(),
    "method-async": MethodAsync.as_view(),
    "by-method-decorator": ByMethodDecorator.as_view(),
    "helper": helper_ignored,
    "helper-async": helper_ignored_async,
    "helper-stream": helper_before_a_stream,
    "helper-template": helper_in_a_template,
}
DRF: dict[str, Callable[..., Any]] = {
    "drf-class": DrfClass.as_view(),
    "drf-method": DrfMethod.as_view(),
    "drf-by-method-decorator": DrfByMethodDecorator.as_view(),
    "drf-below-api-view": drf_below_api_view,
    "drf-above-api-view": drf_above_api_view,
    "drf-viewset": DrfViewSet.as_view({"get": "read"}),
    "drf-initial": DrfInitial.as_view(),
    "drf-keyword": DrfKeyword.as_view(),
}
NINJA = [
    "ninja/operation",
    "ninja/operation-async",
    "ninja/run",
    "ninja/authenticated",
    "ninja/helper",
]
PLACES = [*DJANGO, *DRF, *NINJA]


class Urls:
    """A URL configuration: what is in `urlpatterns`, and the handler of 403 where there is one."""

    def __init__(self, *, handler: Any = None, handler403: Any = None) -> None:
        views = {**DJANGO, **DRF, "helper-error": helper_then_error}
        self.urlpatterns = [
            *(path(name, view) for name, view in views.items()),
            *ninja_urls(handler=handler),
        ]
        if handler403 is not None:
            self.handler403 = handler403


def secret_of_drf(error: Exception, context: Any) -> Response:
    return Response({"is": SECRET}, headers={"X-From": "DRF"})


def secret_403(request: Any, exception: Exception) -> HttpResponse:
    return HttpResponse(SECRET)


# Middleware


class AnswersExceptions(Passing):
    """Middleware that makes 200 of every exception of a view."""

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        return HttpResponse(SECRET)


class AnswersErrors:
    """Middleware that makes 200 of every error that comes from below; under ASGI Django runs it in
    a thread.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        return HttpResponse(SECRET) if response.status_code >= 400 else response
