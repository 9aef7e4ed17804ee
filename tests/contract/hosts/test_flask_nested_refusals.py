"""Refusals of several Flask applications, and of requests within a request."""

from __future__ import annotations

import contextlib

from flask import Flask, request
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from iiniit_guard.flask import IiniitGuard, require_scope
from iiniit_guard.wsgi import GuardMiddleware
from tests.contract.hosts.flask_layouts import view
from tests.contract.hosts.flask_views import lines
from tests.contract.hosts.test_flask_refusals import LAYOUTS, make_app, plain, seen


def test_applications_side_by_side_and_inside_each_other_have_refusals_of_their_own(
    guard, issuer, bearer
):
    with issuer.guard() as other:
        one = make_app(LAYOUTS["flask handler_of_every_exception"], guard)
        two = make_app(LAYOUTS["restx marshalled"], other)
        site = Client(DispatcherMiddleware(one, {"/two": two}))

        assert seen(site.get("/x", headers=lines(bearer("other")))) == plain(guard, bearer("other"))
        assert seen(site.get("/two/x", headers=lines(bearer("other")))) == plain(
            other, bearer("other")
        )
        assert site.get("/two/x", headers=lines(bearer())).status_code == 200
        both = Client(GuardMiddleware(one, other))
        assert seen(both.get("/x", headers=lines(bearer("other")))) == plain(guard, bearer("other"))


def test_a_refusal_of_another_request_within_a_view_is_that_requests_alone(guard, bearer):
    app = make_app(LAYOUTS["flask alone"], guard)

    @app.get("/outer")
    def outer():
        by_client = app.test_client().get("/x", headers=lines(bearer("other")))
        by_environ = app.response_class.from_app(
            inner.wsgi_app, {**request.environ, "iiniit_guard.refusal_record": None}
        )
        return f"{by_client.status_code} {by_environ.status_code}"

    inner = Flask("inner")
    inner.add_url_rule("/outer", view_func=view)
    IiniitGuard(inner, guard)

    answer = app.test_client().get("/outer", headers=lines(bearer("other")))
    assert (answer.status_code, answer.text) == (200, "403 403")


def test_a_refusal_after_one_of_another_application_is_not_lost(guard, bearer):
    app, inner = Flask("outer"), Flask("inner")
    inner.add_url_rule("/x", view_func=view)

    @app.get("/x")
    def outer():
        app.response_class.from_app(inner.wsgi_app, request.environ)
        with contextlib.suppress(HTTPException):
            other_helper()
        return "ran"

    @require_scope("user:write")
    def other_helper():
        raise AssertionError

    IiniitGuard(app, guard)
    IiniitGuard(inner, guard)

    answer = app.test_client().get("/x", headers=lines(bearer()))
    assert (answer.status_code, answer.get_json()["reason"]) == (403, "missing_scope")
