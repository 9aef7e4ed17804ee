"""The failures of status lists, as the status page and `/readyz` show them."""

from __future__ import annotations

import asyncio

import pytest

from iiniit_guard.core.cache.entry import CacheEntry, KeyValidity
from iiniit_guard.core.errors import IssuerUnavailable
from iiniit_guard.core.issuer.last_failure import LastFailure
from iiniit_guard.core.issuer.status_list_failures import failures_of
from iiniit_guard.core.issuer.status_list_limits import ListCalls
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.problem import Problem
from iiniit_guard.io.effects import run
from tests.unit.core.status_lists import LIST, NOW, make, outcome, server_of
from tests.unit.core.stepping import make_clock


def listed(issuer, number):
    entry = {"idx": 0, "uri": f"{issuer.issuer}/lists/{number}"}
    return issuer.token(status={"status_list": entry})


def test_a_list_fails_until_it_is_fetched():
    issuer, guard = make()
    _, status = server_of(guard)
    assert outcome(guard, issuer.listed_token()) == "accepted"
    assert status.failures() is None

    issuer.clock.advance(60)
    began = issuer.clock.wall()
    issuer.fail("500", at=LIST)
    for _ in range(3):
        assert outcome(guard, issuer.listed_token()) == "issuer_unavailable"
        issuer.clock.advance(30)
    found = status.failures()
    assert found is not None
    assert (found.failing, found.known) == (1, 1)
    assert found.failure.detail == "status list: status 500"
    assert found.since == pytest.approx(began, abs=0.1)

    issuer.fail(None, at=LIST)
    assert outcome(guard, issuer.listed_token()) == "accepted"
    assert status.failures() is None


def test_a_refresh_that_fails_is_a_failure_although_the_list_is_still_used():
    issuer, guard = make()
    _, status = server_of(guard)
    assert outcome(guard, issuer.listed_token()) == "accepted"
    issuer.fail("connection", at=LIST)
    (document,) = status._documents.values()
    issuer.clock.advance(55)
    assert outcome(guard, issuer.listed_token()) == "accepted"
    assert document.is_failing


def test_one_list_of_several_fails():
    issuer, guard = make()
    _, status = server_of(guard)
    assert outcome(guard, issuer.listed_token()) == "accepted"
    for number in range(2):
        issuer.clock.advance(1)
        assert outcome(guard, listed(issuer, number)) == "issuer_unavailable"
    found = status.failures()
    assert found is not None
    assert (found.failing, found.known) == (2, 3)
    assert found.since == pytest.approx(NOW + 1, abs=0.1)


def test_a_list_that_no_token_names_any_more_does_not_fail_for_ever():
    issuer, guard = make(status_list_max_age_seconds=120)
    _, status = server_of(guard)
    assert outcome(guard, listed(issuer, 1)) == "issuer_unavailable"
    issuer.clock.advance(120)
    assert status.failures() is not None
    issuer.clock.advance(10)
    assert status.failures() is None


def test_a_limit_that_refuses_fetches_is_a_failure_for_a_minute():
    clock = make_clock()
    calls = ListCalls(clock.clock)
    assert calls.failures(5) is None
    for _ in range(ListCalls.PLACES // 2):
        assert calls.enter(known=False) is None
    began = clock.wall()
    assert calls.refusal(known=False) is not None
    clock.advance(50)
    assert calls.enter(known=False) is not None
    clock.advance(50)
    found = calls.failures(5)
    assert found is not None
    assert (found.failure.cause, found.since, found.failing, found.known) == ("busy", began, 0, 5)

    clock.advance(10)
    assert calls.failures(5) is None
    assert calls.refusal(known=False) is not None
    found = calls.failures(5)
    assert found is not None
    assert found.since == clock.wall()


@pytest.mark.parametrize("status", [200, 503])
def test_a_refusal_and_an_outage_name_the_issuer(status):
    issuer, guard = make()
    token = issuer.listed_token()
    claims = issuer.introspect(token)
    issuer.revoke(token)
    if status == 503:
        issuer.fail("503", at=LIST)
    server, checked = server_of(guard)
    entry = CacheEntry(AccessToken(issuer.issuer), 0.0, 1.0, 1.0, KeyValidity())
    found = run(checked.check(entry, claims), guard._engine._runner.perform)
    assert isinstance(found, Unreachable if status == 503 else Problem)
    assert found.diagnosis.issuer == server.issuer


def test_the_limit_of_an_issuer_is_a_failure_of_its_lists():
    _, guard = make()
    _, status = server_of(guard)
    assert status.failures() is None
    for _ in range(ListCalls.PLACES // 2):
        assert status.calls.enter(known=False) is None
    assert status.calls.refusal(known=False) is not None
    found = status.failures()
    assert found is not None
    assert (found.failure.cause, found.failing, found.known) == ("busy", 0, 0)


def test_a_fetch_of_another_thread_that_succeeds_meanwhile_is_no_failure():
    class Fetched:
        failure = None
        failing_since = 1.0

    assert failures_of([Fetched()], 1) is None


def test_the_failure_of_another_call_keeps_its_purpose():
    clock = make_clock()
    keys, metadata = LastFailure(clock.clock, "keys"), LastFailure(clock.clock, "metadata")
    first = keys.record(metadata.record(Unreachable("answer", "metadata: status 500")))
    assert (first.diagnosis.purpose, first.diagnosis.failing_seconds) == ("metadata", None)
    clock.advance(7)
    again = keys.record(Unreachable("answer", "jwks: status 500"))
    assert (again.diagnosis.purpose, again.diagnosis.failing_seconds) == ("keys", 7)
    clock.set_wall(NOW - 100)
    assert keys.record(Unreachable("answer", "x")).diagnosis.failing_seconds is None
    keys.clear()
    assert (keys.failure, keys.since) == (None, None)


def test_an_outage_that_is_found_early_leaves_the_cached_token():
    issuer, guard = make()
    token = issuer.listed_token(expires_in=9000)
    guard.verify(token)
    memory = guard._engine.resource._lists
    memory.use("other", "x", memory.MAX_BYTES, lambda: None, fetched=True)
    issuer.fail("503", at=LIST)
    later = guard._engine.verify_async(token, outdated=float("inf"))
    with pytest.raises(IssuerUnavailable):
        asyncio.run(later)
    assert outcome(guard, token) == "accepted"
