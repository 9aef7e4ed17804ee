"""The refusal that a handler records, and the header fields of the response that it replaces."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.adapting.request_state import (
    RECORD_KEY,
    RefusalRecord,
    add_notes,
    record_refusal,
    recorded_refusal,
    with_notes,
)
from iiniit_guard.core.model.access_token import AccessToken, Claims, Principal
from iiniit_guard.core.model.decision import Deny
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.guard import Guard

FIRST = Deny(403, (), b"", Reason.MISSING_SCOPE)
SECOND = Deny(401, (), b"", Reason.EXPIRED)
GUARD: Any = object()
OTHER: Any = object()
PREFLIGHT = Request(
    "OPTIONS",
    "/",
    headers=((b"origin", b"https://app.example"), (b"access-control-request-method", b"GET")),
)


def test_the_first_refusal_of_a_request_stays():
    state = with_notes({}, GUARD, None)

    record_refusal(state, FIRST)
    record_refusal(state, SECOND)

    assert recorded_refusal(state) is FIRST


@pytest.mark.parametrize("state", [{}, {RECORD_KEY: None}, {RECORD_KEY: "no record"}])
def test_without_a_middleware_nothing_is_recorded(state):
    record_refusal(state, FIRST)

    assert recorded_refusal(state) is None


def test_every_outer_record_gets_the_refusal_and_no_inner_one_does():
    outer, middle, inner = RefusalRecord(), RefusalRecord(), RefusalRecord()
    states = [with_notes({}, GUARD, None, record=outer)]
    for record in (middle, inner):
        states.append(with_notes(states[-1], GUARD, None, record=record))

    record_refusal(states[1], FIRST)
    record_refusal(states[2], SECOND)

    assert [record.refusal for record in (outer, middle, inner)] == [FIRST, FIRST, SECOND]


def test_a_record_of_another_guard_is_the_outer_one_of_what_is_noted_over_it():
    outer = RefusalRecord()
    state = with_notes({}, GUARD, None, record=outer)

    add_notes(state, OTHER, None)
    record_refusal(state, FIRST)

    assert state[RECORD_KEY] is not outer
    assert outer.refusal is FIRST


@pytest.mark.parametrize("found", ["no record", 7])
def test_what_is_no_record_is_no_outer_one(found):
    state = with_notes({RECORD_KEY: found}, GUARD, None)
    add_notes(state, OTHER, None)

    record_refusal(state, FIRST)

    assert recorded_refusal(state) is FIRST


def test_a_record_that_is_noted_again_is_not_its_own_outer_one():
    record = RefusalRecord()
    state = with_notes(with_notes({}, GUARD, None, record=record), GUARD, None, record=record)

    record_refusal(state, FIRST)

    assert (record.refusal, record.outer) == (FIRST, None)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_of_what_a_scope_holds_is_the_same(copied):
    state = with_notes(
        {},
        Guard(issuer="https://issuer.test", audience="api")._engine,
        AccessToken("https://issuer.test"),
        Principal("ApiKey"),
    )

    assert [copied(value) is value for value in state.values()] == [True] * 4
    assert copied(claims := Claims({"act": {"sub": "bob"}})) is claims


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


@pytest.mark.parametrize(
    ("preflights", "host_answers", "passes"),
    [
        ("auto", True, True),
        ("auto", False, False),
        ("pass", False, True),
        ("pass", True, True),
        ("guard", True, False),
    ],
)
def test_a_preflight_passes_by_itself_only_where_the_host_answers_it(
    preflights, host_answers, passes
):
    admission = make_admission(preflights=preflights)

    assert (admission.policy_for(PREFLIGHT, host_answers=host_answers) == "pass") is passes
    assert admission.passes_as_preflight(PREFLIGHT, host_answers=host_answers) is passes
