"""`authorize` of the plain middlewares, which the recipes for other frameworks call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from iiniit_guard import Allow, Decision, Policy, UsageError, asgi, wsgi
from iiniit_guard.adapting.request_state import record_policy
from iiniit_guard.adapting.response_record import ResponseAborted
from tests.contract.hosts.calling import answer_of, drive, joined

WRITE = Policy(scopes=("user:write",))


def call_asgi(guard, lines, policy=WRITE, **middleware):
    """Return the response of an application that ignores the decision, and the decision."""
    decisions = []

    async def application(scope, receive, send):
        decisions.append(await asgi.authorize(scope, policy, host="own"))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"secret"})

    app = asgi.GuardMiddleware(application, guard, **middleware)
    return drive(app, "GET", "/x", lines), decisions[0]


def call_wsgi(guard, lines, policy=WRITE, **middleware):
    decisions: list[Decision] = []
    started: list[Any] = []

    def application(environ, start_response):
        decisions.append(wsgi.authorize(environ, policy, host="own"))
        start_response("200 OK", [])
        return [b"secret"]

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "QUERY_STRING": "", **joined(lines)}
    app = wsgi.GuardMiddleware(application, guard, **middleware)

    def start_response(status: str, headers: Any, error: Any = None) -> Any:
        started.append((status, headers))

    content = b"".join(app(environ, start_response))
    return answer_of(int(started[0][0][:3]), started[0][1], content), decisions[0]


each_call = pytest.mark.parametrize("call", [call_asgi, call_wsgi])


@each_call
def test_a_token_with_the_scopes_is_allowed(call, guard, bearer, events):
    answer, decision = call(guard, bearer("user:write"))

    assert isinstance(decision, Allow)
    assert decision.token is not None
    assert decision.token.subject == "user-1"
    assert (answer.status, answer.body) == (200, b"secret")
    assert [event.decision for event in events] == ["allow"]


@each_call
def test_the_refusal_replaces_the_response(call, guard, bearer, events):
    answer, decision = call(guard, bearer("user:read"))

    assert decision.reason == "missing_scope"
    assert (answer.status, answer.body) == (403, decision.body)
    assert 'scope="user:write"' in answer.header("www-authenticate")
    assert [(event.decision, event.host) for event in events][1:] == [("deny", "own")]


@each_call
def test_a_request_that_passed_without_a_token_is_refused(call, guard):
    answer, decision = call(guard, [], public=["/x"])

    assert decision.reason == "no_token"
    assert answer.status == 401


@each_call
def test_an_outage_is_503(call, guard, issuer, bearer):
    lines = bearer("user:write")
    issuer.fail("connection")
    answer, decision = call(guard, lines, public=["/x"])

    assert decision.reason == "issuer_unavailable"
    assert answer.status == 503
    assert answer.header("retry-after")


def test_the_middleware_is_required():
    with pytest.raises(UsageError, match="without the guard's middleware"):
        wsgi.authorize({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, WRITE)
    with pytest.raises(UsageError, match="without the guard's middleware"):
        asyncio.run(asgi.authorize({"type": "http", "path": "/", "headers": []}, WRITE))


def test_a_refusal_after_the_first_byte_aborts_the_response(guard, bearer):
    def application(environ, start_response):
        write = start_response("200 OK", [])
        write(b"begun")
        wsgi.authorize(environ, WRITE, host="own")
        return iter([b"secret"])

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "QUERY_STRING": "", **joined(bearer())}
    sent = []
    app = wsgi.GuardMiddleware(application, guard)

    with pytest.raises(ResponseAborted):
        list(app(environ, lambda *_: sent.append))
    assert sent == [b"begun"]


def test_a_policy_needs_no_record_of_the_middleware():
    record_policy({}, WRITE)
