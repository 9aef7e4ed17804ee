"""Flask's contexts nest and are shared: each request has its own token."""

from __future__ import annotations

import threading

import pytest
from flask import Flask, g, request

from iiniit_guard.errors import UsageError
from iiniit_guard.flask import IiniitGuard, public, require_token
from tests.contract.hosts.flask_views import lines, make_app, prefixed, subject, view


@pytest.fixture
def app(guard):
    return make_app(guard)


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
    with app.app_context():  # all these requests share one g
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

    assert (
        app.test_client().get("/outer", headers=lines(bearer(subject="outer"))).text
        == "outer inner 401 outer"
    )


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
