"""The hosts of the matrix, each with a few requests; `test_matrix.py` runs all rows."""

from __future__ import annotations

import pytest

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request, request_from_environ
from tests.contract.hosts.builders import HOSTS, Host
from tests.contract.hosts.handlers import POLICIES

each_host = pytest.mark.parametrize("host", HOSTS, ids=str)


@each_host
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_good_token_reaches_the_handler(host, guard, bearer, events, method):
    answer = host.call(guard, method, "/both", bearer("user:read user:write", subject="alice"))

    assert answer.status == 200
    assert answer.json == {"subject": "alice", "scopes": ["user:read", "user:write"]}
    assert [event.decision for event in events] == ["allow"]
    assert events[0].host in host.events


@each_host
@pytest.mark.parametrize(
    "path", [*POLICIES, "/nowhere", "/read/", "//public", "/public/", "/public/../read", "/PUBLIC"]
)
def test_no_token_is_refused_on_every_path(host, guard, events, path):
    answer = host.call(guard, "GET", path)

    assert answer.status == 401
    assert answer.header("www-authenticate").startswith("Bearer realm=")
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.json["reason"] == "no_token"
    assert [event.reason for event in events] == [Reason.NO_TOKEN]


@each_host
def test_a_missing_scope_is_told(host, guard, bearer, events):
    answer = host.call(guard, "GET", "/both", bearer("user:read"))

    assert answer.status == 403
    assert 'error="insufficient_scope"' in answer.header("www-authenticate")
    assert 'scope="user:read user:write"' in answer.header("www-authenticate")
    assert answer.json["error"] == "insufficient_scope"
    assert events[-1].reason == Reason.MISSING_SCOPE


@each_host
def test_two_authorization_lines_are_refused(host, guard, bearer, events):
    answer = host.call(guard, "GET", "/token", bearer() * 2)

    assert answer.status == 400
    assert events[-1].reason == Reason.SEVERAL_CREDENTIALS


@each_host
def test_the_answer_is_the_decision_to_the_letter(host, guard):
    lines = [(b"authorization", b"Bearer x.y.z"), (b"origin", b"https://app.example")]
    decision = guard.authenticate(Request("GET", "/token", headers=lines))

    answer = host.call(guard, "GET", "/token", lines)

    ours = {name for name, _ in answer.headers} - {"x-frame-options"}
    assert ours == {name.lower() for name, _ in decision.headers}
    assert {name: answer.header(name) for name in ours} == {
        name.lower(): value for name, value in decision.headers
    }
    assert (answer.status, answer.body) == (decision.status, decision.body)


@each_host
def test_head_gets_no_body(host, guard):
    answer = host.call(guard, "HEAD", "/token")

    assert (answer.status, answer.body) == (401, b"")
    assert answer.header("www-authenticate")


@each_host
def test_public_handlers_are_not_asked(host, guard, events):
    answer = host.call(guard, "GET", "/public", [(b"authorization", b"Bearer broken")])

    assert (answer.status, answer.json["subject"]) == (200, None)
    assert events == []


@each_host
def test_a_public_path_does_not_open_a_guarded_handler(host, guard, events):
    answer = host.call(guard, "GET", "/read", public=("/read", "/token"))

    # The plain middlewares know no handlers, so their settings decide what is public.
    assert answer.status == (200 if host.name in ("wsgi", "asgi") else 401)
    assert host.call(guard, "GET", "/token", public=("/read", "/token")).status == 200


@each_host
def test_optional_token_lets_the_anonymous_pass_but_no_bad_token(host, guard, bearer):
    site = host.site(guard, optional_token=True)

    assert site("GET", "/token", (), "").json["subject"] is None
    assert site("GET", "/token", tuple(bearer(subject="bob")), "").json["subject"] == "bob"
    assert site("GET", "/token", tuple(bearer(expires_in=-60)), "").status == 401
    for scheme in (b"Basic", b"Negotiate", b"Unheard-of"):
        refused = site("GET", "/token", ((b"authorization", scheme + b" dXNlcjpwYXNz"),), "")
        assert (refused.status, refused.json["reason"]) == (401, "no_token"), scheme
    refused = site("GET", "/token", ((b"authorization", b"DPoP dXNlcjpwYXNz"),), "")
    assert (refused.status, refused.json["reason"]) == (401, "no_proof")
    if host.name not in ("wsgi", "asgi"):
        assert site("GET", "/read", (), "").status == 401


@each_host
def test_declared_asks_where_a_handler_is_decorated(host, guard, bearer):
    site = host.site(guard, enforce="declared")

    assert site("GET", "/token", (), "").status == 200
    if host.name not in ("wsgi", "asgi"):
        assert site("GET", "/read", (), "").status == 401
        assert site("GET", "/read", tuple(bearer(subject="bob")), "").json["subject"] == "bob"
        assert site("GET", "/read", tuple(bearer("other")), "").status == 403


PREFLIGHT = ((b"origin", b"https://app.example"), (b"access-control-request-method", b"GET"))


# What a preflight meets on a path that the middleware alone guards, where no CORS middleware
# answers it: under "auto" and under "pass". Every host would run the view: Flask's lists OPTIONS
# and has no automatic answer, Django runs a view whatever the method. Under "pass" Django's
# middleware answers in its place.
PREFLIGHT_STATUS = {
    "wsgi": (401, 200),
    "asgi": (401, 200),
    "flask": (401, 200),
    "django": (401, 204),
    "django async": (401, 204),
    "rest framework": (401, 204),
    "ninja": (401, 204),
    "starlette": (401, 200),
    "fastapi": (401, 200),
}


