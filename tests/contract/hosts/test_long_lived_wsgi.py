"""Streaming responses of WSGI and Flask end with their token, between two chunks."""

from __future__ import annotations

import gc
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from flask import Blueprint, Flask

from iiniit_guard import flask as guarded_flask
from iiniit_guard.adapting.response_record import ResponseAborted, TokenEnded
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.flask import IiniitGuard
from iiniit_guard.wsgi import GuardMiddleware, authorize
from tests.contract.hosts.long_lived import Steps


def plain(guard, steps, **settings):
    def application(environ, start_response):
        if settings.get("enforce") == "declared":
            authorize(environ, ANY)
        start_response("200 OK", [])
        return steps.chunks()

    return GuardMiddleware(application, guard, **settings)


def writing(guard, steps, **settings):
    def application(environ, start_response):
        write = start_response("200 OK", [])
        for chunk in steps.chunks():
            write(chunk)
        return []

    return GuardMiddleware(application, guard, **settings)


def flask(guard, steps, mode=None, **settings):
    app = Flask("streaming")
    app.add_url_rule("/x", "x", guarded_flask.require_token(long_lived=mode)(steps.chunks))
    IiniitGuard(app, guard, **settings)
    return app


def blueprint(guard, steps, **settings):
    part = Blueprint("part", "part")
    part.add_url_rule("/x", "x", guarded_flask.require_token()(steps.chunks))
    IiniitGuard(part, guard, **settings)
    app = Flask("streaming")
    app.register_blueprint(part)
    return app


ANY = make_policy()
HOSTS = {"wsgi": plain, "write": writing, "flask": flask, "blueprint": blueprint}


def ask(app, token):
    """Return the chunks that the server sends, and the exception that aborts the response."""
    environ: dict[str, Any] = {"PATH_INFO": "/x"}
    if token is not None:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    setup_testing_defaults(environ)
    sent: list[bytes] = []
    body: Any = ()
    try:
        body = app(environ, lambda *arguments: sent.append)
        sent.extend(body)
    except ResponseAborted as error:
        return sent, error
    finally:
        getattr(body, "close", lambda: None)()
    return sent, None


@pytest.mark.parametrize("host", HOSTS)
class TestEnds:
    def test_when_a_jwt_expires(self, issuer, guard, events, host):
        later = [lambda: None, lambda: issuer.clock.advance(5), lambda: issuer.clock.advance(30)]
        app = HOSTS[host](guard, Steps(*later, never))

        sent, error = ask(app, issuer.token(expires_in=20))

        assert sent == [b"0", b"1", b"2"]
        assert type(error) is TokenEnded
        assert "no longer valid" in str(error)
        assert [(event.decision, event.reason) for event in events] == [
            ("allow", None),
            ("deny", "expired"),
        ]
        assert "the open streaming response was ended" in events[-1].detail
        assert events[-1].host == ("wsgi" if host in ("wsgi", "write") else "flask")

    @pytest.mark.parametrize("mode", ["end", "stop_delivering"])
    def test_also_when_the_second_chunk_comes_later(self, issuer, guard, events, host, mode):
        steps = Steps(lambda: issuer.clock.advance(3600), lambda: None, lambda: None)

        sent, error = ask(HOSTS[host](guard, steps, long_lived=mode), issuer.token(expires_in=20))

        assert sent == [b"0"]
        assert type(error) is TokenEnded
        assert [event.reason for event in events] == [None, "expired"]

    def test_when_an_opaque_token_is_revoked(self, issuer, events, host):
        token = issuer.opaque_token(expires_in=3000)
        steps = [lambda: None, lambda: issuer.clock.advance(70), lambda: issuer.revoke(token)]
        with issuer.guard(on_event=events.append, jwt="introspect") as guard:
            app = HOSTS[host](guard, Steps(*steps, lambda: issuer.clock.advance(61), never))
            sent, error = ask(app, token)

        assert sent == [b"0", b"1", b"2", b"3"]
        assert type(error) is TokenEnded
        assert events[-1].reason == "inactive"

    def test_also_instead_of_a_clean_end(self, issuer, guard, host):
        app = HOSTS[host](guard, Steps(lambda: None))
        sent, error = ask(app, issuer.token(expires_in=20))
        assert (sent, error) == ([b"0", b"1"], None)

        advancing = Steps(lambda: issuer.clock.advance(5), lambda: issuer.clock.advance(30))
        sent, error = ask(HOSTS[host](guard, advancing), issuer.token(expires_in=20))
        assert type(error) is TokenEnded

    def test_discarded_chunks_end_in_an_abort(self, issuer, guard, events, host):
        made = []
        steps = Steps(*[lambda: issuer.clock.advance(15)] * 3, lambda: made.append(True))
        app = HOSTS[host](guard, steps, long_lived="stop_delivering")

        sent, error = ask(app, issuer.token(expires_in=20))

        assert sent == [b"0", b"1"]
        assert made == [True]
        assert type(error) is TokenEnded
        assert "delivers nothing more" in events[-1].detail

    def test_never_when_it_is_off(self, issuer, guard, events, host):
        app = HOSTS[host](guard, Steps(*[lambda: issuer.clock.advance(1000)] * 3), long_lived="off")

        assert ask(app, issuer.token(expires_in=20)) == ([b"0", b"1", b"2", b"3"], None)
        assert len(events) == 1


def never():
    raise AssertionError


