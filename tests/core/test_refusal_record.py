"""The refusal that a handler records, and the header fields of the response that it replaces."""

from __future__ import annotations

from typing import Any

import pytest

from iiniit_guard.adapting.admission import make_gate
from iiniit_guard.adapting.refusal import replace_headers
from iiniit_guard.adapting.request_state import RECORD_KEY, RefusalRecord, add_notes, record_refusal, recorded_refusal, with_notes
from iiniit_guard.core.decision import Answer, Deny
from iiniit_guard.core.problem import Reason
from iiniit_guard.core.request import Request

FIRST = Deny(403, (), b"", Reason.MISSING_SCOPE)
SECOND = Deny(401, (), b"", Reason.EXPIRED)
GUARD: Any = object()
OTHER: Any = object()
PREFLIGHT = Request("OPTIONS", "/", headers=((b"origin", b"https://app.example"), (b"access-control-request-method", b"GET")))


def test_the_first_refusal_of_a_request_stays():
    state = with_notes({}, GUARD, None)

    record_refusal(state, FIRST)
    record_refusal(state, SECOND)

    assert recorded_refusal(state) is FIRST


@pytest.mark.parametrize("state", [{}, {RECORD_KEY: None}, {RECORD_KEY: "no record"}])
def test_without_a_middleware_nothing_is_recorded(state):
    record_refusal(state, FIRST)

    assert recorded_refusal(state) is None


def test_a_token_that_is_found_later_keeps_the_record_of_its_guard_and_no_other():
    state = dict(with_notes({}, GUARD, None))
    record_refusal(state, FIRST)

    add_notes(state, GUARD, None)
    assert recorded_refusal(state) is FIRST

    add_notes(state, OTHER, None)
    assert recorded_refusal(state) is None


def test_the_middleware_can_hand_its_own_record_down():
    record = RefusalRecord()

    record_refusal(with_notes({}, GUARD, None, record=record), FIRST)

    assert record.refusal is FIRST


REFUSAL = Answer(
    403,
    (
        ("WWW-Authenticate", "Bearer"),
        ("Content-Type", "application/problem+json"),
        ("Content-Length", "2"),
        ("Cache-Control", "no-store"),
        ("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After"),
    ),
    b"{}",
)


@pytest.mark.parametrize(
    ("replaced", "expected"),
    [
        ([], []),
        ([("Access-Control-Allow-Origin", "https://app.example"), ("X-Request-ID", "7")], "both"),
        ([("Set-Cookie", "a=1"), ("set-cookie", "b=2")], "both"),
        ([("Content-Type", "text/html"), ("content-length", "900"), ("Content-Encoding", "gzip"), ("ETag", '"x"')], []),
        ([("Transfer-Encoding", "chunked"), ("Trailer", "x")], []),
        ([("Cache-Control", "public, max-age=60"), ("Expires", "tomorrow"), ("Age", "3"), ("Last-Modified", "today")], []),
        ([("Location", "/elsewhere"), ("Refresh", "0;url=/")], []),
        ([("www-authenticate", "Basic"), ("Retry-After", "1")], []),
    ],
)
def test_which_fields_of_a_replaced_response_stay(replaced, expected):
    headers = replace_headers(REFUSAL, replaced)

    others = [field for field in headers if field[0] not in dict(REFUSAL.headers)]
    assert others == (replaced if expected == "both" else expected)
    assert {name: value for name, value in headers if (name, value) not in others} == dict(REFUSAL.headers)
    assert len(headers) == len(REFUSAL.headers) + len(others)


def test_lists_are_merged():
    headers = dict(replace_headers(REFUSAL, [("Vary", "Origin"), ("vary", "origin, Cookie"), ("access-control-expose-headers", "X-Page")]))

    assert headers["Access-Control-Expose-Headers"] == "WWW-Authenticate, Retry-After, X-Page"
    assert headers["vary"] == "Origin, Cookie"


@pytest.mark.parametrize(
    ("preflights", "host_answers", "passes"),
    [("auto", True, True), ("auto", False, False), ("pass", False, True), ("pass", True, True), ("guard", True, False)],
)
def test_a_preflight_passes_by_itself_only_where_the_host_answers_it(preflights, host_answers, passes):
    gate = make_gate(preflights=preflights)

    assert (gate.policy_for(PREFLIGHT, host_answers=host_answers) == "pass") is passes
    assert gate.passes_as_preflight(PREFLIGHT, host_answers=host_answers) is passes
