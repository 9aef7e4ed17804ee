"""The decision of a Flask guard and the code that runs around the dispatch of a request."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from iiniit_guard.errors import UsageError
from iiniit_guard.flask import IiniitGuard, public, require_token
from iiniit_guard.testing import Issuer
from iiniit_guard.wsgi import GuardMiddleware
from tests.contract.hosts.flask_views import lines, subject
from tests.contract.hosts.test_flask_before_dispatch import answer, answering, make_app
from tests.contract.hosts.test_flask_other_views import SECRET, internal, reason


@answering
def url_value_preprocessor(app):
    app.url_value_preprocessor(answer)


def test_middleware_that_copies_the_environ_hides_no_decision(guard, events):
    app = Flask("profile")
    app.add_url_rule("/x", "x", public(lambda: "open"))
    inner = app.wsgi_app

    def with_a_copy(environ, start_response):
        return iter(inner({**environ}, start_response))

    app.wsgi_app = with_a_copy  # type: ignore[method-assign]
    IiniitGuard(app, guard)

    assert app.test_client().get("/x").text == "open"
    assert events == []


def test_another_guard_between_hides_no_decision(guard, bearer):
    app = Flask("profile")
    app.add_url_rule("/x", "x", internal)
    with Issuer("https://other.test").guard() as other:
        outer = GuardMiddleware(app.wsgi_app, other, enforce="declared")
        app.wsgi_app = outer  # type: ignore[method-assign]
        IiniitGuard(app, guard)

        assert reason(app.test_client().get("/x")) == (401, "no_token")
        assert app.test_client().get("/x", headers=lines(bearer())).text == SECRET


def test_the_metadata_are_the_guards_own(issuer):
    with issuer.guard(resource="https://api.test") as guard:
        client = make_app(guard, url_value_preprocessor).test_client()
        assert client.get(guard._engine.metadata_path).get_json()["resource"] == "https://api.test"
        assert reason(client.get("/x")) == (401, "no_token")


def test_refusals_go_on_through_functions_that_run_after(guard):
    app = make_app(guard, url_value_preprocessor)
    app.after_request(lambda response: (response.headers.add("X-Request-ID", "7"), response)[1])

    assert app.test_client().get("/x").headers["X-Request-ID"] == "7"


def test_an_application_that_calls_only_its_preprocessing_is_guarded(guard, bearer):
    ran = []
    app = make_app(
        guard, lambda app: app.url_value_preprocessor(lambda *arguments: ran.append(True))
    )

    with app.test_request_context("/x"):
        refused: Any = app.preprocess_request()
        assert (reason(refused), ran) == ((401, "no_token"), [])
        again: Any = app.preprocess_request()
        assert reason(again) == (401, "no_token")
    with app.test_request_context("/x", headers=lines(bearer(subject="alice"))):
        assert app.preprocess_request() is None
        assert (app.preprocess_request(), subject(), ran) == (None, "alice", [True, True])


@pytest.mark.parametrize("propagates", [True, False])
def test_a_misplaced_decorator_is_the_developers_to_see(guard, bearer, propagates):
    app = Flask("profile")
    app.config["PROPAGATE_EXCEPTIONS"] = propagates
    IiniitGuard(app, guard)

    def register():
        @require_token()
        @app.get("/x")
        def wrong():
            return SECRET

        return wrong

    decorated = register()
    assert decorated is not app.view_functions["wrong"]
    if propagates:
        with pytest.raises(UsageError, match="above the route decorator"):
            app.test_client().get("/x")
    else:
        assert app.test_client().get("/x").status_code == 401
        assert app.test_client().get("/x", headers=lines(bearer())).status_code == 500
