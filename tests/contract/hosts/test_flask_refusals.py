"""The client receives the refusal of a guarded function, although the application drops it."""

from __future__ import annotations

import gc
from typing import Any, cast

import pytest
from flask import Flask, Response, got_request_exception, stream_with_context
from flask_cors import CORS
from werkzeug.exceptions import HTTPException
from werkzeug.test import Client

from iiniit_guard.adapting.response_record import ResponseAborted
from iiniit_guard.core.model.policy import ANY_TOKEN, scope_policy
from iiniit_guard.core.model.request import Request
from iiniit_guard.flask import IiniitGuard
from iiniit_guard.wsgi import GuardMiddleware
from tests.contract.hosts import flask_helper_layouts, flask_layouts, restx_layouts
from tests.contract.hosts.flask_layouts import Overriding, helper, view
from tests.contract.hosts.flask_views import lines

LAYOUTS = {
    **{
        f"flask {name}": layout
        for name, layout in {**flask_layouts.LAYOUTS, **flask_helper_layouts.LAYOUTS}.items()
    },
    **{f"restx {name}": layout for name, layout in restx_layouts.LAYOUTS.items()},
}
READ = scope_policy(("user:read",), "all", (), None)


def make_app(layout, guard, **middleware):
    app = Overriding("layout") if layout is flask_layouts.overridden_methods else Flask("layout")
    app.config.update(RESTX_MASK_SWAGGER=False)
    layout(app)
    IiniitGuard(app, guard, **middleware)
    return app


def plain(guard, lines, method="GET", policy=READ):
    """Return the guard's own refusal of this request."""
    decision = guard.authenticate(Request(method, "/x", headers=[*lines]), policy)
    return decision.status, list(decision.headers), decision.body


def seen(answer, extra=()):
    return (
        answer.status_code,
        [field for field in answer.headers if field[0].lower() not in extra],
        answer.data,
    )


SITUATIONS: dict[str, Any] = {
    "missing scope": ({}, lambda bearer, issuer: bearer("other"), 403),
    "no token, declared": ({"enforce": "declared"}, lambda bearer, issuer: [], 401),
    "expired, declared": (
        {"enforce": "declared"},
        lambda bearer, issuer: bearer(expires_in=-60),
        401,
    ),
    "outage, public path": (
        {"public": ["/x"]},
        lambda bearer, issuer: [*bearer(), *(issuer.fail("connection") or [])],
        503,
    ),
    "no token, optional": ({"optional_token": True}, lambda bearer, issuer: [], 401),
}


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_client_gets_the_refusal_itself(guard, issuer, bearer, name, situation):
    middleware, credentials, status = SITUATIONS[situation]
    app = make_app(LAYOUTS[name], guard, **middleware)
    sent = credentials(bearer, issuer)

    answer = app.test_client().get("/x", headers=lines(sent))

    expected = plain(guard, sent)
    assert expected[0] == status
    assert seen(answer, ("set-cookie", "date")) == expected


@pytest.mark.parametrize(
    "name", [name for name in LAYOUTS if "stream" not in name]
)  # Flask makes no stream for HEAD
def test_head_gets_the_refusal_without_a_body(guard, name):
    app = make_app(LAYOUTS[name], guard, enforce="declared")

    assert seen(app.test_client().head("/x"), ("set-cookie", "date")) == plain(guard, [], "HEAD")


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_good_token_gets_the_applications_answer(guard, bearer, name):
    answer = make_app(LAYOUTS[name], guard).test_client().get("/x", headers=lines(bearer()))

    assert answer.status_code == 200
    assert "ran" in answer.text


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_plain_middleware_around_the_application_sends_it_too(guard, bearer, name):
    app = (
        Overriding("layout")
        if LAYOUTS[name] is flask_layouts.overridden_methods
        else Flask("layout")
    )
    LAYOUTS[name](app)

    answer = Client(GuardMiddleware(app, guard)).get("/x", headers=lines(bearer("other")))

    assert seen(answer, ("set-cookie", "date")) == plain(guard, bearer("other"))


