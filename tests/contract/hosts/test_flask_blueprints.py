"""Guarded blueprints of a Flask application, whose other views work as without the guard."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Blueprint, Flask, request, session
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from iiniit_guard import Guard, UsageError
from iiniit_guard.flask import IiniitGuard, access_token, public, require_scope
from iiniit_guard.testing import Issuer

CONFIG = {"IINIIT_GUARD_ISSUER": "https://auth.example", "IINIIT_GUARD_AUDIENCE": "api"}


def api_of(name="api", **options):
    """Return a blueprint with views of every kind."""
    api = Blueprint(name, __name__, url_prefix=f"/{name}", **options)

    @api.get("/me")
    def me():
        return access_token().subject or ""

    @api.get("/orders")
    @require_scope("orders:read")
    def orders():
        return "orders"

    @api.get("/open")
    @public
    def open_view():
        return "open"

    return api


def site_of(*blueprints, into=None, **config):
    """Return the client of an application with pages, sessions and these blueprints."""
    app = into or Flask(__name__)
    app.config.update(SECRET_KEY="of no use here", **config)

    @app.get("/admin/")
    def admin():
        session["visits"] = session.get("visits", 0) + 1
        return f"visit {session['visits']}"

    @app.post("/admin/")
    def save():
        return "saved"

    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    return app.test_client()


@pytest.fixture
def headers(issuer):
    def make(scope="user:read", by=issuer):
        return {"Authorization": f"Bearer {by.token(scope)}"}

    return make


def reason(answer):
    return answer.status_code, answer.json["reason"]


@pytest.fixture
def client(guard):
    api = api_of()
    IiniitGuard(api, guard)
    return site_of(api)


def test_the_blueprint_is_guarded(client, headers):
    assert reason(client.get("/api/me")) == (401, "no_token")
    assert client.get("/api/me", headers=headers()).text == "user-1"
    assert reason(client.get("/api/orders", headers=headers())) == (403, "missing_scope")
    assert client.get("/api/orders", headers=headers("orders:read")).text == "orders"
    assert client.get("/api/open").text == "open"
    assert reason(client.options("/api/me")) == (401, "no_token")


def test_the_rest_is_untouched(client):
    bad = {"Authorization": "Bearer x.y.z"}
    assert [client.get("/admin/").text for _ in range(2)] == ["visit 1", "visit 2"]
    assert client.post("/admin/", headers=bad).text == "saved"
    assert client.get("/admin/?access_token=x").status_code == 200
    assert client.get("/nowhere", headers=bad).status_code == 404
    assert client.get("/admin").status_code == 308
    assert client.put("/admin/").status_code == 405
    assert client.options("/admin/").status_code == 200


@pytest.mark.parametrize("path", ["//api/me", "/API/me", "/site/../api/me", "/api//me", "/api/me/"])
def test_no_spelling_of_the_path_leads_around_the_guard(client, path):
    assert client.get(path, follow_redirects=True).status_code in (401, 404)


def test_a_decorated_view_outside_requires_a_token(guard, headers):
    api, app = api_of(), Flask(__name__)
    IiniitGuard(api, guard)
    app.add_url_rule("/x", "x", require_scope("user:read")(lambda: "x"))
    client = site_of(api, into=app)
    assert reason(client.get("/x")) == (401, "no_token")
    assert client.get("/x", headers=headers()).text == "x"


def test_nested_blueprints_and_other_names(guard, headers):
    outer, api = Blueprint("outer", __name__, url_prefix="/outer"), api_of()
    outer.register_blueprint(api)
    outer.add_url_rule("/page", "page", lambda: "page")
    IiniitGuard(outer, guard)
    client = site_of(outer)
    assert client.get("/outer/page").status_code == client.get("/outer/api/me").status_code == 401

    api = api_of()
    outer = Blueprint("outer", __name__, url_prefix="/outer")
    outer.add_url_rule("/page", "page", lambda: "page")
    IiniitGuard(api, guard)
    outer.register_blueprint(api)
    app = Flask(__name__)
    app.register_blueprint(api, name="apis", url_prefix="/again")
    client = site_of(outer, into=app)
    assert client.get("/outer/page").text == "page"
    assert client.get("/outer/api/me").status_code == client.get("/again/me").status_code == 401


def test_a_name_that_begins_alike_is_another_blueprint(guard):
    api, apis = api_of(), api_of("apis")
    IiniitGuard(api, guard)
    client = site_of(api, apis)
    assert client.get("/apis/open").text == "open"
    assert client.get("/api/me").status_code == 401


@pytest.fixture
def two():
    """Return the client of an application with a guard for each of two blueprints."""
    issuers = Issuer("https://one.test"), Issuer("https://two.test")
    blueprints = api_of("one"), api_of("two")
    for blueprint, issuer in zip(blueprints, issuers, strict=True):
        IiniitGuard(blueprint, issuer.guard())
    app = Flask(__name__)

    @app.before_request
    def choose():
        wanted = request.headers.get("X-Rule")
        if wanted is not None:
            request.url_rule = next(r for r in app.url_map.iter_rules() if r.rule == wanted)

    return site_of(*blueprints, into=app), issuers


def test_every_blueprint_has_its_own_guard(two, headers):
    client, (one, other) = two
    assert client.get("/one/me", headers=headers(by=one)).text == "user-1"
    assert client.get("/two/me", headers=headers(by=other)).text == "user-1"
    assert reason(client.get("/two/me", headers=headers(by=one))) == (401, "unknown_issuer")


@pytest.mark.parametrize("start", ["/admin/", "/one/me", "/one/open"])
def test_another_view_of_another_part_is_decided_again(two, headers, start):
    client, (one, other) = two
    change = {"X-Rule": "/two/me"}
    assert reason(client.get(start, headers={**headers(by=one), **change})) == (
        401,
        "unknown_issuer",
    )
    if start == "/admin/":
        assert reason(client.get(start, headers=change)) == (401, "no_token")
        assert client.get(start, headers={**headers(by=other), **change}).text == "user-1"
        back = {**headers(by=other), "X-Rule": "/admin/"}
        assert client.get("/two/me", headers=back).text == "visit 1"


def test_the_same_function_in_two_parts(guard, headers):
    """The function is admitted for its endpoint outside, and not for the one in the blueprint."""
    app, api = Flask(__name__), Blueprint("api", __name__, url_prefix="/api")

    def shared():
        return "shared"

    app.add_url_rule("/shared", "shared", shared)
    api.add_url_rule("/shared", "shared", shared)
    IiniitGuard(api, guard)

    @app.before_request
    def choose():
        request.url_rule = next(r for r in app.url_map.iter_rules() if r.rule == "/api/shared")

    client = site_of(api, into=app)
    assert reason(client.get("/shared")) == (401, "no_token")
    assert client.get("/shared", headers=headers()).text == "shared"


def test_code_before_the_route_is_outside(guard):
    def metrics(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"metrics"]

    app, api = Flask(__name__), api_of()
    outside: Any = DispatcherMiddleware(app.wsgi_app, {"/metrics": metrics})
    app.wsgi_app = outside  # type: ignore[method-assign]
    IiniitGuard(api, guard)
    client = site_of(api, into=app)
    assert client.get("/metrics").text == "metrics"
    assert client.get("/api/me").status_code == 401


def test_the_metadata_of_the_resource_is_served(issuer):
    with issuer.guard(resource="https://api.test") as guard:
        api = api_of()
        IiniitGuard(api, guard)
        client = site_of(api)
        where = "/.well-known/oauth-protected-resource"
        assert client.get(where).json["resource"] == "https://api.test"
        assert client.post(where).status_code == 404


def test_misuse(guard):
    api = api_of()
    site_of(api)
    with pytest.raises(UsageError, match="registered already"):
        IiniitGuard(api, guard)

    api, app = api_of(), Flask(__name__)
    IiniitGuard(app, guard)
    IiniitGuard(api, guard)
    with pytest.raises(UsageError, match="guards the blueprint api too"):
        app.register_blueprint(api)

    api, app = api_of(), Flask(__name__)
    IiniitGuard(api, guard)
    app.register_blueprint(api)
    with pytest.raises(UsageError, match="already has an IiniitGuard"):
        IiniitGuard(app, guard)

    with pytest.raises(UsageError, match="must be a Guard"):
        site_of(guarded(api_of()))


def guarded(api, **settings):
    IiniitGuard(api, **settings)
    return api


def test_the_blueprints_of_an_application_share_its_guard():
    one, two = guarded(api_of("one")), guarded(api_of("two"), enforce="declared")
    client = site_of(one, two, **CONFIG)
    assert client.get("/two/orders").status_code == 401
    made = client.application.extensions["iiniit_guard.made"]
    assert isinstance(made, Guard)
    parts = client.application.extensions["iiniit_guard.parts"]
    assert parts.of("one.me").engine is parts.of("two.me").engine is made._engine
