"""A filter or a handler of the application that raises does not change a decision."""

from __future__ import annotations

import logging

import pytest

from iiniit_guard import Guard, IssuerUnavailable, Request, TokenRefused
from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.io.daemon_threads import log_failure
from iiniit_guard.testing import Issuer, make_key

STORE = {"store_url": "redis://127.0.0.1:1", "store_secret": "s" * 32}


def fail(*_: object) -> bool:
    raise RuntimeError("canary")


@pytest.fixture(params=["filter", "handler"])
def lines(request):
    """Return the lines that the failing log was given."""
    seen: list[str] = []

    class Failing(logging.Handler):
        def filter(self, record):
            seen.append(record.getMessage())
            return request.param == "handler" or fail()

        def emit(self, record):
            fail()

    log, failing = logging.getLogger("iiniit_guard"), Failing()
    log.addHandler(failing) if request.param == "handler" else log.addFilter(failing)
    yield seen
    log.removeHandler(failing)
    log.removeFilter(failing)


@pytest.fixture
def issuer():
    return Issuer(signing_key=make_key("ES256", "tests of a failing log"))


def decided(guard: Guard, token: str) -> str:
    sent = [(b"authorization", f"Bearer {token}".encode())]
    return type(guard.authenticate(Request("GET", "/", b"", sent))).__name__


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        (STORE, "the shared store"),
        ({"on_event": fail}, "on_event failed"),
        ({"on_call": fail}, "on_call failed"),
        ({"scope_claims": ("client_id.x",)}, "scope_claims: "),
    ],
    ids=["store", "on_event", "on_call", "scope"],
)
def test_a_good_token_passes(issuer, lines, settings, start):
    with issuer.guard(**settings) as guard:
        assert decided(guard, issuer.opaque_token()) == "Allow"
    assert [line for line in lines if line.startswith(start)], lines


def test_a_refusal_has_the_body_of_the_guard(issuer, lines):
    with issuer.guard(error_body=fail) as guard:
        assert decided(guard, issuer.opaque_token()[:-1]) == "Deny"
    assert [line for line in lines if line.startswith("error_body: ")], lines


def test_a_rejected_token_is_refused(issuer, lines):
    reply = HttpResponse(400, (), b'{"error":"unsupported_token_type"}')
    issuer.fail(reply, at="introspection")
    with issuer.guard() as guard, pytest.raises(TokenRefused) as refused:
        guard.verify("x")
    assert refused.value.reason == "unsupported_token_type"
    assert lines[0].startswith("introspection: ")


def test_a_set_without_a_usable_key_is_an_outage(issuer, lines):
    issuer.fail(HttpResponse(200, (), b'{"keys":[{"kty":"oct"}]}'), at="jwks")
    with issuer.guard() as guard, pytest.raises(IssuerUnavailable) as outage:
        guard.verify(issuer.token())
    assert "no usable key" in str(outage.value)
    assert lines[0].startswith("jwks: keys of ")


def test_a_failure_in_the_background(lines):
    log_failure(ValueError("canary"))
    assert lines == ["work in the background failed: ValueError in ?"]
