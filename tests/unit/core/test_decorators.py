"""Code that all adapters share, without a framework."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import pytest

from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.adapting.asgi_exchange import begin_scope
from iiniit_guard.adapting.decorators import (
    any_public,
    decide,
    is_permitted,
    is_public,
    mark_guarded,
    mark_public,
    policies_of,
)
from iiniit_guard.adapting.middleware import admit, begin_environ
from iiniit_guard.adapting.preflight import is_preflight
from iiniit_guard.adapting.request_state import noted_token, with_notes
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy, make_policy
from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import UsageError
from tests.unit.core.stepping import make_clock

READ = make_policy(["user:read"])
TOKEN = AccessToken("https://issuer.test", scopes=frozenset({"user:read"}))
KEY = Principal("ApiKey", scopes=frozenset({"user:read"}))
NO_GUARD: Any = None
GUARD: Any = SimpleNamespace(resource=SimpleNamespace(clock=make_clock().clock))


@pytest.mark.parametrize(
    ("state", "policy", "permitted"),
    [
        (with_notes({}, GUARD, TOKEN), READ, True),
        (with_notes({}, GUARD, TOKEN), ANY_TOKEN, True),
        (with_notes({}, GUARD, None, KEY), READ, True),
        (with_notes({}, GUARD, TOKEN), make_policy(["user:write"]), False),
        (with_notes({}, GUARD, None), ANY_TOKEN, False),
        (with_notes({}, GUARD, None), Policy(anonymous=True), False),
        (with_notes({}, GUARD, TOKEN), make_policy(max_age=3), False),
        (with_notes({}, GUARD, TOKEN), make_policy(["user:read"], match="any"), True),
        ({}, ANY_TOKEN, False),
        ({"iiniit_guard.access_token": TOKEN}, READ, False),  # a note of no guard
        ({"iiniit_guard.access_token": TOKEN, "iiniit_guard.engine": None}, READ, False),
    ],
)
def test_a_noted_token_is_compared_with_the_policy(state, policy, permitted):
    assert is_permitted(state, policy) is permitted


@pytest.mark.parametrize(
    "state", [{}, {"iiniit_guard.access_token": TOKEN}, with_notes({}, NO_GUARD, TOKEN)]
)
def test_no_guard_is_a_usage_error(state):
    with pytest.raises(UsageError, match="without the guard's middleware"):
        decide(state, lambda: Request("GET", "/"), READ, "x")


@pytest.mark.parametrize(
    "state",
    [
        {},
        with_notes({}, GUARD, None),
        with_notes({}, GUARD, None, KEY),
        {"iiniit_guard.access_token": "a string"},
    ],
)
def test_no_token_is_a_usage_error(state):
    with pytest.raises(UsageError, match="no access token"):
        noted_token(state)


class _Remembers:
    """A guard that finds every token in its cache."""

    metadata_path: str | None = None

    def begin(self, presented, requirement=ANY_TOKEN):
        assert isinstance(presented.authorization, bytes)
        assert (requirement, presented.request.method, presented.host) == (ANY_TOKEN, "GET", "x")
        return TOKEN


REMEMBERS: Any = _Remembers()


class _Told(_Remembers):
    """A guard that records the policies of its calls."""

    def metadata_response(self, request):
        return None

    def authenticate(self, request, requirement, *, host):
        return requirement


def test_the_handlers_policy_takes_the_place_of_the_gates_and_of_no_rules():
    told: Any = _Told()
    asked = [
        admit(told, make_admission(), Request("GET", "/"), "x", handler) for handler in (READ, None)
    ]
    assert asked == [READ, ANY_TOKEN]


def test_no_handlers_policy_takes_the_place_of_a_rules():
    ruled: Any = type("Ruled", (), {"policy_for": lambda self, request: ANY_TOKEN})()
    told: Any = _Told()
    assert admit(told, make_admission(rules=ruled), Request("GET", "/"), "x", READ) == ANY_TOKEN


class Rules:
    def policy_for(self, request):
        raise AssertionError


@pytest.mark.parametrize(
    ("admission", "path", "begun"),
    [
        (make_admission(), "/x", TOKEN),
        (make_admission(optional_token=True), "/x", TOKEN),
        (make_admission(["/x"]), "/x", None),
        (make_admission(["/a/*"]), "/a/x", None),
        (make_admission(["/a/*"]), "/a/../x", TOKEN),
        (make_admission(rules=Rules()), "/x", None),
        (make_admission(enforce="declared"), "/x", None),
    ],
)
def test_a_remembered_token_is_enough_where_any_token_is(admission, path, begun):
    assert (
        begin_environ(
            REMEMBERS, admission, {"HTTP_AUTHORIZATION": "Bearer x", "PATH_INFO": path}, "x"
        )
        is begun
    )
    assert (
        begin_scope(
            REMEMBERS, admission, {"headers": [(b"authorization", b"Bearer x")], "path": path}, "x"
        )
        is begun
    )


def test_no_authorization_skips_the_fast_path():
    assert begin_environ(REMEMBERS, make_admission(), {"PATH_INFO": "/x"}, "x") is None
    assert (
        begin_scope(REMEMBERS, make_admission(), {"headers": [(b"host", b"x")], "path": "/x"}, "x")
        is None
    )


def test_two_authorizations_skip_the_fast_path():
    scope = {
        "headers": [(b"authorization", b"Bearer x"), (b"authorization", b"Bearer x")],
        "path": "/x",
    }
    assert begin_scope(REMEMBERS, make_admission(), scope, "x") is None


def test_the_path_of_the_metadata_is_no_matter_of_tokens():
    class Publishes(_Remembers):
        metadata_path = "/meta"

    publishes: Any = Publishes()
    for path, begun in (("/meta", None), ("/x", TOKEN)):
        assert (
            begin_environ(
                publishes,
                make_admission(),
                {"HTTP_AUTHORIZATION": "Bearer x", "PATH_INFO": path},
                "x",
            )
            is begun
        )
        assert (
            begin_scope(
                publishes,
                make_admission(),
                {"headers": [(b"authorization", b"Bearer x")], "path": path},
                "x",
            )
            is begun
        )


def test_odd_text_in_an_environ_is_survived():
    assert (
        begin_environ(
            REMEMBERS,
            make_admission(),
            {"HTTP_AUTHORIZATION": "Bearer \u20ac", "QUERY_STRING": "\u20ac"},
            "x",
        )
        is TOKEN
    )


# Marks


class Endpoint:
    def dispatch(self):
        raise AssertionError


def test_a_class_is_what_its_dispatch_is():
    class Guarded(Endpoint):
        dispatch: Any = mark_guarded(functools.partial(Endpoint.dispatch), READ)

    class Overrides(Guarded):
        dispatch = Endpoint.dispatch

    assert policies_of(Guarded) == (READ,)
    assert policies_of(Overrides) == policies_of(Endpoint) == policies_of(int) == ()
    assert not is_public(int)


def test_marks_are_true_only_where_they_are_set():
    def handler():
        raise AssertionError

    # mypy knows of no such attribute
    setattr(handler, "__iiniit_guard_public__", "perhaps")  # noqa: B010
    assert not is_public(handler)
    assert is_public(mark_public(handler))
    assert any_public()


# Sides of a route decorator


# Preflights


PREFLIGHT = ((b"origin", b"https://app.example"), (b"access-control-request-method", b"PUT"))


@pytest.mark.parametrize(
    ("method", "headers", "is_one"),
    [
        ("OPTIONS", PREFLIGHT, True),
        ("OPTIONS", (*PREFLIGHT, (b"content-length", b"0"), (b"cookie", b"")), True),
        ("OPTIONS", (*PREFLIGHT, (b"access-control-request-headers", b"authorization")), True),
        ("GET", PREFLIGHT, False),
        ("OPTIONS", PREFLIGHT[:1], False),
        ("OPTIONS", PREFLIGHT[1:], False),
        *[
            ("OPTIONS", (*PREFLIGHT, line), False)
            for line in (
                (b"authorization", b""),
                (b"cookie", b"a=b"),
                (b"content-length", b"1"),
                (b"transfer-encoding", b"chunked"),
                (b"x-http-method-override", b"PUT"),
                (b"x-http-method", b"PUT"),
                (b"x-method-override", b"PUT"),
            )
        ],
    ],
)
def test_what_a_preflight_is(method, headers, is_one):
    assert is_preflight(Request(method, "/x", headers=headers)) is is_one
