"""WSGI specifics: the environ, iterables and their clean-up."""

from __future__ import annotations

from typing import Any

import pytest

from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.policy import ANY_TOKEN
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.errors import SettingsError, UsageError
from iiniit_guard.wsgi import GuardMiddleware

KEYS = ("iiniit_guard.access_token", "iiniit_guard.principal", "iiniit_guard.engine")


class Body:
    """An iterable that records its `close`."""

    closed = False

    def __iter__(self):
        return iter([b"a", b"b"])

    def close(self):
        self.closed = True


class Application:
    def __init__(self):
        self.environs = []
        self.body = Body()

    def __call__(self, environ, start_response):
        self.environs.append(environ)
        start_response("200 OK", [])
        return self.body


def environ_with(lines, **more):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "QUERY_STRING": "", **more}
    for _, value in lines:
        environ["HTTP_AUTHORIZATION"] = value.decode()
    return environ


def call(app, environ):
    started = []
    body = app(environ, lambda status, headers, error=None: started.append((status, headers)))
    return started[0], body


def test_the_server_closes_the_applications_iterable(guard, bearer):
    application = Application()

    (status, _), body = call(GuardMiddleware(application, guard), environ_with(bearer()))

    assert status == "200 OK"
    assert list(body) == [b"a", b"b"]
    assert not application.body.closed
    body.close()
    assert application.body.closed


def test_the_application_gets_a_copy_of_the_environ(guard, bearer):
    application = Application()
    environ = environ_with(bearer(subject="alice"))
    before = dict(environ)

    call(GuardMiddleware(application, guard), environ)

    assert environ == before
    (seen,) = application.environs
    assert type(seen) is dict
    assert seen[KEYS[0]].subject == "alice"
    assert seen[KEYS[1]] is None
    assert seen[KEYS[2]] is guard._engine


def test_what_an_outer_guard_noted_never_answers_for_an_inner_one(guard, issuer, bearer):
    application = Application()
    with issuer.guard() as inner:
        app = GuardMiddleware(GuardMiddleware(application, inner, public=("/x",)), guard)
        call(app, environ_with(bearer()))

    (seen,) = application.environs
    assert [seen[key] for key in KEYS] == [None, None, inner._engine]


def test_a_refusal_is_a_list_of_native_strings(guard):
    (status, headers), body = call(GuardMiddleware(Application(), guard), environ_with([]))

    assert status == "401 Unauthorized"
    assert type(headers) is list
    assert all(type(name) is str and type(value) is str for name, value in headers)
    assert b"".join(body).startswith(b"{")


def test_paths_are_those_that_the_application_routes(guard):
    app = GuardMiddleware(Application(), guard, public=("/caf\u00e9",))

    assert (
        call(app, environ_with([], PATH_INFO="/caf\u00c3\u00a9"))[0][0] == "200 OK"
    )  # PEP 3333: as latin-1
    assert call(app, environ_with([], PATH_INFO="/caf\u00e9"))[0][0] == "401 Unauthorized"
    assert (
        call(app, environ_with([], PATH_INFO="/x", SCRIPT_NAME="/caf\u00c3\u00a9"))[0][0]
        == "401 Unauthorized"
    )


class Rules:
    def __init__(self, answer):
        self.answer = answer

    def policy_for(self, request):
        return self.answer


@pytest.mark.parametrize(
    ("answer", "lines", "status"),
    [
        ("pass", False, "200 OK"),
        (ANY_TOKEN, True, "200 OK"),
        (PROBLEMS[Reason.NO_RULE], True, "403 Forbidden"),
        (PROBLEMS[Reason.NO_RULE], False, "401 Unauthorized"),
        (PROBLEMS[Reason.AMBIGUOUS_PATH], True, "400 Bad Request"),
    ],
)
def test_rules_decide(guard, bearer, answer, lines, status):
    app = GuardMiddleware(Application(), guard, rules=Rules(answer))

    assert call(app, environ_with(bearer() if lines else []))[0][0] == status


@pytest.mark.parametrize("answer", ["allow", True, None, Allow(None)])
def test_rules_that_answer_anything_else_let_nobody_pass(guard, bearer, answer):
    with pytest.raises(UsageError, match="must return a Policy"):
        call(GuardMiddleware(Application(), guard, rules=Rules(answer)), environ_with(bearer()))


def test_a_remembered_token_takes_the_short_way_and_sees_the_same(quiet_guard, bearer):
    application = Application()
    app = GuardMiddleware(application, quiet_guard)
    lines = bearer(subject="alice")

    for _ in range(2):
        assert call(app, environ_with(lines))[0][0] == "200 OK"
    first, second = application.environs
    assert [first[key] for key in KEYS] == [second[key] for key in KEYS]
    assert second[KEYS[0]].subject == "alice"


def test_faults_of_the_arguments_are_found_at_once(guard):
    nonsense: dict[str, Any] = {"enforce": "some", "preflights": "no"}
    with pytest.raises(SettingsError) as caught:
        GuardMiddleware(Application(), guard, public=("healthz", "/*"), **nonsense)

    assert len(caught.value.faults) == 4
