"""A CORS preflight passes the extension only where Flask answers it and no view runs."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from flask import Flask, request
from flask.views import MethodView
from flask_cors import CORS, cross_origin

from iiniit_guard.adapting.admission import Preflights
from iiniit_guard.flask import IiniitGuard, public, require_scope
from iiniit_guard.rules import Rule, Rules
from tests.contract.hosts.flask_views import lines
from tests.contract.hosts.test_flask_other_views import SECRET, internal, reason, rule_of

PREFLIGHT = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "GET")]


def options(app, path="/x", **arguments):
    return app.test_client().options(path, headers=PREFLIGHT, **arguments)


def answering(**arguments):
    """Make an application whose route /x is registered so."""

    def build(app):
        app.add_url_rule("/x", "x", internal, **arguments)

    return build


def with_cross_origin(app):
    app.add_url_rule("/x", "x", cross_origin()(lambda: SECRET))


def with_cross_origin_that_leaves_options_to_flask(app):
    app.add_url_rule("/x", "x", cross_origin(automatic_options=False)(lambda: SECRET))


def with_an_options_method(app):
    class Methods(MethodView):
        def get(self):
            return SECRET

        options = get

    app.add_url_rule("/x", view_func=Methods.as_view("x"))


def without_automatic_options(app):
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.add_url_rule("/x", "x", internal)


@pytest.mark.parametrize(
    ("build", "passes"),
    [
        (answering(), True),
        (answering(methods=["POST"]), True),
        (with_cross_origin_that_leaves_options_to_flask, True),
        (answering(methods=["GET", "OPTIONS"]), False),
        (answering(methods=["GET", "OPTIONS"], provide_automatic_options=False), False),
        (answering(methods=["GET", "OPTIONS"], provide_automatic_options=True), True),
        (with_cross_origin, False),
        (with_an_options_method, False),
        (without_automatic_options, False),
        (lambda app: None, False),
    ],
    ids=[
        *(
            "route",
            "POST route",
            "cross_origin without OPTIONS",
            "lists OPTIONS",
            "not automatic",
            "automatic",
            "cross_origin",
        ),
        *("options method", "never automatic", "no route"),
    ],
)
def test_a_preflight_passes_where_flask_answers_it(guard, caplog, build, passes):
    app = Flask("profile")
    IiniitGuard(app, guard)
    build(app)

    answer = options(app)

    assert SECRET not in answer.text
    assert answer.status_code == (200 if passes else 401)
    if not passes:
        assert reason(answer) == (401, "no_token")
        options(app)
    hints = [
        record
        for record in caplog.records
        if record.levelno == logging.WARNING and "preflight" in record.getMessage()
    ]
    assert len(hints) == (0 if passes else 1)


def test_the_three_modes(guard):
    modes: list[tuple[Preflights, int, int]] = [
        ("auto", 200, 401),
        ("pass", 200, 200),
        ("guard", 401, 401),
    ]
    for mode, automatic, listed in modes:
        app = Flask("profile")
        IiniitGuard(app, guard, preflights=mode)
        app.add_url_rule("/x", "x", internal)
        app.add_url_rule("/listed", "listed", internal, methods=["GET", "OPTIONS"])
        assert [options(app).status_code, options(app, "/listed").status_code] == [
            automatic,
            listed,
        ]


def test_options_that_is_no_preflight_needs_a_token(guard, bearer):
    app = Flask("profile")
    IiniitGuard(app, guard)
    app.add_url_rule("/x", "x", internal)

    assert app.test_client().options("/x").status_code == 401
    assert app.test_client().options("/x", headers=lines(bearer())).status_code == 200


@pytest.mark.parametrize("path", ["/x", "/static/conftest.py"])
def test_flask_cors_answers_through_flask(guard, path):
    app = Flask("profile", static_folder=Path(__file__).parent, static_url_path="/static")
    IiniitGuard(app, guard)
    CORS(app, origins=["https://app.example"])
    app.add_url_rule("/x", "x", require_scope("user:read")(internal))

    answer = options(app, path)

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"


def change_method(app):
    @app.before_request
    def before():
        request.method = "GET"


def clear_automatic_options(app):
    @app.before_request
    def before():
        rule_of(app, request.path).provide_automatic_options = False


def choose_a_rule_that_runs(app):
    app.add_url_rule("/runs", "runs", internal, methods=["GET", "OPTIONS"])

    @app.before_request
    def before():
        request.url_rule = rule_of(app, "/runs")


@pytest.mark.parametrize(
    "change", [change_method, clear_automatic_options, choose_a_rule_that_runs]
)
@pytest.mark.parametrize(("mode", "status"), [("auto", 401), ("pass", 200), ("guard", 401)])
def test_no_view_runs_for_a_preflight_that_flask_was_to_answer(guard, change, mode, status):
    app = Flask("profile")
    IiniitGuard(app, guard, preflights=mode)
    app.add_url_rule("/x", "x", internal)
    change(app)

    answer = options(app)

    assert answer.status_code == status
    assert (SECRET in answer.text) is (status == 200)


def test_a_preflight_of_a_public_view_passes(guard):
    app = Flask("profile")
    IiniitGuard(app, guard, public=["/open"])
    app.add_url_rule("/x", "x", public(internal), methods=["GET", "OPTIONS"])
    app.add_url_rule("/open", "open", internal, methods=["GET", "OPTIONS"])

    assert [options(app, path).text for path in ("/x", "/open")] == [SECRET, SECRET]


def test_rules_that_name_options_are_obeyed(guard):
    app = Flask("profile")
    rules = Rules(
        [
            Rule("OPTIONS", "/x", scopes="a"),
            Rule("OPTIONS", "/open", public=True),
            Rule("GET", "/y", scopes="a"),
        ]
    )
    IiniitGuard(app, guard, rules=rules)
    for path in ("/x", "/open", "/y"):
        app.add_url_rule(path, path[1:], internal)

    assert [options(app, path).status_code for path in ("/x", "/open", "/y")] == [401, 200, 200]
