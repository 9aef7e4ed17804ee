"""A subclass of a guarded class-based view is guarded, although it overrides methods."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View as DjangoView
from django.views.decorators.http import require_safe
from flask import Flask
from flask.views import MethodView
from flask.views import View as FlaskView
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from iiniit_guard import django, flask, starlette
from iiniit_guard.adapting.decorators import policies_of
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.errors import UsageError
from tests.contract.hosts.django_site import Site

ADMIN = make_policy(["admin"])


def text(lines):
    return {name.decode(): value.decode() for name, value in lines}


def flask_statuses(guard, views, lines):
    app = Flask("x")
    flask.IiniitGuard(app, guard)
    for number, view in enumerate(views):
        app.add_url_rule(f"/{number}", view_func=view.as_view(f"v{number}"))
    return [
        app.test_client().get(f"/{number}", headers=text(lines)).status_code
        for number in range(len(views))
    ]


def test_flask(guard, bearer):
    @flask.require_scope("admin")
    class Admin(MethodView):
        def get(self):
            return "admin"

    class Decorates(Admin):
        decorators = [lambda view: view]

        def get(self):
            return "users"

    class Empties(Admin):
        decorators = []

    class Dispatches(Admin):
        def dispatch_request(self, **kwargs):
            return "own"

    class Makes(Admin):
        @classmethod
        def as_view(cls, name, *args, **kwargs):
            return super().as_view(name, *args, **kwargs)

    @flask.require_token()
    class Twice(Decorates):
        pass

    views = [Admin, Decorates, Empties, Dispatches, Makes, Twice]
    assert flask_statuses(guard, views, bearer()) == [403] * len(views)
    assert flask_statuses(guard, views, bearer("admin")) == [200] * len(views)
    assert flask_statuses(guard, views, []) == [401] * len(views)
    assert policies_of(Decorates.as_view("x")) == (ADMIN,)
    assert policies_of(Twice.as_view("x")) == (make_policy(), ADMIN)
    assert Decorates.as_view("x").__name__ == "x"
    assert Admin.as_view.__name__ == "as_view"


def test_flask_leaves_the_base_and_its_list_alone(guard, bearer):
    class Base(FlaskView):
        def dispatch_request(self):
            return "base"

    @flask.require_scope("admin")
    class Admin(Base):
        pass

    assert flask_statuses(guard, [Base, Admin], bearer()) == [200, 403]
    assert Base.decorators == Admin.decorators == []


def test_flask_public_and_guarded_is_a_contradiction_of_a_subclass_too(guard):
    @flask.require_scope("admin")
    class Admin(MethodView):
        pass

    @flask.public
    class Open(Admin):
        pass

    class Listed(Admin):
        decorators = [flask.public]

    for view in (Open, Listed):
        with pytest.raises(UsageError, match="must not be both"):
            view.as_view("x")


def test_flask_public_holds_for_a_subclass(guard):
    @flask.public
    class Open(MethodView):
        def get(self):
            return "open"

    class Decorates(Open):
        decorators = [lambda view: view]

    assert flask_statuses(guard, [Open, Decorates], []) == [200, 200]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_django(guard, bearer, asynchronous):
    @django.require_scope("admin")
    class Admin(DjangoView):
        def get(self, request):
            return HttpResponse("admin")

    @method_decorator(require_safe, name="dispatch")
    class Decorates(Admin):
        def get(self, request):
            return HttpResponse("users")

    class Dispatches(Admin):
        def dispatch(self, request, *args, **kwargs):
            return super().dispatch(request, *args, **kwargs)

    views = [Admin, Decorates, Dispatches]
    project = Site(
        asynchronous,
        [path(str(number), view.as_view()) for number, view in enumerate(views)],
        IINIIT_GUARD=guard,
    )
    for lines, status in ((bearer(), 403), (bearer("admin"), 200), ([], 401)):
        assert [project(f"/{number}", lines)[0] for number in range(len(views))] == [status] * len(
            views
        )


def test_starlette(guard, bearer):
    @starlette.require_scope("admin")
    class Admin(HTTPEndpoint):
        async def get(self, request):
            return Response("admin")

    class Decorates(Admin):
        @starlette.require_token()
        async def get(self, request):
            return Response("users")

    class Dispatches(Admin):
        async def dispatch(self):
            await super().dispatch()

    views = [Admin, Decorates, Dispatches]
    routes = [Route(f"/{number}", view) for number, view in enumerate(views)]
    client = TestClient(GuardMiddleware(Starlette(routes=routes), guard))
    for lines, status in ((bearer(), 403), (bearer("admin"), 200), ([], 401)):
        assert [
            client.get(f"/{number}", headers=text(lines)).status_code
            for number in range(len(views))
        ] == [status] * len(views)
