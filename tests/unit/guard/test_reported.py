"""What a decision reports: its line in the log, and its event, in threads and on an event loop."""

from __future__ import annotations

import logging
from time import perf_counter

import pytest

from iiniit_guard.core.errors import IssuerUnavailable
from iiniit_guard.core.model.access_token import Principal
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.testing import dpop_proof, make_key
from tests.unit.guard.calling import READ, WRITE, both_verify, both_ways, decide_sync, request

KEY = make_key("ES256", "client")
NONCES = {
    "public_url": "https://api.test",
    "dpop_nonce": "required",
    "dpop_nonce_secret": "n" * 32,
}


@both_ways
def test_a_refusal_and_an_outage_are_logged_without_a_listener(issuer, guard, decide, caplog):
    caplog.set_level("INFO", "iiniit_guard")
    assert isinstance(decide(guard, request(issuer.token())), Allow)
    assert caplog.text == ""
    assert decide(guard, request(issuer.token(aud="x"))).reason is Reason.WRONG_AUDIENCE
    assert "wrong_audience" in caplog.text
    issuer.fail("connection")
    assert decide(guard, request(issuer.opaque_token())).reason is Reason.ISSUER_UNAVAILABLE
    assert "connection" in caplog.text


@both_verify
def test_an_outage_is_logged_without_a_request(issuer, guard, verify, caplog):
    issuer.fail("connection")
    with pytest.raises(IssuerUnavailable):
        verify(guard, issuer.token())
    assert "connection" in caplog.text


def test_a_principal_is_compared_with_a_handlers_policy(issuer):
    """The challenge of its own scheme has the error."""
    principal = Principal("ApiKey", "machine", frozenset({"user:read"}))
    with issuer.guard(alternatives={"ApiKey": lambda *_: principal}) as guard:
        allowed = guard._engine.authorize(request(), principal, READ)
        assert (allowed.token, allowed.principal) == (None, principal)
        refused = guard._engine.authorize(request(), principal, WRITE)
    assert refused.reason is Reason.MISSING_SCOPE
    challenge = refused.header("WWW-Authenticate")
    assert challenge.count("error=") == 1
    assert 'error="insufficient_scope"' in challenge.partition("ApiKey ")[2]


def test_a_refusal_that_was_found_elsewhere_took_no_time(heard, events):
    heard._engine.refuse(request(), PROBLEMS[Reason.AMBIGUOUS_PATH])
    assert [(event.reason, event.seconds) for event in events] == [(Reason.AMBIGUOUS_PATH, 0.0)]


@both_ways
def test_the_time_of_a_decision_ends_before_its_line_is_logged(issuer, heard, events, decide):
    """A handler of the log may write to a slow disk."""
    logged = []

    class Slow(logging.Handler):
        def emit(self, record):
            logged.append(perf_counter())
            while perf_counter() < logged[-1] + 0.02:
                pass

    log, handler = logging.getLogger("iiniit_guard"), Slow()
    log.addHandler(handler)
    try:
        began = perf_counter()
        assert decide(heard, request(issuer.token(aud="x"))).reason is Reason.WRONG_AUDIENCE
    finally:
        log.removeHandler(handler)
    assert events[-1].seconds <= logged[-1] - began


@both_ways
def test_a_grant_with_a_fresh_nonce_has_its_event(issuer, events, decide):
    """The first half of the decision emits the event of a grant that has no nonce."""
    token = issuer.token(dpop_key=KEY)

    def proven(nonce):
        made = dpop_proof(KEY, "GET", f"{NONCES['public_url']}/", token, nonce=nonce)
        lines = [(b"authorization", f"DPoP {token}".encode()), (b"dpop", made.encode())]
        return Request("GET", "/", headers=lines)

    with issuer.guard(on_event=events.append, **NONCES) as guard:
        nonce = decide_sync(guard, proven(None)).header("DPoP-Nonce")
        assert isinstance(decide_sync(guard, proven(nonce)), Allow)
        issuer.clock.advance(60)
        events.clear()
        allowed = decide(guard, proven(nonce))
        assert "DPoP-Nonce" in dict(allowed.headers)
        assert [(event.decision, event.cache) for event in events] == [("allow", "hit")]


def test_a_proof_that_was_accepted_for_the_request_needs_no_other_nonce(issuer):
    """Several handlers may check one request."""
    token, native = issuer.token(dpop_key=KEY), {"type": "http", "path": "/"}

    def proven(nonce, native=None):
        made = dpop_proof(KEY, "GET", f"{NONCES['public_url']}/", token, nonce=nonce)
        lines = [(b"authorization", f"DPoP {token}".encode()), (b"dpop", made.encode())]
        return Request("GET", "/", headers=lines, native=native)

    with issuer.guard(**NONCES) as guard:
        sent = proven(decide_sync(guard, proven(None)).header("DPoP-Nonce"), native)
        issuer.clock.advance(60)
        assert "DPoP-Nonce" in dict(decide_sync(guard, sent).headers)
        again = decide_sync(guard, sent)
        assert isinstance(again, Allow)
        assert "DPoP-Nonce" not in dict(again.headers)
