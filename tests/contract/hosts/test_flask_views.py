"""Flask views: classes, admission before they run, decorators on the wrong side of a route."""

from __future__ import annotations

import functools
import inspect

import pytest
from flask import Blueprint, Flask, Response, redirect, request
from flask.views import MethodView, View

from iiniit_guard.adapting.decorators import is_public, policies_of
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.errors import UsageError
from iiniit_guard.flask import IiniitGuard, public, require_any_scope, require_scope, require_token
from tests.contract.hosts.flask_views import lines, make_app, prefixed, subject, view, view_async


@pytest.fixture
def app(guard):
    return make_app(guard)


@require_scope("user:read")
class Whole(View):
    def dispatch_request(self):
        return subject()


class Listed(View):
    decorators = [require_scope("user:read")]

    # Flask runs it, but its types do not allow it
    async def dispatch_request(self):  # type: ignore[override]
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
@pytest.mark.parametrize(
    "middleware",
    [{}, {"enforce": "declared"}, {"public": ("/x",)}, {"optional_token": True}],
    ids=str,
)
def test_every_kind_of_view_is_guarded(guard, bearer, events, name, middleware):
    app = Flask("profile")
    IiniitGuard(app, guard, **middleware)
    app.add_url_rule(
        "/x",
        "x",
        VIEWS[name](),
        methods=None
        if name in ("decorated class", "decorators of a class", "methods")
        else ["GET"],
    )
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
    assert policies_of(stacked) == (
        make_policy(["user:write"]),
        make_policy(["a", "user:read"], match="any"),
        make_policy(),
    )


def test_decorated_views_keep_their_looks():
    @require_scope("user:read")
    def user(number: int) -> str:
        """Show a user."""
        return ""

    assert user.__name__ == "user"
    assert user.__doc__ == "Show a user."
    assert list(inspect.signature(user).parameters) == ["number"]


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
    with pytest.raises(UsageError, match="must not be both"):
        decorators[0](decorators[1](prefixed))

    class Both(View):
        pass

    for decorator in decorators:
        decorator(Both)
    with pytest.raises(UsageError, match="must not be both"):
        Both.as_view("x")


@pytest.mark.parametrize(
    "thing",
    [None, 3, Flask("x"), Blueprint("b", "b"), staticmethod(prefixed), Exception, Response()],
    ids=repr,
)
@pytest.mark.parametrize("decorator", [public, require_scope("user:read")])
def test_what_is_no_view_cannot_be_decorated(thing, decorator):
    with pytest.raises(UsageError, match="can be decorated"):
        decorator(thing)


# Decorators on the wrong side of the route decorator


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
    def both():  # a local name, which cannot be looked up
        return redirect("/")

    app.add_url_rule("/any", "any", both)
    app.add_url_rule("/scoped", "scoped", require_scope("user:write")(both))
    client = app.test_client()

    assert client.get("/any", headers=lines(bearer())).status_code == 302
    assert client.get("/scoped", headers=lines(bearer())).status_code == 403
