"""Applications with their own dispatch, without `ensure_sync` and automatic OPTIONS."""

from __future__ import annotations

import pytest
from flask import Flask, g, request

from iiniit_guard.flask import IiniitGuard, public, require_scope
from tests.contract.hosts.flask_views import lines, subject
from tests.contract.hosts.test_flask_other_views import SECRET, internal, reason, rule_of
from tests.contract.hosts.test_flask_preflights import options


class Own(Flask):
    """An application whose dispatch runs the view of the rule."""

    def dispatch_request(self, *args):
        if request.routing_exception:
            raise request.routing_exception
        return self.choose()(**request.view_args or {})

    def choose(self):
        return self.view_functions[request.endpoint]  # type: ignore[index]  # a route was found


class Choosing(Own):
    """An application that runs another view than that of the rule, as an API with versions does."""

    def choose(self):
        return self.view_functions["internal"]


class ChoosingByGet(Own):
    def choose(self):
        return self.view_functions.get("internal")


class ChoosingByValue(Own):
    def choose(self):
        return list(self.view_functions.values())[-1]


class ChoosingByItem(Own):
    def choose(self):
        return next(
            view for endpoint, view in self.view_functions.items() if endpoint == "internal"
        )


class ChoosingEarly(Own):
    """An application that looks up the view before it dispatches."""

    def preprocess_request(self, *args):
        g.chosen = self.view_functions["internal"]
        return super().preprocess_request(*args)

    def choose(self):
        return g.chosen


class ChoosingByRule(Own):
    def choose(self):
        request.url_rule = rule_of(self, "/v2/status")
        return super().choose()


class Hasty(Own):
    """An application that skips `full_dispatch_request` and the functions before a view."""

    def wsgi_app(self, environ, start_response):
        with self.request_context(environ):
            return self.make_response(self.choose()())(environ, start_response)

    def choose(self):
        return self.view_functions["internal"]


class HastyDispatch(Own):
    def wsgi_app(self, environ, start_response):
        with self.request_context(environ):
            return self.make_response(self.ensure_sync(self.dispatch_request)())(
                environ, start_response
            )

    def choose(self):
        return self.view_functions["internal"]


class Ensuring(Own):
    """An application that dispatches as Flask does, but runs another view."""

    def choose(self):
        return self.ensure_sync(self.view_functions["internal"])


def on_the_object(app):
    app.dispatch_request = lambda *args: app.view_functions["internal"]()
    return app


CHOOSING = [
    Choosing,
    ChoosingByGet,
    ChoosingByValue,
    ChoosingByItem,
    ChoosingEarly,
    ChoosingByRule,
    Hasty,
    HastyDispatch,
    Ensuring,
]


def make_app(guard, cls, other=internal, **settings):
    app = cls("profile")
    IiniitGuard(app, guard, **settings)
    app.add_url_rule("/status", "status", public(lambda: "ok"))
    app.add_url_rule("/v2/status", "internal", other)
    return app


def get(app, headers=()):
    return app.test_client().get("/status", headers=headers)


@pytest.mark.parametrize("cls", [*CHOOSING, lambda name: on_the_object(Flask(name))])
def test_no_other_view_runs_without_a_token(guard, bearer, events, cls):
    ran = []
    app = make_app(guard, cls, lambda: (ran.append(True), SECRET)[1])

    assert reason(get(app)) == (401, "no_token")
    assert reason(get(app, lines(bearer(expires_in=-60)))) == (401, "expired")
    assert ran == []
    assert get(app, lines(bearer())).text == SECRET
    assert [event.reason for event in events][:2] == ["no_token", "expired"]


@pytest.mark.parametrize("cls", CHOOSING)
def test_the_other_views_own_policy_counts(guard, bearer, cls):
    app = make_app(guard, cls, require_scope("admin")(internal))

    assert reason(get(app, lines(bearer("user:read")))) == (403, "missing_scope")
    assert get(app, lines(bearer("admin"))).text == SECRET


@pytest.mark.parametrize("cls", CHOOSING)
def test_another_public_view_runs(guard, cls):
    assert get(make_app(guard, cls, public(internal), public=["/status"])).text == SECRET


@pytest.mark.parametrize(
    "cls", [Choosing, ChoosingByGet, ChoosingByValue, ChoosingByItem, ChoosingByRule]
)
def test_a_class_that_comes_later_is_noticed(guard, cls):
    app = make_app(guard, Flask)
    app.__class__ = cls

    assert reason(get(app)) == (401, "no_token")


def test_the_view_that_flask_found_runs(guard, bearer):
    app = make_app(guard, Own, subject)

    assert get(app).text == "ok"
    assert (
        app.test_client().get("/v2/status", headers=lines(bearer(subject="alice"))).text == "alice"
    )
    assert reason(app.test_client().get("/nowhere")) == (401, "no_token")
    assert app.test_client().get("/nowhere", headers=lines(bearer())).status_code == 404


def test_a_view_that_was_not_admitted_can_be_looked_at(guard):
    """A public page lists the views of the application: their documentation, and the class of a
    class-based view.
    """
    app = make_app(guard, Own)

    @app.get("/listed")
    @public
    def listed():
        assert app.view_functions.get("nothing", "default") == "default"
        with pytest.raises(KeyError):
            app.view_functions["nothing"]
        view = app.view_functions["internal"]
        return {"seen": [view.__module__, view.__name__, view.__code__.co_name]}

    assert app.test_client().get("/listed").get_json()["seen"] == [
        internal.__module__,
        "internal",
        "internal",
    ]
    assert app.view_functions["internal"] is internal


def test_an_async_view_runs_as_flask_runs_it(guard, bearer):
    async def view():
        return subject()

    app = make_app(guard, Ensuring, view, optional_token=True)
    refused = get(app, lines(bearer(expires_in=-60)))

    assert reason(refused) == (401, "expired")
    assert get(app, lines(bearer(subject="alice"))).text == "alice"


class WithItsOwnOptions(Flask):
    def make_default_options_response(self, *args):
        return self.make_response(SECRET)


class WithItsOwnFullDispatch(Flask):
    def full_dispatch_request(self, *args):
        return self.make_response(internal())


def with_its_own_wsgi_app(name):
    class WithItsOwn(Flask):
        def wsgi_app(self, environ, start_response):
            with self.request_context(environ):
                response = self.preprocess_request() or internal()
                return self.make_response(response)(environ, start_response)

    return WithItsOwn(name)


def with_options_on_the_object(name):
    app = Flask(name)

    def respond(*args):
        return app.make_response(SECRET)

    app.make_default_options_response = respond  # type: ignore[method-assign]
    return app


OPTIONS = [
    *(
        Own,
        WithItsOwnOptions,
        WithItsOwnFullDispatch,
        with_its_own_wsgi_app,
        with_options_on_the_object,
    ),
    lambda name: on_the_object(Flask(name)),
]


@pytest.mark.parametrize("make", OPTIONS)
@pytest.mark.parametrize("is_late", [False, True])
def test_a_preflight_passes_only_where_flasks_own_code_answers_it(guard, make, is_late):
    app = Flask("profile") if is_late and isinstance(make, type) else make("profile")
    IiniitGuard(app, guard)
    app.add_url_rule("/x", "x", internal)
    app.add_url_rule("/internal", "internal", internal)
    if isinstance(make, type):
        app.__class__ = make

    assert reason(options(app)) == (401, "no_token")


def test_all_preflights_pass_if_the_settings_say_so(guard):
    app = Own("profile")
    IiniitGuard(app, guard, preflights="pass")
    app.add_url_rule("/x", "x", internal)

    assert options(app).text == SECRET