def test_a_decorator_overrides_the_middleware(issuer, guard):
    steps = Steps(*[lambda: issuer.clock.advance(1000)] * 3)
    assert ask(flask(guard, steps, mode="off"), issuer.token(expires_in=20))[1] is None


def test_a_decorator_alone_watches_too(issuer, guard):
    for make in (plain, flask):
        steps = Steps(*[lambda: issuer.clock.advance(15)] * 3)
        sent, error = ask(make(guard, steps, enforce="declared"), issuer.token(expires_in=20))
        assert len(sent) < 4
        assert type(error) is TokenEnded


def test_a_guarded_view_outside_every_blueprint_is_watched(issuer, guard):
    app = blueprint(guard, Steps())
    outside = Flask("outside")
    part = Blueprint("part", "part")
    IiniitGuard(part, guard)
    outside.register_blueprint(part)
    steps = Steps(*[lambda: issuer.clock.advance(15)] * 3)
    outside.add_url_rule("/x", "x", guarded_flask.require_token()(steps.chunks))

    assert ask(app, issuer.token())[1] is None
    assert type(ask(outside, issuer.token(expires_in=20))[1]) is TokenEnded


def test_requests_without_a_token_are_not_watched(issuer, guard):
    for make in (plain, writing):
        steps = Steps(*[lambda: issuer.clock.advance(1000)] * 3)
        assert ask(make(guard, steps, optional_token=True), None)[1] is None
    app = Flask("open")
    steps = Steps(*[lambda: issuer.clock.advance(1000)] * 3)
    app.add_url_rule("/x", "x", guarded_flask.public(steps.chunks))
    IiniitGuard(app, guard)
    assert ask(app, issuer.token(expires_in=20))[1] is None


@pytest.mark.parametrize("waits", ["first", "second"])
def test_a_body_that_waits_is_watched_from_its_start(issuer, guard, waits):
    def chunks():
        if waits == "first":
            issuer.clock.advance(3600)
        yield b"0"
        if waits == "second":
            issuer.clock.advance(3600)
        yield b"1"

    def application(environ, start_response):
        start_response("200 OK", [])
        return chunks()

    sent, error = ask(GuardMiddleware(application, guard), issuer.token(expires_in=20))

    assert sent == [b"0"]
    assert type(error) is TokenEnded


def test_middleware_inside_flask_is_watched_too(issuer, guard, events):
    def streaming(environ, start_response):
        start_response("200 OK", [])
        return Steps(lambda: issuer.clock.advance(3600)).chunks()

    app = Flask("inside")
    app.wsgi_app = streaming  # type: ignore[method-assign]  # as the documentation of Flask does
    IiniitGuard(app, guard)

    sent, error = ask(app, issuer.token(expires_in=20))

    assert sent == [b"0"]
    assert type(error) is TokenEnded
    assert [event.reason for event in events] == [None, "expired"]


@pytest.mark.parametrize("mode", ["end", "off"])
def test_a_token_that_a_handler_verifies_later_is_watched(issuer, guard, events, mode):
    """A check without a token, or with the setting `off`, is not the last one."""

    def application(environ, start_response):
        start_response("200 OK", [])
        for number in range(3):
            yield b"%d" % number
            issuer.clock.advance(1)
        authorize(environ, make_policy(["user:read"], long_lived="end"))
        yield b"3"
        issuer.clock.advance(30)
        yield b"late"

    app = GuardMiddleware(application, guard, enforce="declared", long_lived=mode)
    sent, error = ask(app, issuer.token(expires_in=20))

    assert sent == [b"0", b"1", b"2", b"3"]
    assert type(error) is TokenEnded
    assert events[-1].reason == "expired"


def test_a_handler_cannot_renew_a_token_that_has_ended(issuer, guard):
    def application(environ, start_response):
        start_response("200 OK", [])
        yield b"0"
        issuer.clock.advance(30)
        yield b"late"
        authorize(environ, make_policy(long_lived="off"))
        yield b"later"

    app = GuardMiddleware(application, guard, long_lived="stop_delivering")
    sent, error = ask(app, issuer.token(expires_in=20))

    assert sent == [b"0"]
    assert type(error) is TokenEnded


def test_a_validator_that_fails_ends_the_response(issuer, events):
    answers = [True, True]
    with issuer.guard(
        on_event=events.append, validators=[lambda token, request: answers.pop()]
    ) as guard:
        steps = Steps(*[lambda: issuer.clock.advance(400)] * 3)
        assert type(ask(plain(guard, steps), issuer.token(expires_in=3000))[1]) is TokenEnded


@pytest.mark.parametrize("mode", ["end", "stop_delivering"])
def test_the_body_after_what_was_written_does_not_outlive_the_token(issuer, guard, mode):
    def application(environ, start_response):
        write = start_response("200 OK", [])
        write(b"written")
        issuer.clock.advance(30)
        return iter([b"late", b"later"])

    app = GuardMiddleware(application, guard, long_lived=mode)
    sent, error = ask(app, issuer.token(expires_in=20))
    assert (sent, type(error)) == ([b"written"], TokenEnded)


def test_a_refused_request_leaves_nothing_to_the_collector(issuer, guard):
    def application(environ, start_response):
        authorize(environ, make_policy(["admin"]))
        start_response("200 OK", [])
        return [b"never"]

    app, token = GuardMiddleware(application, guard), issuer.token()
    ask(app, token)
    gc.collect()
    gc.disable()
    ask(app, token)
    found = gc.collect()
    gc.enable()
    assert found == 0
