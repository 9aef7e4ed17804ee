"""The builders of the hosts that are Django, or a framework on top of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.contract.hosts.calling import Answer, Lines, answer_of, drive, joined

if TYPE_CHECKING:
    from iiniit_guard.guard import Guard
    from tests.contract.hosts.builders import Site


def _django_settings(guard: Guard, middleware: Mapping[str, Any], urlconf: Any) -> Any:
    from tests.contract.hosts import django_project

    own = {"guard": guard, **middleware}
    return django_project.configured(IINIIT_GUARD=own, ROOT_URLCONF=urlconf)


def _build_django(guard: Guard, middleware: Mapping[str, Any], urlconf: Any) -> Site:
    with _django_settings(guard, middleware, urlconf):
        from django.test import Client

        client = Client(raise_request_exception=False)
        client.handler.load_middleware()

    def call(method: str, path: str, headers: Lines, query: str) -> Answer:
        with _django_settings(guard, middleware, urlconf):
            answer = client.generic(method, path, QUERY_STRING=query, **joined(headers))
        return answer_of(answer.status_code, list(answer.headers.items()), answer.content)

    return call


def build_django(guard: Guard, middleware: Mapping[str, Any]) -> Site:
    return _build_django(guard, middleware, "tests.contract.hosts.django_project")


def build_rest_framework(
    guard: Guard, middleware: Mapping[str, Any], *, views_decide: bool = False
) -> Site:
    from tests.contract.hosts.django_frameworks import rest_framework_patterns

    own = {"enforce": "declared"} if views_decide else middleware
    return _build_django(guard, own, rest_framework_patterns(views_decide=views_decide))


def _build_django_async(guard: Guard, middleware: Mapping[str, Any], urlconf: Any) -> Site:
    with _django_settings(guard, middleware, urlconf):
        from django.core.handlers.asgi import ASGIHandler

        app = ASGIHandler()

    def call(method: str, path: str, headers: Lines, query: str) -> Answer:
        with _django_settings(guard, middleware, urlconf):
            return drive(app, method, path, headers, query)

    return call


def build_django_async(guard: Guard, middleware: Mapping[str, Any]) -> Site:
    from tests.contract.hosts import django_project

    return _build_django_async(guard, middleware, django_project.async_urlpatterns)


def build_ninja(guard: Guard, middleware: Mapping[str, Any], *, views_decide: bool = False) -> Site:
    from tests.contract.hosts.django_frameworks import ninja_patterns

    own = {"enforce": "declared"} if views_decide else middleware
    return _build_django_async(guard, own, ninja_patterns(views_decide=views_decide))
