"""Flask runs only the view that the guard admitted, although the application changes it."""

from __future__ import annotations

import pytest
from flask import Blueprint, Flask, request

from iiniit_guard.flask import IiniitGuard, public, require_scope
from iiniit_guard.rules import Rule, Rules
from iiniit_guard.testing import Issuer
from tests.contract.hosts.flask_views import lines, subject

SECRET = "secret"


def rule_of(app, path):
    return next(rule for rule in app.url_map.iter_rules() if rule.rule == path)


def swap_rule(app):
    """A version, tenant or language chosen by a header: the case that this module is about."""

    def before():
        request.url_rule = rule_of(app, "/v2" + request.path)
        request.routing_exception = None

    app.before_request(before)


def swap_rule_in_a_blueprint(app):
    api = Blueprint("api", "api")
    api.before_app_request(lambda: setattr(request, "url_rule", rule_of(app, "/v2" + request.path)))
    app.register_blueprint(api)


def swap_view(app):
    def before():
        app.view_functions[request.endpoint] = internal

    app.before_request(before)


def swap_view_args_and_endpoint(app):
    def before():
        rule = rule_of(app, "/v2" + request.path)
        request.url_rule, request.view_args = rule, {}

    app.before_request(before)


def swap_at_dispatch(app):
    class Versioned(Flask):
        def dispatch_request(self, *args):
            request.url_rule = rule_of(self, "/v2" + request.path)
            return super().dispatch_request(*args)

    app.__class__ = Versioned


SWAPS = [
    swap_rule,
    swap_rule_in_a_blueprint,
    swap_view,
    swap_view_args_and_endpoint,
    swap_at_dispatch,
]


def internal():
    return SECRET


def status():
    return "ok"


def make_app(guard, swap=None, opened=public, other=internal, **middleware):
    app = Flask("profile")
    IiniitGuard(app, guard, **middleware)
    app.add_url_rule("/status", "status", opened(status))
    app.add_url_rule("/v2/status", "internal", other)
    if swap is not None:
        swap(app)
    return app


def plain(view):
    return view


def reason(answer):
    return answer.status_code, None if answer.status_code == 200 else answer.get_json()["reason"]


@pytest.mark.parametrize("swap", SWAPS)
@pytest.mark.parametrize(
    ("opened", "middleware"),
    [
        (public, {}),
        (plain, {"public": ["/status"]}),
        (public, {"rules": Rules([Rule("*", "/v2/status", scopes="a")])}),
        (plain, {"rules": Rules([Rule("GET", "/status", public=True)])}),
    ],
    ids=["@public", "public path", "@public and rules", "public rule"],
)
def test_no_guarded_view_runs_in_place_of_a_public_one(
    guard, bearer, events, swap, opened, middleware
):
    def get(headers=()):
        return (
            make_app(guard, swap, opened, **middleware)
            .test_client()
            .get("/status", headers=headers)
        )

    refused = get()
    assert reason(refused) == (401, "no_token")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer ")
    assert [event.reason for event in events] == ["no_token"]
    assert reason(get(lines(bearer(expires_in=-60)))) == (401, "expired")
    # Rules apply to the path that the client sent, and in one row no rule matches it.
    unruled = middleware.get("rules") is not None and opened is public
    assert reason(get(lines(bearer("a")))) == ((403, "no_rule") if unruled else (200, None))


@pytest.mark.parametrize("swap", SWAPS)
def test_the_other_views_own_policy_counts(guard, bearer, events, swap):
    app = make_app(guard, swap, other=require_scope("admin")(internal))
    if swap is swap_view:
        app.before_request_funcs[None][-1] = lambda: app.view_functions.update(
            status=app.view_functions["internal"]
        )
    client = app.test_client()

    assert reason(client.get("/status", headers=lines(bearer("user:read")))) == (
        403,
        "missing_scope",
    )
    assert len(events) == 1


@pytest.mark.parametrize("swap", [swap_rule, swap_at_dispatch])
def test_a_public_view_may_run_in_place_of_another(guard, swap):
    app = make_app(guard, swap, other=public(internal))

    assert app.test_client().get("/status").text == SECRET


@pytest.mark.parametrize("swap", [swap_rule, swap_at_dispatch])
def test_a_token_that_was_asked_for_counts_for_every_undecorated_view(guard, bearer, events, swap):
    app = make_app(guard, swap, plain)

    assert app.test_client().get("/status", headers=lines(bearer())).text == SECRET
    assert [event.decision for event in events] == ["allow"]
    assert reason(app.test_client().get("/status")) == (401, "no_token")


def test_a_rule_chosen_before_the_guard_is_the_one_it_decides_about(guard, bearer):
    app = make_app(guard)

    @app.url_value_preprocessor
    def choose(endpoint, values):
        request.url_rule = rule_of(app, "/v2/status")

    client = app.test_client()
    assert reason(client.get("/status")) == (401, "no_token")
    assert client.get("/status", headers=lines(bearer())).text == SECRET


def test_what_needs_no_token_by_its_settings_needs_none_in_another_place(guard, bearer):
    declared = make_app(guard, swap_rule, enforce="declared").test_client()
    assert declared.get("/status").text == SECRET

    optional = make_app(guard, swap_rule, optional_token=True).test_client()
    assert optional.get("/status").text == SECRET
    assert reason(optional.get("/status", headers=lines(bearer(expires_in=-60)))) == (
        401,
        "expired",
    )


def test_the_other_view_sees_the_token_that_it_needed(guard, bearer):
    app = make_app(guard, swap_rule, other=subject)

    assert app.test_client().get("/status", headers=lines(bearer(subject="alice"))).text == "alice"


def test_a_path_without_a_route_is_public_for_no_view(guard):
    app = make_app(guard, public=["/old"])
    app.before_request_funcs[None].append(
        lambda: vars(request).update(url_rule=rule_of(app, "/v2/status"), routing_exception=None)
    )

    assert reason(app.test_client().get("/old")) == (401, "no_token")


def test_an_application_that_skips_its_hooks_is_asked_when_the_view_runs(guard, bearer):
    class Hasty(Flask):
        def preprocess_request(self, *args):
            return None

    app = Hasty("hasty")
    IiniitGuard(app, guard, public=["/healthz"])
    app.add_url_rule("/x", "x", subject)
    app.add_url_rule("/healthz", "healthz", status)
    client = app.test_client()

    assert reason(client.get("/x")) == (401, "no_token")
    assert client.get("/x", headers=lines(bearer(subject="alice"))).text == "alice"
    assert client.get("/healthz").text == "ok"


def test_what_another_application_admitted_does_not_count(guard, bearer):
    """The outer view hands its environ on, with its good token, and the inner application does not
    call its hooks.
    """

    class Hasty(Flask):
        def preprocess_request(self, *args):
            return None

    inner, outer = Hasty("inner"), Flask("outer")
    with Issuer("https://other.test").guard() as other:
        IiniitGuard(inner, other)
        IiniitGuard(outer, guard)
        inner.add_url_rule("/x", "x", internal)
        outer.add_url_rule("/x", "x", lambda: inner.wsgi_app)

        answer = outer.test_client().get("/x", headers=lines(bearer()))

    assert reason(answer) == (401, "unknown_issuer")


def test_outside_a_request_functions_run_as_flask_runs_them(guard):
    app = make_app(guard)

    async def task():
        return "done"

    assert app.ensure_sync(internal) is internal
    assert app.ensure_sync(task)() == "done"