@pytest.mark.parametrize(
    "name",
    ["flask alone", "flask helper_in_try", "flask handler_of_every_exception", "restx marshalled"],
)
def test_header_fields_that_others_add_stay(guard, bearer, name):
    app = make_app(LAYOUTS[name], guard)
    CORS(app, origins=["https://app.example"], supports_credentials=True, expose_headers=["X-Page"])

    @app.after_request
    def identify(response):
        response.headers["X-Request-ID"] = "7"
        response.set_cookie("seen", "yes")
        return response

    sent = [*bearer("other"), (b"origin", b"https://app.example")]
    answer = app.test_client().get("/x", headers=lines(sent))

    status, headers, body = plain(guard, sent)
    assert (answer.status_code, answer.data) == (status, body)
    merged = dict(headers)
    merged["Access-Control-Expose-Headers"] += ", X-Page"
    assert {name: value for name, value in answer.headers if name in merged} == merged
    others = {name: value for name, value in answer.headers if name not in merged}
    assert others == {
        "Access-Control-Allow-Origin": "https://app.example",
        "Access-Control-Allow-Credentials": "true",
        "X-Request-ID": "7",
        "Set-Cookie": "seen=yes; Path=/",
        **({"Vary": "Origin"} if "Vary" in others else {}),
    }


def test_what_the_extension_refuses_by_itself_cannot_be_replaced_either(guard):
    app = make_app(LAYOUTS["flask after_request_that_answers_by_itself"], guard)

    @app.get("/undecorated")
    def undecorated():
        raise AssertionError

    answer = app.test_client().get("/undecorated")

    assert seen(answer) == plain(guard, [], policy=ANY_TOKEN)


# What may be replaced no more


@pytest.mark.parametrize("ignores", [False, True])
def test_a_stream_that_has_begun_is_aborted(guard, bearer, ignores):
    app, ended = Flask("stream"), []

    @app.get("/x")
    def streaming():
        def stream():
            try:
                yield "begun"
                try:
                    helper()
                except HTTPException:
                    if not ignores:
                        raise
                yield "secret"
            finally:
                ended.append(True)

        return Response(stream_with_context(stream()))

    IiniitGuard(app, guard)
    got = []
    with (
        app.test_client().get("/x", headers=lines(bearer("other"))) as answer,
        pytest.raises(ResponseAborted if ignores else HTTPException),
    ):
        got.extend(answer.iter_encoded())

    assert ended == [True]
    assert got == [b"begun"]
    assert answer.status_code == 200


# Exceptions


def test_no_frame_of_the_exception_holds_the_token(guard, bearer):
    caught = []
    app = Flask("frames")

    @app.get("/x")
    def outer():
        try:
            helper()
        except HTTPException as error:
            caught.append(error)
        return "ran"

    IiniitGuard(app, guard)
    token = bearer("other")[0][1].decode().removeprefix("Bearer ")
    app.test_client().get("/x", headers={"Authorization": f"Bearer {token}"})

    (error,) = caught
    assert error.code is None
    assert error.__suppress_context__
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame.f_code.co_name)
        assert token not in repr(trace.tb_frame.f_locals)
        assert "subject" not in repr(trace.tb_frame.f_locals)
        trace = trace.tb_next
    assert frames == ["outer", "guarded"]
    assert token not in repr(vars(error)) + str(error) + repr(error)


def test_a_refusal_is_no_error_of_the_application(guard, bearer):
    errors = []
    app = make_app(LAYOUTS["flask alone"], guard)
    got_request_exception.connect(
        lambda sender, exception: errors.append(exception), app, weak=False
    )

    assert app.test_client().get("/x", headers=lines(bearer("other"))).status_code == 403
    assert errors == []


def test_without_the_wsgi_application_a_refusal_is_raised_or_returned(guard, bearer):
    app = make_app(LAYOUTS["flask alone"], guard, enforce="declared")

    with app.test_request_context("/x", headers=lines(bearer("other"))):
        assert seen(app.full_dispatch_request()) == plain(guard, bearer("other"))
    with app.test_request_context("/x", headers=lines(bearer("other"))):
        app.preprocess_request()
        with pytest.raises(HTTPException) as caught:
            view()
        assert seen(caught.value.get_response()) == plain(guard, bearer("other"))


# Several applications


def test_what_is_decorated_at_every_request_is_forgotten(guard, bearer):
    from iiniit_guard.adapting.decorator_order import _wrapped

    app = make_app(LAYOUTS["restx method_decorators"], guard)
    client = app.test_client()
    for _ in range(20):
        assert client.get("/x", headers=lines(bearer())).status_code == 200
    gc.collect()
    client.get("/x", headers=lines(bearer()))

    assert len(_wrapped[cast("Any", restx_layouts.Plain.get)]) <= 3
