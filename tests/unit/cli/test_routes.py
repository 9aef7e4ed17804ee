"""`iiniit-guard routes`: each framework, each way to leave a route unguarded."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any, cast

import pytest
from flask import Blueprint, Flask
from flask_restx import Api, Resource
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route, WebSocketRoute
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.asgi import GuardMiddleware as AsgiMiddleware
from iiniit_guard.cli.routes.asgi_routes import asgi_routes
from iiniit_guard.cli.routes.route import Layer, verdicts_of
from iiniit_guard.cli.routes.route import Route as Found
from iiniit_guard.cli.routes.wsgi_routes import wsgi_routes
from iiniit_guard.core.model.policy import ANY_TOKEN, make_policy
from iiniit_guard.flask import IiniitGuard, require_scope
from iiniit_guard.rules import Rule, Rules
from iiniit_guard.starlette import require_scope as require_asgi_scope
from iiniit_guard.testing import Issuer
from iiniit_guard.wsgi import GuardMiddleware
from tests.unit.cli.running import states


@pytest.fixture
def guard():
    with Issuer().guard() as guard:
        yield guard


def page():
    return {}


def flask_app(*paths):
    app = Flask(__name__, static_folder=None)
    for number, path in enumerate(paths):
        app.add_url_rule(path, f"page{number}", page)
    return app


class TestVerdict:
    @pytest.mark.parametrize(
        ("settings", "path", "state", "why"),
        [
            ({}, "/x", "guarded", ""),
            ({"public": ["/x"]}, "/x", "public", "public="),
            ({"public": ["/x/*"]}, "/x/<name>", "public", "public="),
            ({"public": ["/x/known"]}, "/x/<name>", "public", "public="),
            ({"only": ["/api/*"]}, "/x", "unguarded", "outside only="),
            ({"only": ["/api/*"]}, "/api/x", "guarded", ""),
            ({"enforce": "declared"}, "/x", "unguarded", 'enforce="declared", no decorator'),
            ({"optional_token": True}, "/x", "anonymous", ""),
            ({"rules": Rules([Rule("GET", "/x", public=True)])}, "/x", "public", "public rule"),
            ({"rules": Rules([Rule("GET", "/x", ["a"])])}, "/x", "guarded", ""),
            ({"rules": Rules([Rule("GET", "/y", ["a"])])}, "/x", "refused", ""),
        ],
    )
    def test_a_middleware_decides(self, settings, path, state, why):
        layer = Layer("", make_admission(**settings))
        (verdict,) = verdicts_of(Found("http", ("GET",), path, "h", "f:1", layers=(layer,)))

        assert (verdict.state, verdict.why) == (state, why)

    def test_methods_with_different_rules_are_different_rows(self):
        rules = Rules([Rule("GET", "/x", ["a"]), Rule("POST", "/x", public=True)])
        layer = Layer("", make_admission(rules=rules))
        methods = ("DELETE", "GET", "POST", "PUT")
        found = verdicts_of(Found("http", methods, "/x", "h", "", layers=(layer,)))

        assert [(each.route.methods, each.state) for each in found] == [
            (("DELETE", "PUT"), "refused"),
            (("GET",), "guarded"),
            (("POST",), "public"),
        ]

    def test_an_inner_layer_guards_what_the_outer_one_lets_pass(self):
        layers = (
            Layer("", make_admission(only=["/other"])),
            Layer("/sub", make_admission(public=["/open"])),
        )
        for path, state in (("/sub/x", "guarded"), ("/sub/open", "public")):
            assert verdicts_of(Found("http", (), path, "h", "", layers=layers))[0].state == state

    def test_policies_of_any_token_are_not_repeated(self):
        policies = (ANY_TOKEN, make_policy(["a"]), make_policy(["a"]), make_policy(anonymous=True))
        (verdict,) = verdicts_of(Found("http", (), "/", "h", "", (policies,)))

        assert verdict.alternatives == ((make_policy(["a"]),),)


class TestWsgi:
    def test_the_layers_are_followed_from_the_outside(self, guard):
        site = flask_app("/page")
        IiniitGuard(site, guard, enforce="declared")
        site.wsgi_app = ProxyFix(DispatcherMiddleware(site.wsgi_app, {"/old": flask_app("/x")}))
        guarded = GuardMiddleware(site, guard, only=["/old/*"])

        assert states(wsgi_routes(site)) == [
            ("GET", "/old/x", "unguarded"),
            ("GET", "/page", "unguarded"),
        ]
        assert states(wsgi_routes(guarded)) == [
            ("GET", "/old/x", "guarded"),
            ("GET", "/page", "unguarded"),
        ]

    def test_an_application_mounted_inside_the_extension_is_guarded(self, guard):
        site = flask_app("/page")
        site.wsgi_app = DispatcherMiddleware(site.wsgi_app, {"/old": flask_app("/x")})
        IiniitGuard(site, guard)

        assert {state for *_, state in states(wsgi_routes(site))} == {"guarded"}

    def test_a_blueprint_is_guarded_alone(self, guard):
        blueprint = Blueprint("api", __name__, url_prefix="/api")
        blueprint.add_url_rule("/x", view_func=page)
        app = flask_app("/page")
        IiniitGuard(blueprint, guard)
        app.register_blueprint(blueprint)
        routes = list(wsgi_routes(app))

        assert states(routes) == [("GET", "/page", "unguarded"), ("GET", "/api/x", "guarded")]
        assert verdicts_of(routes[1])[0].guarded_by == ("blueprint api",)

    def test_hosts_websockets_and_views_without_a_function_are_listed(self):
        app = Flask(__name__, static_folder=None, subdomain_matching=True)
        app.add_url_rule("/a", "a", page, subdomain="api")
        app.add_url_rule("/b", "b", methods=["OPTIONS"])
        app.add_url_rule("/c", "c", page, websocket=True)

        assert states(wsgi_routes(app)) == [
            ("GET", "api/a", "unguarded"),
            ("OPTIONS", "/b", "unguarded"),
            ("", "/c", "unguarded"),
        ]

    def test_an_unknown_application_is_one_row(self, guard):
        def application(environ, start_response):
            return []

        assert states(wsgi_routes(application)) == [("", "/*", "unguarded")]
        assert states(wsgi_routes(GuardMiddleware(application, guard))) == [("", "/*", "guarded")]


class TestRestx:
    @pytest.mark.parametrize(
        ("decorators", "found"),
        [
            ([require_scope("a")], {"GET": "guarded", "POST": "guarded"}),
            ({"get": [require_scope("a")]}, {"GET": "guarded", "POST": "unguarded"}),
            ([lambda function: function], {"GET": "unguarded", "POST": "unguarded"}),
        ],
        ids=["all", "one", "another decorator"],
    )
    def test_decorators_that_are_applied_at_each_request_count(self, decorators, found):
        class View(Resource):
            method_decorators = decorators

            def get(self):
                return {}

            def post(self):
                return {}

        app = Flask(__name__, static_folder=None)
        Api(app, doc=False).add_resource(View, "/x")
        states = {
            verdict.route.methods[0]: verdict.state
            for route in wsgi_routes(app)
            if route.path == "/x"
            for verdict in verdicts_of(route)
        }

        assert states == found


class TestAsgi:
    def test_a_partial_of_a_guarded_function_is_guarded(self):
        async def handler(request, extra):
            raise AssertionError

        guarded = partial(require_asgi_scope("a")(handler), extra=1)

        assert states(asgi_routes(Starlette(routes=[Route("/x", guarded)]))) == [
            ("GET", "/x", "guarded")
        ]

    def test_layers_and_bridges_are_followed(self, guard):
        class Bridge:  # as a2wsgi: an ASGI application around a WSGI application
            def __init__(self, app):
                self.app = app

            async def __call__(self, scope, receive, send):
                raise AssertionError

        inner = Starlette(routes=[Mount("/flask", Bridge(flask_app("/x")))])
        around = GZipMiddleware(AsgiMiddleware(GZipMiddleware(inner), guard))

        assert states(asgi_routes(around)) == [("GET", "/flask/x", "guarded")]
        assert states(asgi_routes(inner)) == [("GET", "/flask/x", "unguarded")]

    def test_an_application_that_mounts_itself_ends(self):
        app = Starlette()
        app.routes.append(Mount("/again", app=app))
        (found,) = asgi_routes(app)

        assert found.path.count("/again") == 21
        assert found.kind == "mount"

    def test_a_route_of_another_package_is_a_mount(self):
        class Other:
            path = "/other"

        (found,) = asgi_routes(Starlette(routes=[cast("Any", Other())]))

        assert states([found]) == [("", "/other", "unguarded")]

    def test_a_websocket_endpoint_is_guarded_when_it_connects(self):
        async def handler(websocket):
            raise AssertionError

        (found,) = asgi_routes(Starlette(routes=[WebSocketRoute("/ws", handler)]))

        assert (found.kind, states([found])) == ("websocket", [("", "/ws", "unguarded")])

    def test_without_fastapi_the_routes_of_starlette_are_read(self, monkeypatch):
        monkeypatch.delitem(sys.modules, "fastapi", raising=False)
        app = Starlette(routes=[Route("/x", page, methods=["GET", "POST"])])

        assert states(asgi_routes(app)) == [("GET,POST", "/x", "unguarded")]

    def test_a_frontend_of_fastapi_is_listed(self, tmp_path):
        from fastapi import FastAPI

        app = FastAPI(openapi_url=None)
        app.frontend("/ui", directory=str(tmp_path))

        assert ("", "/ui/{path}", "unguarded") in states(asgi_routes(app))
