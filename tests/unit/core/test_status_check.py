"""Status lists of an issuer: caching, new keys, longer lists and outages."""

from __future__ import annotations

import asyncio

import pytest

from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.errors import TokenRefused
from iiniit_guard.io.effects import run
from tests.unit.core.status_lists import LIST, NOW, asked, make, outcome, server_of


def test_a_revocation_that_is_found_early_ends_the_cached_token():
    issuer, guard = make()
    token = issuer.listed_token(expires_in=9000)
    guard.verify(token)
    issuer.revoke(token)
    issuer.clock.advance(47)
    _, status = server_of(guard)
    run(status._documents[issuer.status_list.uri].load(), guard._engine._runner.perform)
    assert outcome(guard, token) == "accepted"
    later = guard._engine.verify_async(token, outdated=float("inf"))
    with pytest.raises(TokenRefused, match="revoked"):
        asyncio.run(later)
    assert outcome(guard, token) == "revoked_by_status_list"


@pytest.mark.parametrize("ttl", [1, 10, 60, 299])
def test_a_cached_token_ends_before_its_list(ttl):
    issuer, guard = make()
    issuer.status_list.ttl = ttl
    tokens = [issuer.listed_token(expires_in=9000) for _ in range(10)]
    for token in tokens:
        issuer.clock.advance(0.09)
        assert outcome(guard, token) == "accepted"
        issuer.revoke(token)
    issuer.clock.advance(ttl - 0.09 * 9 if ttl > 1 else 1)
    assert {outcome(guard, token) for token in tokens} == {"revoked_by_status_list"}


def test_the_end_of_the_list_bounds_a_token_that_is_cached_late():
    issuer, guard = make()
    first, second = issuer.listed_token(), issuer.listed_token()
    guard.verify(first)
    issuer.clock.advance(40)
    issuer.revoke(second)
    assert outcome(guard, second) == "accepted"
    issuer.clock.advance(20)
    assert outcome(guard, second) == "revoked_by_status_list"


def test_the_wall_clock_that_is_set_back_does_not_prolong_a_list():
    issuer, guard = make()
    token = issuer.listed_token()
    guard.verify(token)
    issuer.revoke(token)
    issuer.clock.advance(60)
    issuer.clock.set_wall(NOW + 10)
    assert outcome(guard, token) == "revoked_by_status_list"


def test_a_list_ends_by_the_wall_clock_alone():
    issuer, guard = make()
    token = issuer.listed_token(expires_in=9000)
    guard.verify(token)
    issuer.revoke(token)
    issuer.clock.set_wall(NOW + 60)
    assert outcome(guard, token) == "revoked_by_status_list"


@pytest.mark.parametrize("fraction", [0, 0.5, 0.99])
def test_cached_tokens_end_one_after_the_other_and_before_their_list(fraction):
    issuer, guard = make()
    issuer.clock.advance(fraction)
    token = issuer.listed_token(expires_in=9000)
    guard.verify(token)
    left = guard._engine.resource.remaining(digest_of(token))
    assert 0 <= left - 60 * (0.8 + 0.2 * fraction) <= 1
    assert left <= 60


def test_the_longest_time_is_a_setting():
    issuer, guard = make(status_list_max_age_seconds=20)
    issuer.status_list.ttl = 43_200
    token = issuer.listed_token()
    guard.verify(token)
    issuer.revoke(token)
    issuer.clock.advance(20)
    assert outcome(guard, token) == "revoked_by_status_list"


def test_a_list_is_refreshed_in_the_background():
    issuer, guard = make()
    guard.verify(issuer.listed_token())
    issuer.clock.advance(55)
    with issuer.slow(3, at=LIST):
        assert outcome(guard, issuer.listed_token()) == "accepted"
    issuer.clock.advance(4)
    assert outcome(guard, issuer.listed_token()) == "accepted"
    assert asked(issuer) == 2


def test_a_suspended_token_is_accepted_again():
    issuer, guard = make()
    token = issuer.listed_token(expires_in=9000)
    issuer.suspend(token)
    assert outcome(guard, token) == "revoked_by_status_list"
    issuer.reinstate(token)
    issuer.clock.advance(60)
    assert outcome(guard, token) == "accepted"


def test_refused_tokens_cause_no_further_call():
    issuer, guard = make()
    token = issuer.listed_token()
    issuer.revoke(token)
    for _ in range(20):
        assert outcome(guard, token) == "revoked_by_status_list"
    assert asked(issuer) == 1


@pytest.mark.parametrize("status", [1, 2, 3])
def test_the_log_names_the_status(status, caplog):
    caplog.set_level("DEBUG", "iiniit_guard")
    issuer, guard = make()
    token = issuer.listed_token()
    issuer.set_status(token, status)
    outcome(guard, token)
    assert f"({status})" in caplog.text
    assert token not in caplog.text


def test_a_list_that_cannot_be_refreshed_is_used_until_its_end():
    issuer, guard = make()
    token = issuer.listed_token(expires_in=9000)
    guard.verify(token)
    issuer.fail("503", at=LIST)
    issuer.clock.advance(55)
    assert outcome(guard, token) == "accepted"
    issuer.clock.advance(5)
    assert outcome(guard, token) == "issuer_unavailable"