@each_host
def test_preflights_pass_only_where_they_are_told_to(host, guard):
    by_default, passing = PREFLIGHT_STATUS[host.name]

    assert host.call(guard, "OPTIONS", "/token", PREFLIGHT).status == by_default
    assert host.call(guard, "OPTIONS", "/token", PREFLIGHT, preflights="auto").status == by_default
    assert host.call(guard, "OPTIONS", "/token", PREFLIGHT, preflights="pass").status == passing
    assert host.call(guard, "OPTIONS", "/token", PREFLIGHT, preflights="guard").status == 401
    if host.name in ("rest framework", "ninja"):  # the middleware answers in place of the view
        assert host.call(guard, "OPTIONS", "/read", PREFLIGHT, preflights="pass").status == 204
    elif host.name not in ("wsgi", "asgi"):  # a guarded handler never runs unauthenticated
        assert host.call(guard, "OPTIONS", "/read", PREFLIGHT, preflights="pass").status == 401


@each_host
def test_a_refused_preflight_is_logged_once_with_the_cure(host, guard, caplog):
    site = host.site(guard)
    for _ in range(2):
        assert site("OPTIONS", "/token", PREFLIGHT, "").status == 401

    logged = [
        record.getMessage()
        for record in caplog.records
        if record.name == "iiniit_guard" and "preflight" in record.getMessage()
    ]
    assert len(logged) == 1
    assert 'preflights="pass"' in logged[0]


@each_host
def test_an_unreachable_issuer_is_a_503(host, guard, bearer, issuer, events):
    issuer.fail("connection")

    answer = host.call(guard, "GET", "/token", bearer())

    assert answer.status == 503
    assert answer.header("retry-after")
    assert answer.header("www-authenticate") is None
    assert events[-1].reason == Reason.ISSUER_UNAVAILABLE


def test_a_host_is_named_after_its_adapter():
    assert [str(host) for host in HOSTS] == [
        "wsgi",
        "asgi",
        "flask",
        "django",
        "django async",
        "rest framework",
        "ninja",
        "starlette",
        "fastapi",
    ]
    assert all(isinstance(host, Host) for host in HOSTS)
    assert request_from_environ({"HTTP_X": "ü"}).headers == [(b"x", b"\xfc")]


@each_host
def test_a_remembered_token_takes_the_short_way_and_sees_the_same(
    host, quiet_guard, issuer, bearer
):
    site = (
        host.site(quiet_guard, public=("/token",))
        if host.name in ("flask", "django")
        else host.site(quiet_guard)
    )
    lines = tuple(bearer(subject="eve"))

    answers = [site("GET", path, lines, "") for path in ("/read", "/read", "/both", "/public")]

    assert [answer.status for answer in answers] == [200, 200, 403, 200]
    assert [answers[1].json["subject"], answers[3].json["subject"]] == ["eve", None]
    assert site("GET", "/read", lines, "access_token=x").status == 400
    assert site("GET", "/read", lines * 2, "").status == 400
    issuer.clock.advance(1000)
    assert site("GET", "/read", lines, "").status == 401


@each_host
def test_a_remembered_token_is_not_looked_at_on_a_public_path(host, quiet_guard, bearer):
    site = host.site(
        quiet_guard,
        public=("/token", "/sub/*"),
        **({"rules": None} if host.name in ("wsgi", "asgi") else {}),
    )
    lines = tuple(bearer(subject="eve"))
    assert site("GET", "/nowhere", lines, "").status in (200, 404)  # now it is cached

    assert site("GET", "/token", lines, "").json["subject"] is None
    assert site("GET", "/sub/x", (), "").status == 404
    assert site("GET", "/sub/../read", (), "").status == 401


@each_host
@pytest.mark.parametrize(
    "name", [b"x-http-method-override", b"x-http-method", b"x-method-override"]
)
def test_a_preflight_that_overrides_its_method_is_none(host, guard, name):
    site = host.site(guard, preflights="pass")
    assert site("OPTIONS", "/token", (*PREFLIGHT, (name, b"DELETE")), "").status == 401
    if host.name in (
        "asgi",
        "starlette",
        "fastapi",
        "django async",
    ):  # other servers have folded or dropped it before
        assert (
            site(
                "OPTIONS", "/token", (*PREFLIGHT, (name.replace(b"-", b"_"), b"DELETE")), ""
            ).status
            == 401
        )


@each_host
@pytest.mark.parametrize(
    ("query", "status"),
    [("_method=DELETE", 401), ("%5Fmethod=DELETE", 401), ("access%5Ftoken=x", 400)],
)
def test_a_preflights_query_neither_overrides_nor_carries_a_token(host, guard, query, status):
    assert (
        host.call(guard, "OPTIONS", "/token", PREFLIGHT, query, preflights="pass").status == status
    )


@each_host
def test_rules_come_before_preflights(host, guard):
    class Written:
        def policy_for(self, request):
            raise AssertionError

        def preflight_policy_for(self, request):
            return POLICIES["/read"] if request.path == "/token" else None

    site = host.site(guard, rules=Written(), preflights="pass")
    assert site("OPTIONS", "/token", PREFLIGHT, "").status == 401
    if host.name in (
        "wsgi",
        "asgi",
    ):  # elsewhere the handler verifies the token
        assert site("OPTIONS", "/read", PREFLIGHT, "").status == 200
