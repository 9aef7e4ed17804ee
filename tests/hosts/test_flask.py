"""What is special to Flask: views known before they run, contexts that nest, class-based views, what is registered where."""

from __future__ import annotations

import functools
import inspect
import threading
from pathlib import Path

import pytest
from flask import Blueprint, Flask, Response, g, redirect, request
from flask.views import MethodView, View

from iiniit_guard.core.handler import is_public, policies_of
from iiniit_guard.core.policy import make_policy
from iiniit_guard.errors import SettingsError, UsageError
from iiniit_guard.flask import IiniitGuard, access_token, public, require_any_scope, require_scope, require_token
from iiniit_guard.wsgi import GuardMiddleware

HERE = Path(__file__).parent


@pytest.fixture
def app(guard):
    app = Flask("profile")
    app.config["PROPAGATE_EXCEPTIONS"] = True
    IiniitGuard(app, guard)
    return app


def lines(pairs):
    return [(name.decode(), value.decode()) for name, value in pairs]


def subject():
    return access_token().subject


@require_scope("user:read")
def view():
    return subject()


@require_scope("user:read")
async def view_async():
    return subject()


@require_scope("user:read")
class Whole(View):
    def dispatch_request(self):
        return subject()


class Listed(View):
    decorators = [require_scope("user:read")]

    async def dispatch_request(self):  # type: ignore[override]  # Flask runs it; its types do not say so
        return subject()


class Methods(MethodView):
    @require_scope("user:read")
    def get(self):
        return subject()

    @require_scope("user:read")
    async def post(self):
        return subject()


class Holder:
    @require_scope("user:read")
    def view(self):
        return subject()


def prefixed(prefix):
    return subject()


VIEWS = {
    "function": lambda: view,
    "async function": lambda: view_async,
    "decorated class": lambda: Whole.as_view("x"),
    "decorators of a class": lambda: Listed.as_view("x"),
    "methods": lambda: Methods.as_view("x"),
    "bound method": lambda: Holder().view,
    "partial inside": lambda: require_scope("user:read")(functools.partial(prefixed, "x")),
    "partial outside": lambda: functools.partial(require_scope("user:read")(prefixed), "x"),
}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("middleware", [{}, {"enforce": "declared"}, {"public": ("/x",)}, {"optional_token": True}], ids=str)
def test_every_kind_of_view_is_guarded(guard, bearer, events, name, middleware):
    app = Flask("profile")
    IiniitGuard(app, guard, **middleware)
    app.add_url_rule("/x", "x", VIEWS[name](), methods=None if name in ("decorated class", "decorators of a class", "methods") else ["GET"])
    client = app.test_client()

    assert client.get("/x", headers=lines(bearer(subject="alice"))).text == "alice"
    assert [event.decision for event in events] == ["allow"]
    refused = client.get("/x", headers=lines(bearer("other")))
    assert refused.status_code == 403
    assert refused.get_json()["reason"] == "missing_scope"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert client.get("/x").status_code == 401
    assert events[-1].reason == "no_token"
    assert {event.host for event in events} == {"flask"}


def test_one_policy_is_one_event(app, bearer, events):
    app.add_url_rule("/x", view_func=view)

    assert app.test_client().get("/x", headers=lines(bearer("other"))).status_code == 403
    assert [event.decision for event in events] == ["deny"]


def test_stacked_decorators_all_decide(app, bearer):
    @app.get("/x")
    @require_scope("user:write")
    @require_any_scope("a", "user:read")
    @require_token()
    def stacked():
        return subject()

    client = app.test_client()
    assert client.get("/x", headers=lines(bearer("user:read user:write"))).status_code == 200
    assert client.get("/x", headers=lines(bearer("user:read"))).status_code == 403
    refused = client.get("/x", headers=lines(bearer("user:write")))
    assert refused.status_code == 403
    assert 'scope="a"' in refused.headers["WWW-Authenticate"]
    assert policies_of(stacked) == (make_policy(["user:write"]), make_policy(["a", "user:read"], match="any"), make_policy())


def test_decorated_views_keep_their_looks():
    @require_scope("user:read")
    def user(number: int) -> str:
        """Show a user."""
        return ""

    assert user.__name__ == "user"
    assert user.__doc__ == "Show a user."
    assert list(inspect.signature(user).parameters) == ["number"]


def test_whatever_flask_answers_itself_is_guarded(guard, bearer):
    app = Flask("profile", static_folder=HERE, static_url_path="/static")
    IiniitGuard(app, guard)
    app.add_url_rule("/dir/", view_func=view)
    client = app.test_client()

    for method, path in [("GET", "/nowhere"), ("GET", "/dir"), ("POST", "/dir/"), ("OPTIONS", "/dir/"), ("GET", "/static/test_flask.py")]:
        assert client.open(path, method=method).status_code == 401
    good = lines(bearer())
    assert client.get("/nowhere", headers=good).status_code == 404
    assert client.get("/dir", headers=good).status_code == 308
    assert client.post("/dir/", headers=good).status_code == 405
    assert client.options("/dir/", headers=good).status_code == 200
    with client.get("/static/test_flask.py", headers=good) as answer:
        assert answer.status_code == 200


def test_public_paths_open_the_static_files(guard):
    app = Flask("profile", static_folder=HERE, static_url_path="/static")
    IiniitGuard(app, guard, public=("/static/*",))
    client = app.test_client()

    with client.get("/static/test_flask.py") as answer:
        assert answer.status_code == 200
    assert client.get("/static/../nowhere").status_code == 401
    assert client.get("//static/test_flask.py").status_code == 401