def test_a_longer_list_is_fetched_for_a_new_token():
    issuer, guard = make()
    issuer.status_list.ttl = 300
    issuer.status_list.size = 4
    guard.verify(issuer.listed_token())
    later = issuer.token(status={"status_list": {"idx": 9, "uri": issuer.status_list.uri}})
    assert outcome(guard, later) == "malformed_claim"  # the list is young
    assert asked(issuer) == 1
    issuer.clock.advance(30)
    assert outcome(guard, later) == "malformed_claim"
    assert asked(issuer) == 2
    issuer.clock.advance(30)
    issuer.status_list.size = 16
    assert outcome(guard, later) == "accepted"
    assert asked(issuer) == 3


def test_a_longer_list_that_cannot_be_fetched_is_an_outage():
    issuer, guard = make()
    issuer.status_list.ttl = 300
    guard.verify(issuer.listed_token())
    later = issuer.token(status={"status_list": {"idx": 5000, "uri": issuer.status_list.uri}})
    issuer.clock.advance(30)
    with issuer.down(at=LIST):
        assert outcome(guard, later) == "issuer_unavailable"
        assert outcome(guard, later) == "issuer_unavailable"
        assert outcome(guard, issuer.listed_token()) == "accepted"
    assert asked(issuer) == 2


def test_a_list_of_a_withdrawn_key_is_fetched_again():
    issuer, guard = make(keys_max_age_seconds=60)
    issuer.status_list.ttl = 300
    revoked = issuer.listed_token()
    guard.verify(revoked)
    issuer.clock.advance(61)
    issuer.rotate_keys(keep_old=False)
    issuer.revoke(revoked)
    assert outcome(guard, issuer.listed_token()) == "accepted"
    assert asked(issuer) == 2


def test_a_new_key_of_the_list_is_fetched():
    issuer, guard = make()
    guard.verify(issuer.token(status={"status_list": {"idx": 0, "uri": issuer.status_list.uri}}))
    old = issuer.signing_key
    issuer.clock.advance(60)
    issuer.rotate_keys()
    token = issuer.sign(
        {**issuer.introspect(issuer.listed_token()), "active": None},
        {"kid": old.kid},
        sign_with=old,
    )
    assert outcome(guard, token) == "accepted"
    assert issuer.requests[-2:] == [LIST, "jwks"]


def test_keys_that_cannot_be_fetched_are_an_outage():
    issuer, guard = make()
    old = issuer.signing_key
    guard.verify(issuer.listed_token())
    issuer.clock.advance(60)
    issuer.rotate_keys()
    token = issuer.sign(issuer.introspect(issuer.listed_token()), {"kid": old.kid}, sign_with=old)
    with issuer.down(at="jwks"):
        assert outcome(guard, token) == "issuer_unavailable"


def test_an_older_list_does_not_replace_a_newer_one():
    issuer, guard = make()
    token = issuer.listed_token(expires_in=9000)
    old = issuer.status_list.response(issuer)
    issuer.clock.advance(100)
    issuer.revoke(token)
    assert outcome(guard, token) == "revoked_by_status_list"
    issuer.fail(old, at=LIST)
    issuer.clock.advance(60)
    assert outcome(guard, token) == "issuer_unavailable"


def test_a_series_of_lists_does_not_go_back_in_time():
    issuer, guard = make()
    token = issuer.listed_token(expires_in=9000)
    issuer.revoke(token)
    assert outcome(guard, token) == "revoked_by_status_list"
    issuer.reinstate(token)
    seen = []
    for steps in range(1, 4):
        issuer.status_list.claims["iat"] = NOW - 20 * steps
        issuer.clock.advance(60)
        seen.append(outcome(guard, token))
    assert seen == ["accepted", "issuer_unavailable", "issuer_unavailable"]


def test_a_list_that_came_too_late_is_not_used():
    issuer, guard = make(status_list_max_age_seconds=3)
    guard.verify(issuer.listed_token())
    issuer.clock.advance(9)
    with issuer.slow(3, at=LIST):
        assert outcome(guard, issuer.listed_token()) == "issuer_unavailable"
    issuer.clock.advance(5)
    with issuer.slow(2.9, at=LIST):
        assert outcome(guard, issuer.listed_token()) == "accepted"


def test_a_token_that_expires_during_the_call_is_refused():
    issuer, guard = make(timeout_seconds=10)
    token = issuer.listed_token(expires_in=1)
    guard.verify(issuer.token(status=issuer.status_list.entry()))
    issuer.clock.advance(60)
    token = issuer.listed_token(expires_in=1)
    with issuer.slow(7, at=LIST):
        assert outcome(guard, token) == "expired"


def test_a_list_that_another_request_fetched_meanwhile_is_used():
    issuer, guard = make()
    guard.verify(issuer.listed_token())
    _, status = server_of(guard)
    document = status._documents[issuer.status_list.uri]
    used = document.value
    issuer.clock.advance(60)
    guard.verify(issuer.listed_token())
    assert used is not None
    assert run(document.load_after(used), guard._engine._runner.perform) is document.value
    assert asked(issuer) == 2


def test_a_list_is_an_outage_if_its_keys_are_missing():
    issuer, guard = make(keys_max_age_seconds=1)
    token = issuer.listed_token()
    issuer.slow_seconds = 2
    issuer.fail("slow", at=LIST)
    handle = issuer.handle

    def transport(request):
        reply = handle(request)
        if issuer.requests[-1] == LIST:
            issuer.clock.advance(9000)
            issuer.fail("503", at="jwks")
        return reply

    guard = issuer.guard(status_list="required", keys_max_age_seconds=1, transport=transport)
    assert outcome(guard, token) == "issuer_unavailable"
