"""The exact data that adapters pass on; an omission would affect every framework."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from iiniit_guard.adapting.admission import engine_of, make_admission
from iiniit_guard.adapting.asgi_exchange import begin_scope
from iiniit_guard.adapting.decorators import (
    decide,
    decide_async,
    mark_guarded,
    mark_public,
)
from iiniit_guard.adapting.middleware import admit, admit_async, begin_environ
from iiniit_guard.adapting.request_state import noted_token, with_notes
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.policy import ANY_TOKEN, make_policy, scope_policy
from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import UsageError
from tests.unit.core.stepping import API, ISSUER, NOW, make_clock, make_server

POLICY = make_policy(["a"])
REQUEST = Request("GET", "/")
PRINCIPAL = Principal("ApiKey", "s", frozenset())


def make_token() -> AccessToken:
    token = make_server(make_clock()).checks.check(
        {"iss": ISSUER, "aud": API, "exp": NOW + 300}, NOW, introspected=False
    )
    assert isinstance(token, AccessToken)
    return token


TOKEN = make_token()


class Recorder:
    """A guard that records its calls."""

    metadata_path = None

    def __init__(self, decision: Any = None) -> None:
        self.asked: list[Any] = []
        self.decision = decision

    def metadata_response(self, request: Any) -> None:
        self.asked.append(("metadata_response", request))

    def begin(self, presented: Any, wanted: Any = ANY_TOKEN) -> Any:
        self.asked.append(
            (
                presented.authorization,
                presented.query,
                wanted,
                presented.request.method,
                presented.host,
            )
        )
        return TOKEN

    def authenticate(self, request: Any, wanted: Any, *, host: str) -> Any:
        self.asked.append((request, wanted, host))
        return self.decision

    async def authenticate_async(self, request: Any, wanted: Any, *, host: str) -> Any:
        return self.authenticate(request, wanted, host=host)

    def authorize(self, request: Any, who: Any, policy: Any, *, host: str) -> Any:
        self.asked.append((request, who, policy, host))
        return self.decision


def test_the_short_way_sees_the_whole_request():
    """The fast path also refuses a token in the query and detects a method override."""
    guard = Recorder()
    environ = {
        "HTTP_AUTHORIZATION": "Bearer \u00ff\u20ac",
        "QUERY_STRING": "x=\u00e4\u20ac",
        "REQUEST_METHOD": "PUT",
        "PATH_INFO": "/",
    }
    assert begin_environ(cast("Any", guard), make_admission(), environ, "wsgi", POLICY) is TOKEN
    assert (
        begin_environ(
            cast("Any", guard),
            make_admission(),
            {"HTTP_AUTHORIZATION": "Bearer a", "PATH_INFO": "/"},
            "wsgi",
        )
        is TOKEN
    )
    scope = {
        "headers": [(b"authorization", b"Bearer a")],
        "query_string": b"x=1",
        "method": "PUT",
        "path": "/",
    }
    assert begin_scope(cast("Any", guard), make_admission(), scope, "asgi") is TOKEN
    assert (
        begin_scope(
            cast("Any", guard), make_admission(), {"headers": scope["headers"], "path": "/"}, "asgi"
        )
        is TOKEN
    )
    assert guard.asked == [
        (b"Bearer \xff?", b"x=\xe4?", POLICY, "PUT", "wsgi"),
        (b"Bearer a", b"", ANY_TOKEN, "GET", "wsgi"),
        (b"Bearer a", b"x=1", ANY_TOKEN, "PUT", "asgi"),
        (b"Bearer a", b"", ANY_TOKEN, "GET", "asgi"),
    ]


def test_the_door():
    guard = Recorder("decided")
    assert admit(cast("Any", guard), make_admission(), REQUEST, "h") == "decided"
    assert asyncio.run(admit_async(cast("Any", guard), make_admission(), REQUEST, "h")) == "decided"
    assert guard.asked == 2 * [("metadata_response", REQUEST), (REQUEST, ANY_TOKEN, "h")]


@pytest.mark.parametrize("who", [TOKEN, PRINCIPAL])
def test_a_handler_with_somebody_noted(who):
    guard = Recorder("permitted")
    state = with_notes(
        {},
        cast("Any", guard),
        cast("Any", who if who is TOKEN else None),
        who if who is PRINCIPAL else None,
    )
    assert decide(state, lambda: REQUEST, POLICY, "h") == "permitted"
    assert asyncio.run(decide_async(state, lambda: REQUEST, POLICY, "h")) == "permitted"
    assert guard.asked == 2 * [(REQUEST, who, POLICY, "h")]


@pytest.mark.parametrize("allow", [Allow(TOKEN), Allow(None, PRINCIPAL)])
@pytest.mark.parametrize("ask", ["sync", "async", "anew"])
def test_a_handler_with_nobody_noted(allow: Any, ask: str) -> None:
    guard = Recorder(allow)
    state = with_notes({}, cast("Any", guard), None)
    found = (allow.token, allow.principal)
    if ask == "sync":
        decided: object = decide(state, lambda: REQUEST, POLICY, "h")
    else:
        anew = ask == "anew"
        decided = asyncio.run(decide_async(state, lambda: REQUEST, POLICY, "h", anew=anew))
    assert decided == allow
    assert guard.asked == [(REQUEST, POLICY, "h")]
    assert (state["iiniit_guard.access_token"], state["iiniit_guard.principal"]) == found
    assert state["iiniit_guard.engine"] is guard


def handler():
    """Do nothing."""


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: engine_of(None),
            (
                "guard: must be a Guard; pass it after the application: GuardMiddleware(app, "
                "guard), IiniitGuard(app, guard)"
            ),
        ),
        (
            lambda: engine_of(cast("Any", "x")),
            (
                "guard: must be a Guard; pass it after the application: GuardMiddleware(app, "
                "guard), IiniitGuard(app, guard)"
            ),
        ),
        (
            lambda: noted_token({}),
            (
                "this request has no access token: guard the handler, or check first whether the "
                "request has a token"
            ),
        ),
        (
            lambda: decide({}, lambda: REQUEST, POLICY, "h"),
            (
                "a guarded handler was reached without the guard's middleware: add it to the "
                "application"
            ),
        ),
        (
            lambda: mark_guarded(mark_public(lambda: None), POLICY),
            "a handler must not be both @public and guarded; remove one of the decorators",
        ),
        (
            lambda: mark_public(mark_guarded(lambda: None, POLICY)),
            "a handler must not be both @public and guarded; remove one of the decorators",
        ),
        (
            lambda: scope_policy((cast("Any", handler),), match="all", acr_values=(), max_age=None),
            'require_scope: called without scopes; write @require_scope("user:read")',
        ),
    ],
    ids=range(7),
)
def test_mistakes_in_words(make, said):
    with pytest.raises(UsageError) as mistake:
        make()
    assert str(mistake.value) == said


def test_rules_that_answer_anything_else():
    class Odd:
        def policy_for(self, request):
            return "yes"

    with pytest.raises(UsageError) as mistake:
        admit(cast("Any", Recorder()), make_admission(rules=cast("Any", Odd())), REQUEST, "h")
    assert str(mistake.value) == "policy_for() of the rules must return a Policy, a Problem or PASS"


def test_rules_are_asked_about_the_preflight_itself():
    class Asked:
        def __init__(self):
            self.requests = []

        def policy_for(self, request):
            self.requests.append(request)
            return ANY_TOKEN

    preflight = Request(
        "OPTIONS",
        "/x",
        headers=[(b"origin", b"https://a.test"), (b"access-control-request-method", b"GET")],
    )
    rules = Asked()
    admission = make_admission(rules=cast("Any", rules), preflights="pass")
    admission.policy_for(preflight)
    admission.passes_as_preflight(preflight)
    assert rules.requests == [preflight, preflight]
