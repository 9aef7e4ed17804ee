"""Flask applications: their own responses, the place of the guard, blueprints."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Blueprint, Flask

from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.errors import SettingsError, UsageError
from iiniit_guard.flask import IiniitGuard, public
from iiniit_guard.wsgi import GuardMiddleware
from tests.contract.hosts.flask_views import lines, make_app, prefixed, view, view_async

HERE = Path(__file__).parent


@pytest.fixture
def app(guard):
    return make_app(guard)


def test_whatever_flask_answers_itself_is_guarded(guard, bearer):
    app = Flask("profile", static_folder=HERE, static_url_path="/static")
    IiniitGuard(app, guard)
    app.add_url_rule("/dir/", view_func=view)
    client = app.test_client()

    for method, path in [
        ("GET", "/nowhere"),
        ("GET", "/dir"),
        ("POST", "/dir/"),
        ("OPTIONS", "/dir/"),
        ("GET", "/static/conftest.py"),
    ]:
        assert client.open(path, method=method).status_code == 401
    good = lines(bearer())
    assert client.get("/nowhere", headers=good).status_code == 404
    assert client.get("/dir", headers=good).status_code == 308
    assert client.post("/dir/", headers=good).status_code == 405
    assert client.options("/dir/", headers=good).status_code == 200
    with client.get("/static/conftest.py", headers=good) as answer:
        assert answer.status_code == 200


def test_public_paths_open_the_static_files(guard):
    app = Flask("profile", static_folder=HERE, static_url_path="/static")
    IiniitGuard(app, guard, public=("/static/*",))
    client = app.test_client()

    with client.get("/static/conftest.py") as answer:
        assert answer.status_code == 200
    assert client.get("/static/../nowhere").status_code == 401
    assert client.get("//static/conftest.py").status_code == 401


def test_rules_join_the_policies_of_views(guard, bearer):
    class Rules:
        def policy_for(self, request):
            return make_policy(["from:rules"])

    app = Flask("profile")
    IiniitGuard(app, guard, rules=Rules())
    app.add_url_rule("/x", view_func=view)
    client = app.test_client()

    assert client.get("/x", headers=lines(bearer("user:read"))).status_code == 403
    assert client.get("/x", headers=lines(bearer("from:rules"))).status_code == 403
    assert client.get("/x", headers=lines(bearer("from:rules user:read"))).status_code == 200


def test_the_guard_is_first_whenever_it_comes(guard):
    ran = []
    app = Flask("profile")
    app.before_request(lambda: ran.append("before"))
    extension = IiniitGuard()
    extension.init_app(app, guard)
    app.before_request(lambda: ran.append("after"))

    assert app.test_client().get("/x").status_code == 401
    assert ran == []
    assert app.extensions["iiniit_guard"] is extension


def test_one_extension_guards_several_applications(guard, bearer):
    extension = IiniitGuard(guard=guard, public=("/open",))
    for name in ("one", "two"):
        app = Flask(name)
        extension.init_app(app)
        app.add_url_rule("/x", view_func=view)
        assert app.test_client().get("/x").status_code == 401
        assert app.test_client().get("/open").status_code == 404
        assert app.test_client().get("/x", headers=lines(bearer())).status_code == 200


def test_faults_of_use(guard):
    with pytest.raises(UsageError, match="must be a Guard"):
        IiniitGuard(Flask("x"))
    app = Flask("x")
    IiniitGuard(app, guard)
    with pytest.raises(UsageError, match="already"):
        IiniitGuard(app, guard)
    with pytest.raises(SettingsError):
        IiniitGuard(public=("*",))


def test_without_its_middleware_a_view_fails_and_never_runs(bearer):
    app = Flask("profile")
    app.add_url_rule("/x", view_func=view)
    app.add_url_rule("/y", view_func=view_async)

    for path in ("/x", "/y"):
        assert app.test_client().get(path, headers=lines(bearer())).status_code == 500
    app.testing = True
    with pytest.raises(UsageError, match="without the guard's middleware"):
        app.test_client().get("/x", headers=lines(bearer()))


def test_the_plain_wsgi_middleware_serves_decorated_views_too(guard, bearer):
    app = Flask("profile")
    app.add_url_rule("/x", view_func=view)
    # as Flask documents
    app.wsgi_app = GuardMiddleware(app.wsgi_app, guard)  # type: ignore[method-assign]

    assert app.test_client().get("/x", headers=lines(bearer(subject="alice"))).text == "alice"
    assert app.test_client().get("/x", headers=lines(bearer("other"))).status_code == 403


def test_blueprints_are_guarded(app, bearer):
    api = Blueprint("api", "api", url_prefix="/v1")
    api.add_url_rule("/x", view_func=view)
    api.add_url_rule("/open", "open", public(prefixed), defaults={"prefix": ""})
    app.register_blueprint(api)
    client = app.test_client()

    assert client.get("/v1/x").status_code == 401
    assert client.get("/v1/x", headers=lines(bearer("other"))).status_code == 403
    assert client.get("/v1/x", headers=lines(bearer(subject="alice"))).text == "alice"


def test_refusals_go_through_the_applications_after_request(app):
    @app.after_request
    def add_cors(response):
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    @app.errorhandler(401)
    def never(error):
        raise AssertionError

    answer = app.test_client().get("/x")

    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