def test_public_views_are_not_asked(app, bearer, events):
    @app.route("/f", methods=["GET", "POST"])
    @public
    def function():
        return repr(request.environ["iiniit_guard.access_token"])

    @app.get("/a")
    @public
    async def asynchronous():
        return "async"

    @public
    class Health(View):
        def dispatch_request(self):
            return "class"

    app.add_url_rule("/c", view_func=Health.as_view("c"))
    client = app.test_client()

    assert client.get("/f").text == client.post("/f", headers=lines(bearer())).text == "None"
    assert client.options("/f").status_code == 200
    assert client.get("/a").text == "async"
    assert client.get("/c", headers={"Authorization": "nonsense"}).text == "class"
    assert events == []


def test_public_marks_what_it_decorates_and_nothing_else(app):
    def plain():
        return "plain"

    app.add_url_rule("/open", "open", public(plain))
    app.add_url_rule("/shut", "shut", plain)
    client = app.test_client()

    assert client.get("/open").status_code == 200
    assert client.get("/shut").status_code == 401
    assert not is_public(plain)


@pytest.mark.parametrize("decorators", [(public, require_token()), (require_token(), public)])
def test_public_and_guarded_is_a_contradiction(decorators):
    with pytest.raises(UsageError, match="not both"):
        decorators[0](decorators[1](prefixed))

    class Both(View):
        pass

    for decorator in decorators:
        decorator(Both)
    with pytest.raises(UsageError, match="not both"):
        Both.as_view("x")


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
    with pytest.raises(UsageError, match="a Guard is wanted"):
        IiniitGuard(Flask("x"))
    app = Flask("x")
    IiniitGuard(app, guard)
    with pytest.raises(UsageError, match="already"):
        IiniitGuard(app, guard)
    with pytest.raises(SettingsError):
        IiniitGuard(public=("*",))


@pytest.mark.parametrize("thing", [None, 3, Flask("x"), Blueprint("b", "b"), staticmethod(prefixed), Exception, Response()], ids=repr)
@pytest.mark.parametrize("decorator", [public, require_scope("user:read")])
def test_what_is_no_view_cannot_be_decorated(thing, decorator):
    with pytest.raises(UsageError, match="can be decorated"):
        decorator(thing)


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
    app.wsgi_app = GuardMiddleware(app.wsgi_app, guard)  # type: ignore[method-assign]  # as Flask documents

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


# Contexts


def test_there_is_a_token_only_where_there_is_one(guard, bearer):
    app = Flask("profile")
    IiniitGuard(app, guard, public=("/open",))
    app.add_url_rule("/open", "open", prefixed, defaults={"prefix": ""})

    app.testing = True
    with pytest.raises(UsageError, match="no access token"):
        app.test_client().get("/open", headers=lines(bearer()))


def test_a_shared_application_context_shares_no_token(app, bearer):
    @app.get("/open")
    @public
    def open_view():
        g.seen = True
        return repr(request.environ["iiniit_guard.access_token"])

    app.add_url_rule("/x", view_func=view)
    with app.app_context():  # g is one for all these requests
        client = app.test_client()
        assert client.get("/x", headers=lines(bearer(subject="alice"))).text == "alice"
        assert client.get("/open").text == "None"
        assert client.get("/x").status_code == 401
        assert client.get("/x", headers=lines(bearer(subject="bob"))).text == "bob"


def test_nested_requests_have_their_own_token(app, bearer):
    @app.get("/outer")
    @require_token()
    def outer():
        before = subject()
        inner = app.test_client().get("/x", headers=lines(bearer(subject="inner"))).text
        refused = app.test_client().get("/x").status_code
        return f"{before} {inner} {refused} {subject()}"

    app.add_url_rule("/x", view_func=view)

    assert app.test_client().get("/outer", headers=lines(bearer(subject="outer"))).text == "outer inner 401 outer"


def test_threads_do_not_mix_tokens(app, bearer):
    app.add_url_rule("/x", view_func=view)
    barrier, wrong = threading.Barrier(4), []

    def run(name):
        headers = lines(bearer(subject=name))
        barrier.wait()
        for _ in range(20):
            got = app.test_client().get("/x", headers=headers).text
            wrong.extend([got] * (got != name))

    threads = [threading.Thread(target=run, args=(f"user-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


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


# The wrong side


def test_a_decorator_above_the_route_is_told_at_the_first_request(app, bearer):
    @require_scope("user:write")
    @app.get("/wrong")
    def wrong():
        raise AssertionError

    for _ in range(2):
        with pytest.raises(UsageError, match=r"above the route decorator.*wrong"):
            app.test_client().get("/wrong", headers=lines(bearer()))


def test_it_is_told_when_the_wrapper_is_forgotten_and_with_others_between(guard, bearer):
    def between(function):
        @functools.wraps(function)
        def inner():
            return function()

        return inner

    def create():
        app = Flask("profile")
        IiniitGuard(app, guard)
        api = Blueprint("api", "api")

        @require_scope("user:write")
        @between
        @api.get("/wrong")
        def wrong():
            raise AssertionError

        app.register_blueprint(api)
        return app

    answer = create().test_client().get("/wrong", headers=lines(bearer()))
    assert answer.status_code == 500


def test_a_function_registered_with_and_without_its_decorator_is_meant_so(app, bearer):
    def both():  # a local name, which nobody can look up
        return redirect("/")

    app.add_url_rule("/any", "any", both)
    app.add_url_rule("/scoped", "scoped", require_scope("user:write")(both))
    client = app.test_client()

    assert client.get("/any", headers=lines(bearer())).status_code == 302
    assert client.get("/scoped", headers=lines(bearer())).status_code == 403
