"""Calls for status lists: which are made, and their limits."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from iiniit_guard import Guard
from iiniit_guard.core.errors import TokenRefused
from iiniit_guard.core.issuer.status_list_limits import ListCalls
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.testing import Issuer, SettableClock, network, trusted
from tests.unit.core.status_lists import (
    LIST,
    NOW,
    asked,
    fetch_of,
    make,
    make_known,
    outcome,
    server_of,
)


def test_the_media_type_is_asked_for_and_no_credential_is_sent(tmp_path):
    issuer, guard = make(http_headers={"User-Agent": "x"})
    guard.verify(issuer.listed_token())
    request = issuer.last_request
    assert request is not None
    assert (request.method, request.url) == ("GET", issuer.status_list.uri)
    assert request.headers == (("Accept", "application/statuslist+jwt"), ("User-Agent", "x"))
    assert request.purpose == LIST


def test_many_tokens_cause_one_call():
    issuer, guard = make()
    for _ in range(20):
        assert outcome(guard, issuer.listed_token()) == "accepted"
    assert asked(issuer) == 1


def test_nothing_is_fetched_for_a_token_that_is_refused_before():
    issuer, guard = make()
    for token in (issuer.listed_token(expires_in=-60), issuer.listed_token(aud="x"), "x.y.z"):
        outcome(guard, token)
    assert asked(issuer) == 0


def test_nothing_is_fetched_without_the_setting():
    issuer, guard = make(status_list="off")
    token = issuer.listed_token()
    issuer.revoke(token)
    assert outcome(guard, token) == "accepted"
    assert issuer.requests == ["discovery", "jwks"]


def test_an_outage_is_never_a_refusal_and_ends():
    issuer, guard = make()
    token = issuer.listed_token()
    with issuer.down(at=LIST):
        assert outcome(guard, token) == "issuer_unavailable"
        assert outcome(guard, token) == "issuer_unavailable"
    assert asked(issuer) == 1  # five seconds between two attempts
    issuer.clock.advance(5)
    assert outcome(guard, token) == "accepted"


def test_a_list_is_fetched_once_in_a_second():
    issuer, guard = make()
    issuer.status_list.ttl, issuer.status_list.expires_in = 0.001, None
    for _ in range(50):
        issuer.clock.advance(0.01)
        assert outcome(guard, issuer.listed_token()) == "accepted"
    assert asked(issuer) == 1
    issuer.status_list.expires_in = 0.01
    issuer.clock.advance(1)
    seen: Counter[str] = Counter()
    for _ in range(50):
        issuer.clock.advance(0.02)
        seen[outcome(guard, issuer.listed_token())] += 1
    assert asked(issuer) <= 3
    assert seen["issuer_unavailable"] > 40


def test_new_lists_in_every_token_are_limited():
    issuer, guard = make()
    known = issuer.listed_token(expires_in=9000)
    guard.verify(known)
    seen: Counter[str] = Counter()
    issuer.requests.clear()
    for number in range(500):
        entry = {"idx": 0, "uri": f"{issuer.issuer}/lists/{number}"}
        seen[outcome(guard, issuer.token(status={"status_list": entry}))] += 1
    assert issuer.requests.count("other") == ListCalls.BURST - 1
    assert seen == {"issuer_unavailable": 500}
    # The list that was fetched before has a budget of its own.
    issuer.clock.advance(60 - 500 / 1000)
    assert outcome(guard, known) == "accepted"


def test_the_circuit_breaker_covers_all_lists_of_a_server():
    issuer, guard = make()
    issuer.fail("connection")
    guard.verify(make_known(issuer, guard))
    issuer.fail("connection")
    issuer.requests.clear()
    for number in range(20):
        entry = {"idx": 0, "uri": f"{issuer.issuer}/lists/{number}"}
        assert outcome(guard, issuer.token(status={"status_list": entry})) == "issuer_unavailable"
    assert len(issuer.requests) == 5
    issuer.fail(None)
    issuer.clock.advance(1)
    assert outcome(guard, issuer.listed_token()) == "accepted"


def test_a_call_that_breaks_off_frees_its_place():
    issuer, guard = make()
    make_known(issuer, guard)
    _, status = server_of(guard)
    issuer.fail("connection")
    for number in range(5):
        entry = {"idx": 0, "uri": f"{issuer.issuer}/lists/{number}"}
        outcome(guard, issuer.token(status={"status_list": entry}))
    issuer.clock.advance(1)

    def interrupted(request):
        raise KeyboardInterrupt

    guard._engine._runner.transport, whole = interrupted, guard._engine._runner.transport
    entry = {"idx": 0, "uri": f"{issuer.issuer}/lists/9"}
    with pytest.raises(KeyboardInterrupt):
        guard.verify(issuer.token(status={"status_list": entry}))
    assert status.calls.in_flight == 0
    guard._engine._runner.transport = whole
    issuer.fail(None)
    assert outcome(guard, issuer.listed_token()) == "accepted"


def test_event_loops_and_threads_decide_alike():
    issuer, guard = make()
    token = issuer.listed_token()
    assert asyncio.run(guard.verify_async(token)).subject == "user-1"
    issuer.revoke(token)
    issuer.clock.advance(60)
    with pytest.raises(TokenRefused) as refused:
        asyncio.run(guard.verify_async(token))
    assert refused.value.reason == "revoked_by_status_list"


def test_each_issuer_has_its_own_lists():
    one, two = Issuer("https://one.test"), Issuer("https://two.test")
    two.status_list.uri = one.status_list.uri
    issuers = [trusted(each, introspection=None, status_list="required") for each in (one, two)]
    guard = Guard(issuers=issuers, transport=network(one, two))
    assert outcome(guard, one.listed_token()) == "accepted"
    assert outcome(guard, two.listed_token()) == "foreign_status_list"


def test_an_issuer_that_a_callable_finds_has_lists():
    issuer = Issuer(clock=SettableClock(NOW))
    settings = trusted(issuer, status_list="required")
    guard = Guard(issuers=lambda _: settings, transport=issuer.handle, clock=issuer.clock.clock)
    token = issuer.listed_token()
    assert outcome(guard, token) == "accepted"
    issuer.revoke(token)
    issuer.clock.advance(60)
    assert outcome(guard, token) == "revoked_by_status_list"


def test_the_lists_survive_a_fork():
    issuer, guard = make()
    guard.verify(issuer.listed_token())
    _, status = server_of(guard)
    document = status._documents[issuer.status_list.uri]
    parts: tuple[Any, ...] = (status.calls, status._memory, *status._breakers.values(), document)
    for part in parts:
        part._lock.acquire()  # a thread of the parent process held it
    guard._engine.resource.reset_after_fork()
    assert not any(part._lock.locked() for part in parts)
    assert outcome(guard, issuer.listed_token()) == "accepted"
    assert asked(issuer) == 1


def test_a_busy_issuer_is_known_to_be_busy():
    issuer, guard = make()
    guard.verify(issuer.listed_token())
    server, status = server_of(guard)
    assert not server.is_busy
    assert status.calls.enter(known=True) is None
    assert server.is_busy


def test_a_list_that_is_dropped_is_fetched_again():
    issuer, guard = make()
    guard.verify(issuer.listed_token())
    memory = guard._engine.resource._lists
    memory.use("other", "x", memory.MAX_BYTES, lambda: None, fetched=True)
    assert outcome(guard, issuer.listed_token()) == "accepted"
    assert asked(issuer) == 2


def test_a_reported_failure_names_the_setting(caplog):
    issuer, guard = make()
    issuer.fail(Unreachable("tls", "the certificate has expired"), at=LIST)
    outcome(guard, issuer.listed_token())
    assert "status_list_origins" in caplog.text


def test_a_call_that_finds_no_place_leaves_the_probe_to_another():
    issuer, guard = make()
    make_known(issuer, guard)
    issuer.fail("connection", at="other")
    for number in range(5):
        fetch_of(guard, f"{issuer.issuer}/lists/{number}")
    issuer.clock.advance(1)  # the breaker admits one probe
    _, status = server_of(guard)
    taken = [status.calls.enter(known=True) for _ in range(ListCalls.PLACES)]
    refused = fetch_of(guard, f"{issuer.issuer}/lists/x")
    assert isinstance(refused, Unreachable)
    assert refused.cause == "busy"
    for _ in taken:
        status.calls.leave()
    issuer.requests.clear()
    fetch_of(guard, f"{issuer.issuer}/lists/y")
    assert issuer.requests == ["other"]


def test_a_call_that_finds_no_place_is_refused():
    issuer, guard = make()
    make_known(issuer, guard)
    _, status = server_of(guard)
    for _ in range(ListCalls.PLACES):
        status.calls.enter(known=True)
    refused = fetch_of(guard, f"{issuer.issuer}/lists/x")
    assert isinstance(refused, Unreachable)
    assert refused.cause == "busy"


def test_a_list_without_a_place_waits_for_nothing_else():
    issuer, guard = make()
    _, status = server_of(guard)
    taken = [status.calls.enter(known=True) for _ in range(ListCalls.PLACES)]
    token = issuer.listed_token()
    assert outcome(guard, token) == "issuer_unavailable"
    for _ in taken:
        status.calls.leave()
    assert outcome(guard, token) == "accepted"


def test_a_list_is_counted_when_it_is_fetched():
    issuer, guard = make()
    memory = guard._engine.resource._lists
    issuer.status_list.size = 400_000
    fetch_of(guard, issuer.status_list.uri)
    assert 100_000 <= memory.size < 110_000


def test_a_list_that_is_used_stays_longer():
    issuer, guard = make()
    first = issuer.status_list.uri
    old = issuer.listed_token()
    guard.verify(old)
    issuer.status_list.uri = f"{issuer.issuer}/statuslists/2"
    guard.verify(issuer.listed_token())
    guard.verify(issuer.token(status={"status_list": {"idx": 5, "uri": first}}))
    memory = guard._engine.resource._lists
    memory.use("other", "x", memory.MAX_BYTES - memory.size + 1, lambda: None, fetched=True)
    _, status = server_of(guard)
    assert list(status._documents) == [first]
